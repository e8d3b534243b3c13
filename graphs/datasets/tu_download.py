"""Fetching a TU set from its publisher, through torch_geometric."""

import zipfile
from pathlib import Path

from testbed.errors import RequestError

__all__ = ["download_tu_set"]


def download_tu_set(name: str, folder: Path) -> Path:
    """Return the folder `folder`/`name` into which a set has been fetched; its files lie in `raw`.

    Raises
    ------
    RequestError : the publisher cannot be reached, or has no such set.
    """
    from torch_geometric.datasets import TUDataset  # loading it takes seconds

    try:
        TUDataset(str(folder), name)
    except (OSError, ImportError, RuntimeError, ValueError, zipfile.BadZipFile) as error:
        raise RequestError(f"the TU data set {name!r} could not be downloaded into {folder}: {error}") from None
    return folder / name
