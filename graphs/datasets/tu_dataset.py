"""Sets of the TU Dortmund collection, from the data folder: molecules, proteins, social networks.

A set is the zip `NAME.zip` as published, an unpacked folder `NAME`, or a text file `NAME.txt` as DGCNN's code has it,
in the folder `tudatasets` of the data folder. The three give equal graphs. Every set is read once per process; the
largest of the usual ones, NCI1, takes under two seconds, so nothing is kept on disk.
"""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, PositiveInt

from graphs.datasets.plain_text import parse_plain_text
from graphs.datasets.source import GraphSource
from graphs.datasets.tu_archive import parse_tu_files, read_tu_files
from graphs.datasets.tu_download import download_tu_set
from graphs.graph_set import GraphSet
from testbed.errors import RequestError, unknown_name

__all__ = ["TuDataset", "available_tu_sets", "tu_folder"]

_FOLDER: Final = "tudatasets"


class TuDataset(GraphSource):
    """A set of the TU Dortmund collection: one-hot node labels as features, one-hot degrees where there are none.

    Classes are numbered from 0 in the order of the file's own labels. Self-loops and repeated edges are dropped.

    References
    ----------
    Morris et al., "TUDataset: a collection of benchmark datasets for learning with graphs", GRL+ at ICML 2020.
    """

    kind: str = "tu-dataset"
    # Letters, digits, hyphen and underscore only: it becomes a file's name.
    name: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9_\-]+$")
    ]  # of the set as the collection spells it, such as PROTEINS
    node_attributes: bool = False  # whether a node's real-valued attributes stand beside its label, as they are
    # None: degrees serve only sets without node labels, with the cap that is fixed for the set.
    max_degree: PositiveInt | None = None  # the degree is a feature, one-hot, and larger ones count as this
    # None: nothing is downloaded.
    download_dir: str | None = None  # a folder into which the set is fetched if the data folder has none

    def read(self, data_dir: Path | None) -> GraphSet:
        """Return the graphs, read once per process.

        Raises
        ------
        RequestError : no data folder given, no such set in it, or a file damaged; the message names it.
        """
        if self.download_dir is not None:
            path = self._found_or_downloaded(data_dir, Path(self.download_dir))
        else:
            folder = tu_folder(data_dir, self.kind)
            found = _locate(folder, self.name)
            if found is None:
                problem = unknown_name("TU data set", self.name, available_tu_sets(folder))
                raise RequestError(f"the data set {self.kind!r}: {problem} (in {folder})")
            path = found
        return _load(path, self.name, self.node_attributes, self.max_degree)

    def _found_or_downloaded(self, data_dir: Path | None, download_dir: Path) -> Path:
        for folder in (download_dir, *(() if data_dir is None else (Path(data_dir, _FOLDER),))):
            path = _locate(folder.resolve(), self.name)
            if path is not None:
                return path
        return download_tu_set(self.name, download_dir.resolve())


def tu_folder(data_dir: Path | None, kind: str) -> Path:
    """Return the folder with the TU sets.

    Raises
    ------
    RequestError : no data folder is given, or it has no such folder; the message names the data set `kind`.
    """
    if data_dir is None:
        raise RequestError(
            f"the data set {kind!r} is read from {_FOLDER!r} in a data folder, and none is given: name one with "
            "--data, run.data_dir or the variable AIRWAN_DATA"
        )
    folder = Path(data_dir, _FOLDER).resolve()
    if not folder.is_dir():
        raise RequestError(f"the data set {kind!r} is not there: {folder} is not a folder")
    return folder


def available_tu_sets(folder: Path) -> list[str]:
    """Return the names of the sets in a folder, sorted."""
    found = {path.name if path.is_dir() else path.stem for path in folder.iterdir()}
    return sorted(name for name in found if _locate(folder, name) is not None)


def _locate(folder: Path, name: str) -> Path | None:
    """Return where a set lies: a zip before a folder before a text file."""
    if (folder / f"{name}.zip").is_file():
        return folder / f"{name}.zip"
    if any((folder / name / inner / f"{name}_A.txt").is_file() for inner in (".", "raw")):
        return folder / name
    text = folder / f"{name}.txt"
    return text if text.is_file() else None


@lru_cache(maxsize=32)
def _load(path: Path, name: str, node_attributes: bool, max_degree: int | None) -> GraphSet:
    if path.suffix == ".txt":
        return _load_text(path, name, node_attributes, max_degree)
    files, sources = read_tu_files(path, name)
    raw = parse_tu_files(files, name, str(path), node_attributes=node_attributes)
    return raw.graph_set(name, sources, max_degree)


def _load_text(path: Path, name: str, node_attributes: bool, max_degree: int | None) -> GraphSet:
    if node_attributes:
        raise RequestError(f"{path}: node_attributes = true, and a set in plain text has none; leave the setting out")
    try:
        content = path.read_bytes()
        raw = parse_plain_text(content.decode("ascii"), str(path))
    except OSError as error:
        raise RequestError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise RequestError(f"{path}: is not a text of numbers ({error.reason} at byte {error.start})") from None
    return raw.graph_set(name, {path.name: hashlib.sha256(content).hexdigest()}, max_degree)
