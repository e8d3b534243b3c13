"""Graphs from the files of the TU Dortmund collection, one zip or folder a set, read by torch_geometric's own reader.

`NAME_A.txt` lists the edges, `NAME_graph_indicator.txt` the graph of each node, `NAME_graph_labels.txt` the classes,
`NAME_node_labels.txt` and `NAME_node_attributes.txt` describe nodes; all count from 1. Labels and attributes of edges
are not used, and not read.

References
----------
Morris et al., "TUDataset: a collection of benchmark datasets for learning with graphs", GRL+ at ICML 2020.
"""

import hashlib
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from graphs.datasets.raw_graphs import RawGraphs
from graphs.graph_set import IntArray
from testbed.errors import RequestError

__all__ = ["parse_tu_files", "read_tu_files"]

_REQUIRED: Final = ("A", "graph_indicator", "graph_labels")
_NODES: Final = ("node_labels", "node_attributes")


def read_tu_files(path: Path, name: str) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the content of each file of a set by what it is ("A", "graph_labels", ...), and the SHA-256 by file name.

    Parameters
    ----------
    path : a zip, or a folder with the files in it or in its folder `raw`.
    name : of the set.

    Raises
    ------
    RequestError : a file is missing, cannot be read or cannot be unpacked.
    """
    try:
        files, sources = _from_folder(path, name) if path.is_dir() else _from_zip(path, name)
    except OSError as error:
        raise RequestError(f"{path}: cannot be read ({error.strerror})") from None
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise RequestError(f"{path}: is not a whole zip archive ({error})") from None
    for part in _REQUIRED:
        if part not in files:
            raise RequestError(f"{path}: there is no {name}_{part}.txt in it")
    return files, sources


def _from_zip(path: Path, name: str) -> tuple[dict[str, bytes], dict[str, str]]:
    packed = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        members = {PurePosixPath(member).name: member for member in archive.namelist()}
        wanted = {part: members.get(f"{name}_{part}.txt") for part in (*_REQUIRED, *_NODES)}
        files = {part: archive.read(member) for part, member in wanted.items() if member is not None}
    return files, {path.name: hashlib.sha256(packed).hexdigest()}


def _from_folder(path: Path, name: str) -> tuple[dict[str, bytes], dict[str, str]]:
    folder = path / "raw" if (path / "raw").is_dir() else path
    files, sources = {}, {}
    for part in (*_REQUIRED, *_NODES):
        file = folder / f"{name}_{part}.txt"
        if file.is_file():
            files[part] = file.read_bytes()
            sources[file.name] = hashlib.sha256(files[part]).hexdigest()
    return files, sources


def parse_tu_files(files: Mapping[str, bytes], name: str, where: str, *, node_attributes: bool) -> RawGraphs:
    """Return the graphs that a set's files describe.

    Parameters
    ----------
    files : as `read_tu_files` returns them.
    name : of the set.
    where : where the files lie, for the message.
    node_attributes : whether to read them; refused if the set has none.

    Raises
    ------
    RequestError : files that do not fit together, such as one that ends early.
    """
    if node_attributes and "node_attributes" not in files:
        raise RequestError(f"{where}: node_attributes = true, and {name} has none; leave the setting out")
    graph_of = _graph_of_nodes(files["graph_indicator"], where)
    num_nodes = np.bincount(graph_of)
    with TemporaryDirectory() as folder:
        for part, content in files.items():
            if part != "node_attributes" or node_attributes:
                # The reader ignores what follows the last line break.
                Path(folder, f"{name}_{part}.txt").write_bytes(content.rstrip() + b"\n")
        from torch_geometric.io import read_tu_data  # loading it takes seconds

        try:
            data, slices, sizes = read_tu_data(folder, name)
        except (ValueError, IndexError, RuntimeError) as error:
            raise RequestError(f"{where}: cannot be read as a TU data set ({error})") from None
    if len(data.y) != len(num_nodes):
        raise RequestError(f"{where}: {len(num_nodes)} graphs and {len(data.y)} graph labels")
    if data.x is not None and len(data.x) != len(graph_of):
        raise RequestError(f"{where}: {len(graph_of)} nodes and {len(data.x)} node labels or attributes")
    num_tags, num_attributes = sizes["num_node_labels"], sizes["num_node_attributes"]
    features = None if data.x is None else data.x.numpy().astype(np.float32)
    return RawGraphs(
        num_nodes=num_nodes,
        edges=_through_all_graphs(data.edge_index.numpy(), slices["edge_index"].numpy(), num_nodes, where),
        tags=features[:, num_attributes:] if features is not None and num_tags else None,
        attributes=features[:, :num_attributes] if features is not None and num_attributes else None,
        labels=data.y.numpy(),
    )


def _graph_of_nodes(content: bytes, where: str) -> IntArray:
    try:
        graph_of = np.array(content.split(), dtype=np.int64) - 1
    except ValueError as error:
        raise RequestError(f"{where}: the graph indicator is not a column of integers ({error})") from None
    if not len(graph_of) or graph_of[0] != 0 or not np.isin(np.diff(graph_of), (0, 1)).all():
        raise RequestError(
            f"{where}: the graph indicator must start at 1 and count the graphs upwards, leaving out none"
        )
    return graph_of


def _through_all_graphs(edges: IntArray, ends: IntArray, num_nodes: IntArray, where: str) -> IntArray:
    """Return edges whose nodes are counted within their graph with nodes counted through all graphs."""
    counts = np.diff(ends)  # shorter than the graphs are many where the last have no edge
    graph_of = np.repeat(np.arange(len(counts)), counts)
    if edges.size and not (edges.min() >= 0 and (edges < num_nodes[graph_of]).all()):
        raise RequestError(f"{where}: an edge has an end that is no node of its graph")
    first_node = np.cumsum(num_nodes) - num_nodes
    through: IntArray = edges + first_node[graph_of]
    return through
