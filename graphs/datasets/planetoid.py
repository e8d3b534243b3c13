"""The citation graphs Cora and Citeseer: a node is a paper, its features are its words, its class is its topic.

The folder `planetoid` of the data folder holds the files `ind.cora.x` and so on as published. They are pickles, and
reading a pickle runs whatever is written in it; so a file is read only if it is, byte for byte, the published one.

References
----------
Yang et al., "Revisiting semi-supervised learning with graph embeddings", ICML 2016: files and names.
"""

import hashlib
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

import numpy as np

from graphs.datasets.planetoid_digests import PLANETOID_DIGESTS
from graphs.datasets.source import NodeSource
from graphs.node_set import NodeSet
from graphs.undirected import undirected_edges
from testbed.errors import RequestError

__all__ = ["Planetoid"]

_FOLDER: Final = "planetoid"


class Planetoid(NodeSource):
    """The citation graph cora (2708 papers, 7 topics) or citeseer (3312, 6), words as features of 0 and 1.

    Our choice: the 15 papers of Citeseer that have neither words nor topic are left out with their citations;
    torch_geometric keeps them, 3327 in all, and counts them to topic 0. The public split is not used: every client
    splits its own nodes.
    """

    kind: str = "planetoid"
    name: Literal["cora", "citeseer"] = "cora"  # of the graph

    def read(self, data_dir: Path | None) -> NodeSet:
        """Return the graph, read once per process.

        Raises
        ------
        RequestError : no data folder given, or a file missing or not the published one; the message names it.
        """
        if data_dir is None:
            raise RequestError(
                f"the data set {self.kind!r} is read from {_FOLDER!r} in a data folder, and none is given: name one "
                "with --data, run.data_dir or the variable AIRWAN_DATA"
            )
        folder = Path(data_dir, _FOLDER).resolve()
        if not folder.is_dir():
            raise RequestError(f"the data set {self.kind!r} is not there: {folder} is not a folder")
        return _load(folder, self.name)


@lru_cache(maxsize=2)
def _load(folder: Path, name: str) -> NodeSet:
    sources = _checked(folder, name)
    from torch_geometric.io import read_planetoid_data  # loading it takes seconds

    with warnings.catch_warnings():
        # The pickles name modules of SciPy and NumPy as they were called in 2016.
        warnings.simplefilter("ignore")
        data = read_planetoid_data(str(folder), name)
    features, labels = data.x.numpy().astype(np.float32), data.y.numpy()
    known = features.any(axis=1)
    edges = undirected_edges(data.edge_index.numpy(), len(labels), name)
    edges = edges[:, known[edges].all(axis=0)]
    return NodeSet(
        name=name,
        edges=(np.cumsum(known) - 1)[edges],
        features=features[known],
        labels=labels[known],
        num_classes=int(labels.max()) + 1,
        sources=sources,
    )


def _checked(folder: Path, name: str) -> dict[str, str]:
    """Return the SHA-256 of each file of a graph.

    Raises
    ------
    RequestError : a file is missing, or not the published one.
    """
    sources = {}
    for file, expected in PLANETOID_DIGESTS[name].items():
        try:
            sources[file] = hashlib.sha256((folder / file).read_bytes()).hexdigest()
        except OSError as error:
            raise RequestError(f"{folder / file}: cannot be read ({error.strerror})") from None
        if sources[file] != expected:
            raise RequestError(
                f"{folder / file}: is not the published file (SHA-256 {sources[file]}, not {expected}), and as a "
                "pickle it is not read: fetch it again"
            )
    return sources
