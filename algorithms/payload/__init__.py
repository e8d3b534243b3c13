"""Payloads: what the members of a group put on the air.

`model.py` holds the protocol `Payload` and its plainest form, the model itself; `delta.py` sends the update
against the version the group started from. Without noise they decode to the same group model; with noise they
do not, because a receiver that shrinks against the noise shrinks what was sent.
"""

from algorithms.payload.delta import DeltaPayload
from algorithms.payload.model import ModelPayload, Payload

__all__ = ["DeltaPayload", "ModelPayload", "Payload"]
