"""Tables that are made when somebody asks for them, and can be walked without being held."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["LazyTables", "TableSource"]


class TableSource(Protocol):
    """Where the rows of one table are."""

    def table(self) -> "pa.Table":
        """Return all rows."""
        ...

    def rows(self, start: int, num_rows: int) -> "pa.Table":
        """Return at most `num_rows` rows from the `start`-th on, in one chunk, and hold no others."""
        ...


class LazyTables(Mapping[str, "pa.Table"]):
    """Tables by name; each is made once, when it is first asked for.

    >>> import pyarrow as pa
    >>> class Numbers:
    ...     def table(self): return pa.table({"number": [1, 2]})
    ...     def rows(self, start, num_rows): return self.table().slice(start, num_rows)
    >>> LazyTables({"numbers": Numbers()})["numbers"].num_rows
    2
    """

    def __init__(self, sources: Mapping[str, TableSource]) -> None:
        self._sources = dict(sources)
        self._made: dict[str, pa.Table] = {}

    def __getitem__(self, name: str) -> "pa.Table":
        if name not in self._made:
            self._made[name] = self._sources[name].table()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    def __contains__(self, name: object) -> bool:
        return name in self._sources  # without making it

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return dict, (dict(self),)  # another process has the rows and not their sources

    def rows(self, name: str, start: int, num_rows: int) -> "pa.Table":
        """Return at most `num_rows` rows of a table from the `start`-th on, in one chunk."""
        return self._sources[name].rows(start, num_rows)
