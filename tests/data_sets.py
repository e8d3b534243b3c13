"""Where tests find data: the folder of the variable AIRWAN_DATA, else `shared/data` beside the checkout."""

import os
from pathlib import Path

import pytest

from testbed.experiments.scenario import DATA_VARIABLE

__all__ = ["data_folder", "data_folder_with"]

_BESIDE = Path(__file__).resolve().parents[1] / "../shared/data"


def data_folder() -> Path:
    """Return where data sets lie, there or not."""
    return Path(os.environ.get(DATA_VARIABLE) or _BESIDE).resolve()


def data_folder_with(name: str) -> Path:
    """Return that folder; the test is skipped where it has no folder or file of this name."""
    folder = data_folder()
    if not (folder / name).exists():
        pytest.skip(f"the data set {name!r} is missing: there is no {folder / name}")
    return folder
