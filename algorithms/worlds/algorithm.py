"""What a world asks of a method."""

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from algorithms.worlds.federation import Federation

__all__ = ["Algorithm", "AnyAlgorithm"]


class AnyAlgorithm(Protocol):
    """A method of any world; one whose class does not name its `world` is for a federation."""

    @property
    def reads_trained_values(self) -> bool:
        """Whether, with these settings, a decision depends on them; if none does, neither does the timeline."""
        ...

    def start(self, world: Any, /) -> None:
        """Start the method's processes in its world; called once, at time zero."""
        ...


class Algorithm(Protocol):
    """A federated method: settings, and the processes it starts in a federation."""

    @property
    def reads_trained_values(self) -> bool:
        """Whether, with these settings, a decision depends on them; if none does, neither does the timeline."""
        ...

    def start(self, fed: "Federation") -> None:
        """Form groups and start their processes; called once, at time zero."""
        ...
