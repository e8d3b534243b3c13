"""Several TU sets together, each a domain with its own features and classes."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from graphs.datasets.source import GraphSource
from graphs.datasets.tu_dataset import TuDataset, available_tu_sets, tu_folder
from graphs.graph_set import GraphSet
from testbed.errors import RequestError, nearest_names

__all__ = ["COLLECTIONS", "GraphCollection", "join"]

_MOLECULES: Final = ("MUTAG", "BZR", "COX2", "DHFR", "PTC_MR", "AIDS", "NCI1")
_PROTEINS: Final = ("ENZYMES", "DD", "PROTEINS")

# The first two and "mix" are those of the GCFL paper; "social" is two of its three social sets, "mix-small" our choice.
COLLECTIONS: Final = {
    "molecules": _MOLECULES,
    "biochem": (*_MOLECULES, *_PROTEINS),
    "social": ("IMDB-BINARY", "IMDB-MULTI"),
    "mix": (*_MOLECULES, *_PROTEINS, "COLLAB", "IMDB-BINARY", "IMDB-MULTI"),
    "mix-small": ("PROTEINS", "IMDB-BINARY", "NCI1"),
}


class GraphCollection(GraphSource):
    """Several TU sets, listed or by the name of a collection; class 0 of one has nothing to do with that of another.

    References
    ----------
    Xie et al., "Federated graph classification over non-IID graphs", NeurIPS 2021, section 5: molecules, biochem, mix.
    """

    kind: str = "graph-collection"
    names: Annotated[tuple[str, ...], Field(max_length=100)] = ()  # of the sets, in the order of the domains
    # None: the sets are listed in `names`.
    collection: Literal["molecules", "biochem", "social", "mix", "mix-small"] | None = None  # a collection by its name
    # What is left out is stated in the name of the data set, and so in every result.
    leave_out_missing: bool = False  # whether a named collection goes without the sets that the data folder lacks

    @model_validator(mode="after")
    def _check(self) -> Self:
        if bool(self.names) == (self.collection is not None):
            raise RequestError("a graph-collection needs either names or a collection")
        if len(set(self.names)) < len(self.names):
            raise RequestError(f"names = {list(self.names)}: every set may stand in it once")
        if self.names and self.leave_out_missing:
            raise RequestError("leave_out_missing is for a named collection; of names, leave out what is missing")
        return self

    def read(self, data_dir: Path | None) -> GraphSet:
        """Return the graphs of all sets, read once per process.

        Raises
        ------
        RequestError : no data folder given, a set is not in it, or a file damaged; the message names it.
        """
        folder = tu_folder(data_dir, self.kind)
        wanted = self.names if self.collection is None else COLLECTIONS[self.collection]
        there = available_tu_sets(folder)
        missing = [name for name in wanted if name not in there]
        left = tuple(name for name in wanted if name not in missing)
        if missing and not (self.leave_out_missing and left):
            near = [other for name in missing for other in nearest_names(name, there, limit=1)]
            hint = f"did you mean {' or '.join(map(repr, near))}? " if near and self.names else ""
            way_out = "" if self.names else "; leave_out_missing = true goes without"
            raise RequestError(
                f"the data set {self.kind!r}: {folder} has no {', '.join(missing)}. {hint}"
                f"There are: {', '.join(there) or 'none'}{way_out}"
            )
        without = f" without {', '.join(missing)}" if missing else ""
        return _load(folder.parent, left, f"{self.collection or '+'.join(left)}{without}")


@lru_cache(maxsize=8)
def _load(data_dir: Path, names: tuple[str, ...], name: str) -> GraphSet:
    return join([TuDataset(name=each).read(data_dir) for each in names], name)


def join(parts: Sequence[GraphSet], name: str) -> GraphSet:
    """Return sets of graphs as one, in their order, the domains of each after those before it.

    Raises
    ------
    RequestError : no set, or two domains of one name.
    """
    domains = tuple(domain for part in parts for domain in part.domains)
    if len(set(domains)) < len(domains):
        raise RequestError(f"data set {name!r}: two of the domains {', '.join(domains)} have one name")
    if not parts:
        raise RequestError(f"data set {name!r}: there is no set to join")
    before = np.cumsum([0, *(len(part.domains) for part in parts)])
    return GraphSet(
        name=name,
        domains=domains,
        domain_of=np.concatenate([part.domain_of + first for part, first in zip(parts, before, strict=False)]),
        node_offsets=np.cumsum(np.concatenate([[0], *(part.num_nodes for part in parts)]), dtype=np.int64),
        edge_offsets=np.cumsum(np.concatenate([[0], *(part.num_edges for part in parts)]), dtype=np.int64),
        edges=np.concatenate([part.edges for part in parts], axis=1),
        features=tuple(matrix for part in parts for matrix in part.features),
        labels=np.concatenate([part.labels for part in parts]),
        num_classes=tuple(classes for part in parts for classes in part.num_classes),
        sources={file: digest for part in parts for file, digest in part.sources.items()},
    )
