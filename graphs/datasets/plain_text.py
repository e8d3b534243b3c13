"""Graphs from one text file, as the code of DGCNN keeps them.

The first line is the number of graphs. A graph is a line `nodes label` and then one line a node, `tag degree
neighbour neighbour ...`, neighbours counted from 0 within the graph.

References
----------
Zhang et al., "An end-to-end deep learning architecture for graph classification", AAAI 2018: the data of its code.
"""

from collections.abc import Iterator

import numpy as np

from graphs.datasets.node_features import one_hot
from graphs.datasets.raw_graphs import RawGraphs
from testbed.errors import RequestError

__all__ = ["parse_plain_text"]


def parse_plain_text(text: str, where: str) -> RawGraphs:
    """Return the graphs of a file's text.

    Parameters
    ----------
    text : the content of the file.
    where : its name, for the message.

    Raises
    ------
    RequestError : a line that is not as it should be, with its number, or a file that ends early or late.
    """
    lines = _lines(text, where)
    (num_graphs,) = _counted(next(lines), where, 1, "the number of graphs")
    num_nodes, labels, tags = [], [], []
    sources, targets = [], []
    first = 0
    for _ in range(num_graphs):
        nodes, label = _counted(next(lines), where, 2, "nodes and label of a graph")
        for node in range(first, first + nodes):
            number, values = next(lines)
            if len(values) < 2 or len(values) != 2 + values[1]:
                raise _refusal(where, number, "a tag, a degree and so many neighbours", values)
            tags.append(values[0])
            if any(not 0 <= neighbour < nodes for neighbour in values[2:]):
                raise _refusal(where, number, f"neighbours from 0 to {nodes - 1}", values)
            sources += [node] * values[1]
            targets += [first + neighbour for neighbour in values[2:]]
        num_nodes.append(nodes)
        labels.append(label)
        first += nodes
    if (left := next(lines, None)) is not None and left[1]:
        raise _refusal(where, left[0], f"the end after {num_graphs} graphs", left[1])
    return RawGraphs(
        num_nodes=np.array(num_nodes, np.int64),
        edges=np.array([sources, targets], np.int64),
        tags=one_hot(np.array(tags, np.int64)) if tags else None,
        attributes=None,
        labels=np.array(labels, np.int64),
    )


def _lines(text: str, where: str) -> Iterator[tuple[int, list[int]]]:
    """Yield number and values of each line that is not empty; then, once, an empty one."""
    number = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                yield number, [int(word) for word in line.split()]
            except ValueError:
                raise RequestError(f"{where}, line {number}: {line[:60]!r} is not a row of integers") from None
    yield number + 1, []


def _counted(line: tuple[int, list[int]], where: str, width: int, what: str) -> list[int]:
    number, values = line
    if len(values) != width or values[0] < 0:
        raise _refusal(where, number, what, values)
    return values


def _refusal(where: str, number: int, expected: str, values: list[int]) -> RequestError:
    found = " ".join(map(str, values[:12])) if values else "the end of the file"
    return RequestError(f"{where}, line {number}: expected {expected}, found {found}")
