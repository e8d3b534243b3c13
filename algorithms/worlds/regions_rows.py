"""The tables that a world of regions adds to the records of a run."""

from testbed.records import Schema

__all__ = ["PACE", "REGION", "SYNC"]

REGION = Schema.of(
    "region",
    "The regions: their place in the network, their data and their machines.",
    region=("int", "number of the region = device id"),
    name=("str", "its node in the network"),
    num_samples=("int", "samples of its shard"),
    label_distance=("float", "L1 distance of its mix of labels or tokens from the global one, 0 to 2"),
    profile=("str", "device profile"),
    flop_per_s=("float", "effective speed [FLOP/s]"),
    step_s=("float", "planned time of one inner step [s]"),
    parameters=("float", "entries of the model that is trained"),
    charged_parameters=("float", "entries of the model that the clock charges"),
)

SYNC = Schema.of(
    "sync",
    "One row per collective exchange that was used: what it carried, when, and how far it moved the global model.",
    sync=("int", "number of the exchange, in the order in which they were completed and used"),
    fragment=("int", "fragment p; -1 for the whole model"),
    send_step=("int", "inner step after which it was sent, t_p"),
    apply_step=("int", "inner step after which it was due, t_l"),
    asked_s=("float", "when the last region had reached the send step [s]"),
    start_s=("float", "when the network took it up [s]"),
    end_s=("float", "when the last region had the result [s]"),
    bits=("float", "bits that the regions put on the network for it [bit]"),
    delta_norm=("float", "Euclidean norm of the mean that was received"),
)

PACE = Schema.of(
    "pace",
    "How often fragments are sent, each time adaptive transmission settled on something.",
    step=("int", "inner step after which it holds"),
    time_s=("float", "when a region first acted on it [s]"),
    num_syncs=("int", "fragments that should go in a horizon of H steps, N"),
    spacing_steps=("int", "inner steps from slot to slot, h"),
    oversubscribed=("bool", "whether the network cannot carry each fragment once in H steps"),
)
