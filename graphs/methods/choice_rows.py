"""The table of methods whose clients choose among several models."""

from testbed.records import Schema

__all__ = ["MODEL_CHOICE"]

MODEL_CHOICE = Schema.of(
    "model_choice",
    "Which of several models a client took and trained: one row per client and round in which it delivered.",
    version=("int", "global version that the round made"),
    time_s=("float", "time of that version [s]"),
    client=("int", "client = device id"),
    model=("int", "number of the model, from 0"),
)
