"""Fixtures of all tests: few and boring."""

import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings

# How long an example takes says how busy the machine is, and nothing about the law.
settings.register_profile("laws", deadline=None)
settings.load_profile("laws")


@pytest.fixture(autouse=True)
def torch_one_thread() -> None:
    # As in a run: the bits of a result depend on the number of threads.
    torch.set_num_threads(1)


@pytest.fixture
def data_dir(request: pytest.FixtureRequest) -> Path:
    """The data folder. Parametrised with the name of a set (indirect), it skips where that set is missing."""
    shared = Path(__file__).resolve().parents[1] / "../shared/data"
    folder = Path(os.environ.get("AIRWAN_DATA", shared)).resolve()
    name = getattr(request, "param", "")
    if not (folder / name).is_dir():
        pytest.skip(f"the data set {name!r} is missing: no folder {folder / name}")
    return folder
