"""The tables of the methods that split clusters of clients."""

from testbed.records import Schema

__all__ = ["SPLIT_CRITERION", "SPLIT_MEMBERSHIP"]

SPLIT_CRITERION = Schema.of(
    "split_criterion",
    "What GCFL and GCFL+ decide by: one row per cluster and round in which one of its members delivered.",
    round=("int", "number of the round, from 1"),
    time_s=("float", "when it was decided [s]"),
    version=("int", "global version that the round then made"),
    cluster=("int", "number of the cluster before the decision"),
    num_members=("int", "clients in it"),
    num_delivered=("int", "those whose update arrived"),
    mean_norm=("float", "||mean dW||, to be below eps1"),
    max_norm=("float", "max ||dW_i||, to be above eps2"),
    split=("int", "1 if the cluster was split, else 0"),
)

SPLIT_MEMBERSHIP = Schema.of(
    "split_membership",
    "Which cluster a client is in: one row per client at the start, and per member of a cluster that was split.",
    version=("int", "global version from which on it is so"),
    time_s=("float", "time of that version [s]"),
    client=("int", "client = device id"),
    cluster=("int", "number of its cluster; the part of a split with the lowest client keeps the number"),
)
