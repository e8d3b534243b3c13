"""What a graph network must know of the data before it can be built."""

from dataclasses import dataclass

from testbed.errors import RequestError

__all__ = ["GraphShape"]


@dataclass(frozen=True)
class GraphShape:
    """The sizes of node features and classes of one or several data sets of graphs.

    Parameters
    ----------
    domains : the names of the data sets, at least one.
    widths : features of a node, for each domain.
    num_classes : for each domain its number of classes.
    num_extras : numbers of a node besides its features (its structure encoding), the same in all domains; 0 for none.

    Raises
    ------
    RequestError : not as many numbers as domains, or a number below 1.

    >>> GraphShape(("PROTEINS", "ENZYMES"), (3, 3), (2, 6)).max_classes
    6
    """

    domains: tuple[str, ...]
    widths: tuple[int, ...]
    num_classes: tuple[int, ...]
    num_extras: int = 0

    def __post_init__(self) -> None:
        if not 1 <= len(self.domains) == len(self.widths) == len(self.num_classes):
            raise RequestError(
                f"{len(self.domains)} domains need as many widths and numbers of classes, got {self.widths} and "
                f"{self.num_classes}"
            )
        if min(*self.widths, *self.num_classes) < 1 or self.num_extras < 0:
            raise RequestError(f"widths and numbers of classes must be at least 1: {self}")

    @property
    def max_classes(self) -> int:
        """The largest number of classes: the columns of the logits of every domain."""
        return max(self.num_classes)
