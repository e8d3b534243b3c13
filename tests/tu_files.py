"""Graphs written in the formats of the TU collection and of DGCNN, for tests of their readers."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["LISTED", "plain_text", "tu_files", "write_folder", "write_zip"]

# A graph: its label, the tags of its nodes, its edges (each once, nodes from 0). Two classes, labelled -1 and 1; a lone
# node, a graph without edges at the very end, tags with a gap.
Listed = Sequence[tuple[int, Sequence[int], Sequence[tuple[int, int]]]]
LISTED: Listed = (
    (1, (3, 3, 5), ((0, 1), (1, 2), (0, 2))),
    (-1, (5,), ()),
    (1, (3, 4, 4, 5), ((0, 3), (1, 3))),
    (-1, (4, 4), ()),
)


def tu_files(graphs: Listed = LISTED, *, with_tags: bool = True) -> dict[str, str]:
    """Return the text of each file by what it is, without the last line break."""
    edges, indicator, tags = [], [], []
    first = 1
    for number, (_, own_tags, own_edges) in enumerate(graphs, start=1):
        for one, other in own_edges:
            edges += [f"{first + one}, {first + other}", f"{first + other}, {first + one}"]
        indicator += [str(number)] * len(own_tags)
        tags += map(str, own_tags)
        first += len(own_tags)
    files = {
        "A": "\n".join(edges),
        "graph_indicator": "\n".join(indicator),
        "graph_labels": "\n".join(str(label) for label, _, _ in graphs),
    }
    return files | ({"node_labels": "\n".join(tags)} if with_tags else {})


def plain_text(graphs: Listed = LISTED) -> str:
    """Return the same graphs in the text format of DGCNN."""
    lines = [str(len(graphs))]
    for label, tags, edges in graphs:
        lines.append(f"{len(tags)} {label}")
        for node, tag in enumerate(tags):
            near = [two for one, two in (*edges, *((b, a) for a, b in edges)) if one == node]
            lines.append(" ".join(map(str, (tag, len(near), *near))))
    return "\n".join(lines) + "\n"


def write_zip(path: Path, files: Mapping[str, str], name: str) -> Path:
    """Write files as TU publishes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, text in files.items():
            archive.writestr(f"{name}/{name}_{part}.txt", text + "\n")
    return path


def write_folder(path: Path, files: Mapping[str, str], name: str) -> Path:
    """Write files unpacked."""
    path.mkdir(parents=True, exist_ok=True)
    for part, text in files.items():
        (path / f"{name}_{part}.txt").write_text(text)
    return path
