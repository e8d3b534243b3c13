"""The table of a federation whose payloads are encoded client by client."""

from testbed.records import Schema

__all__ = ["PACKET"]

PACKET = Schema.of(
    "packet",
    "One row per encoded model or update, for methods that write each client's by itself.",
    time_s=("float", "when a model was written, or the round's updates were read [s]"),
    client=("int", "client = device id"),
    direction=("str", "down: a model for the client; up: what it answered, if that arrived"),
    version=("int", "global version that was sent"),
    bits=("float", "size of the encoding, which is what the transfer is charged [bit]"),
    nmse=("float", "||received - wanted||^2 / ||wanted||^2; up with what error feedback adds"),
)
