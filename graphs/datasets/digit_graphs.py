"""The handwritten digits of scikit-learn as graphs of their bright pixels: always available.

Source: UCI Machine Learning Repository, "Optical recognition of handwritten digits" (test part), as shipped inside
scikit-learn.
"""

import hashlib
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from graphs.datasets.source import GraphSource
from graphs.graph_set import FloatArray, GraphSet, IntArray

__all__ = ["DigitGraphs", "pixel_graphs"]

_THRESHOLD: Final = 7.0
_BRIGHTEST: Final = 16.0
# Half of the eight neighbours, as steps in (row, column); the other half is their reverse.
_STEPS: Final = ((0, 1), (1, -1), (1, 0), (1, 1))


class DigitGraphs(GraphSource):
    """1797 handwritten digits of 10 classes, each the graph of its pixels above 7 of 16 (our choice), always available.

    A node is a kept pixel, in reading order, with its intensity / 16 as its one feature; pixels that touch, also at a
    corner, are joined. A digit without kept pixel would keep its brightest; none of the 1797 is (the least keeps 13).
    """

    kind: str = "digit-graphs"

    def read(self, data_dir: Path | None) -> GraphSet:
        """Return the graphs; `data_dir` is not used. They are made once per process."""
        return _load()


@lru_cache(maxsize=1)
def _load() -> GraphSet:
    from sklearn.datasets import load_digits  # loading it takes a second

    pixels, labels = load_digits(return_X_y=True)
    num_nodes, num_edges, edges, intensities = pixel_graphs(pixels.reshape(-1, 8, 8), _THRESHOLD)
    file = resources.files("sklearn.datasets").joinpath("data", "digits.csv.gz")
    return GraphSet(
        name="digit-graphs",
        domains=("digit-graphs",),
        domain_of=np.zeros(len(labels), np.int64),
        node_offsets=np.cumsum(np.concatenate([[0], num_nodes]), dtype=np.int64),
        edge_offsets=np.cumsum(np.concatenate([[0], num_edges]), dtype=np.int64),
        edges=edges,
        features=(intensities[:, None] / np.float32(_BRIGHTEST),),
        labels=labels.astype(np.int64),
        num_classes=(10,),
        sources={file.name: hashlib.sha256(file.read_bytes()).hexdigest()},
    )


def pixel_graphs(images: npt.NDArray[np.float64], threshold: float) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
    """Return images as graphs of their pixels above a threshold; each keeps at least its (first) brightest.

    Parameters
    ----------
    images : (num_images, rows, columns) intensities.
    threshold : pixels with more are nodes.

    Returns
    -------
    nodes of each graph (num_images,); directed edges of each (num_images,); edges (2, num_edges), nodes counted in
    reading order within their graph, sorted by source and then target; intensities of all nodes (num_nodes,) float32.
    """
    count, rows, columns = images.shape
    flat = images.reshape(count, -1)
    kept = flat > threshold
    kept[np.arange(count), flat.argmax(axis=1)] = True
    number = (np.cumsum(kept, axis=1) - 1).reshape(images.shape)
    kept = kept.reshape(images.shape)
    links = []  # rows of (image, one end, other end)
    for down, right in _STEPS:
        here = np.s_[:, : rows - down, max(0, -right) : columns - max(0, right)]
        there = np.s_[:, down:, max(0, right) : columns - max(0, -right)]
        image, row, column = np.nonzero(kept[here] & kept[there])
        ends = number[here][image, row, column], number[there][image, row, column]
        links += [np.stack([image, *ends]), np.stack([image, *ends[::-1]])]
    image, source, target = np.concatenate(links, axis=1)
    order = np.lexsort((target, source, image))
    edges = np.stack([source, target])[:, order].astype(np.int64)
    num_nodes = kept.sum(axis=(1, 2), dtype=np.int64)
    return num_nodes, np.bincount(image, minlength=count), edges, images[kept].astype(np.float32)
