"""Fixtures of all tests: few and boring."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from data_sets import data_folder_with
from hypothesis import settings
from left_behind import no_process_left_running, nothing_left_behind

# How long an example takes says how busy the machine is, and nothing about the law.
settings.register_profile("laws", deadline=None)
settings.load_profile("laws")


@pytest.fixture(autouse=True)
def process_as_found() -> Iterator[None]:
    # As in a run: the bits of a result depend on the number of threads.
    torch.set_num_threads(1)
    with nothing_left_behind():
        yield


@pytest.fixture(autouse=True, scope="module")
def processes_as_found() -> Iterator[None]:
    # Of a file and not of a test: the tests of a file may share workers.
    with no_process_left_running():
        yield


@pytest.fixture
def data_dir(request: pytest.FixtureRequest) -> Path:
    """The data folder. Parametrised with the name of a set (indirect), it skips where that set is missing."""
    return data_folder_with(getattr(request, "param", ""))
