"""The tables that a federation adds to the records of a run."""

from testbed.records import Schema

__all__ = [
    "AGGREGATION",
    "CLIENT",
    "CONTRIBUTION",
    "GROUP",
    "MEMBERSHIP",
    "PARTICIPATION",
    "PREPARATION",
    "SELECTION",
    "VERSION",
]

VERSION = Schema.of(
    "version",
    "One row per global update: what was mixed in, how stale it was, how far it moved the model.",
    version=("int", "number t of the global model this update made"),
    time_s=("float", "simulated time of the update [s]"),
    group=("int", "group whose members were aggregated"),
    base_version=("int", "version l_t on which they had trained; the oldest, if they differ"),
    staleness=("int", "global versions missed, tau_t = t - 1 - l_t"),
    num_active=("int", "members whose update is in it"),
    num_members=("int", "members of the group"),
    mixing_weight=("float", "share beta of the new model taken from the group, or sum of the weights of added updates"),
    progress_norm=("float", "beta ||w_group - base||: what the group added"),
    pull_back_norm=("float", "beta ||w_(t-1) - base||: what mixing with a stale base took back"),
    span_id=("int", "the transmission that delivered it"),
)

CONTRIBUTION = Schema.of(
    "contribution",
    "One row per model in a global update, for methods that collect models of different bases.",
    version=("int", "number t of the global model it went into"),
    client=("int", "client = device id"),
    base_version=("int", "version on which it had trained"),
    staleness=("int", "global versions it had missed, t - 1 - base_version"),
    weight=("float", "what its model or update was multiplied with"),
    span_id=("int", "the upload that delivered it"),
)

AGGREGATION = Schema.of(
    "aggregation",
    "One row per over-the-air aggregation: what the channel and the power control did to it.",
    span_id=("int", "the superposed transmission"),
    version=("int", "global version it made"),
    group=("int", "transmitting group"),
    num_active=("int", "members that transmitted"),
    noise_energy_j=("float", "n0 = E||z||^2 on the decoded vector [J]"),
    receive_scale=("float", "receive scale r"),
    alignment=("float", "sum_i r c_i: 1 is unbiased, less is shrinkage"),
    aggregation_nmse=("float", "||estimate - wanted||^2 / ||wanted||^2 as it happened"),
    predicted_nmse=("float", "the power control's own prediction over ||wanted||^2"),
)

GROUP = Schema.of(
    "group",
    "The groups formed before training.",
    group=("int", "number of the group"),
    num_members=("int", "clients in it"),
    share=("float", "its share beta_j of all samples"),
    label_distance=("float", "L1 distance Lambda_j of its label mix from the global one, 0 to 2"),
    planned_period_s=("float", "L_j = slowest member's training time plus the upload time [s]"),
)

MEMBERSHIP = Schema.of(
    "membership",
    "Who is in which group.",
    group=("int", "number of the group"),
    client=("int", "client = device id"),
    num_samples=("int", "its samples d_i"),
    share=("float", "its share d_i / D of all samples"),
    planned_training_s=("float", "its training time l_i for one job [s]"),
)

CLIENT = Schema.of(
    "client",
    "The clients: their data and their device.",
    client=("int", "client = device id"),
    num_samples=("int", "its samples d_i"),
    label_distance=("float", "L1 distance of its label mix from the global one, 0 to 2"),
    profile=("str", "device profile"),
    flop_per_s=("float", "effective speed [FLOP/s]"),
)

PARTICIPATION = Schema.of(
    "participation",
    "Members that a round went on without, and why.",
    time_s=("float", "when it was decided [s]"),
    group=("int", "group"),
    client=("int", "client = device id"),
    status=("str", "absent-at-broadcast, absent-at-transmission, late, lost, silenced or undelivered"),
    version=("int", "global version current at that time"),
)

SELECTION = Schema.of(
    "selection",
    "One row per finished round in which a rule chose whom to ask.",
    round=("int", "number of the round, from 0; rounds in which nobody transmitted count"),
    time_s=("float", "end of the round [s]"),
    version=("int", "global version that was sent out"),
    num_asked=("int", "members to whom it was sent"),
    num_active=("int", "members whose signal or upload arrived"),
    energy_tx_j=("float", "energy they radiated in the round, in vain or not [J]"),
    mean_backlog_j=("float", "mean over all clients of their energy queue after the round [J]"),
    longest_backlog_j=("float", "the longest of the energy queues after the round [J]"),
)

PREPARATION = Schema.of(
    "preparation",
    "What a client computes once before its first training, and what it sends the server of it.",
    client=("int", "client = device id"),
    span_id=("int", "the last span of the computing"),
    start_s=("float", "when the device took it up [s]"),
    end_s=("float", "when it was done or given up [s]"),
    flop=("float", "floating-point operations spent [FLOP]"),
    energy_compute_j=("float", "energy spent computing [J]"),
    bits=("float", "what it sent [bit]"),
    outcome=("str", "completed, lost, or undelivered"),
)
