"""What the rules without a memory share: a round leaves their state as it was."""

from typing import ClassVar

from algorithms.selection.context import EnergyQueues, SelectionContext
from testbed.errors import RequestError
from testbed.layout import FloatArray
from testbed.settings import Part

__all__ = ["Memoryless", "require_clients"]


class Memoryless(Part):
    """The base of the rules whose choice does not depend on earlier rounds."""

    reads_norms: ClassVar[bool] = False

    def advance(self, context: SelectionContext, spent_j: FloatArray) -> EnergyQueues:
        """Return the state, which is as it was."""
        return context.queues


def require_clients(kind: str, num_clients: int, context: SelectionContext) -> None:
    """Refuse a number of clients that the federation does not have, present or not.

    Raises
    ------
    RequestError : it has fewer; the message names the selection `kind`.
    """
    if num_clients > context.num_clients:
        raise RequestError(
            f"selection {kind}: num_clients = {num_clients}, but there are {context.num_clients} clients"
        )
