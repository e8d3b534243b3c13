"""What is known of a fragment when it is applied, and the protocol of the rules that apply it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from testbed.layout import FloatArray

__all__ = ["Compensation", "Flight"]


@dataclass(frozen=True, kw_only=True)
class Flight:
    """The way of one fragment from its sending to its application, in inner steps.

    Attributes
    ----------
    delay_steps : tau >= 0, from sending to applying.
    interval_steps : from the previous sending of this fragment, or the start of the run, to this one; at least 1.
    sync_every : H >= 1, the horizon of the method.
    tensors : which entries of the fragment are which tensor.
    """

    delay_steps: int
    interval_steps: int
    sync_every: int
    tensors: Sequence[slice]

    def __post_init__(self) -> None:
        for name, least in {"delay_steps": 0, "interval_steps": 1, "sync_every": 1}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")


class Compensation(Protocol):
    """How a region takes over global parameters that left out its latest steps."""

    def apply(self, local: FloatArray, sent: FloatArray, anchor: FloatArray, flight: Flight) -> FloatArray:
        """Return the region's new parameters of the fragment, (num_entries,), in the precision of `local`.

        Parameters
        ----------
        local : th(t_l) : (num_entries,), the region's parameters now.
        sent : s : (num_entries,), a copy of what they were when the fragment was sent.
        anchor : G : (num_entries,), the global parameters after the outer step.
        """
        ...
