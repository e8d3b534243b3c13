"""Features of nodes that a file only labels, or only connects."""

from typing import Final

import numpy as np

from graphs.graph_set import FloatArray, IntArray
from testbed.errors import RequestError

__all__ = ["MAX_DEGREE", "degree_one_hot", "node_features", "one_hot"]

# Fixed for each set, so that all clients have inputs of one size whatever graphs they hold. The first two are the
# largest degrees of the sets (counted on the files); COLLAB's is that of the GCFL code.
MAX_DEGREE: Final = {"IMDB-BINARY": 135, "IMDB-MULTI": 88, "COLLAB": 491}


def one_hot(values: IntArray) -> FloatArray:
    """Return each value as a row with a single 1, (num_values, largest - smallest + 1).

    >>> one_hot(np.array([3, 5])).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    columns = values - values.min()
    matrix = np.zeros((len(values), int(columns.max()) + 1), np.float32)
    matrix[np.arange(len(values)), columns] = 1.0
    return matrix


def degree_one_hot(degrees: IntArray, max_degree: int) -> FloatArray:
    """Return each degree as a row with a single 1, (num_nodes, max_degree + 1); larger degrees count as `max_degree`.

    >>> degree_one_hot(np.array([0, 9]), 2).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    matrix = np.zeros((len(degrees), max_degree + 1), np.float32)
    matrix[np.arange(len(degrees)), np.minimum(degrees, max_degree)] = 1.0
    return matrix


def node_features(
    name: str, tags: FloatArray | None, attributes: FloatArray | None, degrees: IntArray, max_degree: int | None
) -> FloatArray:
    """Return the features of all nodes: one-hot node labels, else one-hot degrees; then attributes, where given.

    A label that all nodes share says nothing and counts as none. A `max_degree` that is given asks for degrees beside
    the labels.

    Raises
    ------
    RequestError : a set without labels and attributes whose largest degree nobody states.
    """
    labelled = tags is not None and tags.shape[1] > 1
    cap = max_degree if max_degree is not None or labelled else MAX_DEGREE.get(name)
    columns = [matrix for matrix in (tags if labelled else None, attributes) if matrix is not None]
    if cap is not None:
        columns.insert(int(labelled), degree_one_hot(degrees, cap))
    if not columns:
        raise RequestError(
            f"{name} has no node labels, so the degree of a node is its feature, and the largest is fixed only for "
            f"{', '.join(MAX_DEGREE)}: state max_degree (here the largest is {degrees.max()})"
        )
    return np.concatenate(columns, axis=1)
