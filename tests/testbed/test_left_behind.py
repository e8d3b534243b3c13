"""What every test is held to: it leaves the process as it found it."""

import os
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import torch
from left_behind import nothing_left_behind

from testbed import catalogue


def register_a_part() -> None:
    catalogue.register("fading", "left-behind")(object())


def remember_a_package_that_is_gone() -> None:
    catalogue._plugged_entries.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "entry_points", lambda group: [EntryPoint("left-behind", "gone:Part", group)])
        catalogue.entries("fading")


CHANGES: dict[str, Callable[[], object]] = {
    "registered parts": register_a_part,
    "parts of other packages": remember_a_package_that_is_gone,
    "threads of torch": lambda: torch.set_num_threads(2),
    "dtype of torch": lambda: torch.set_default_dtype(torch.float64),
    "folder": lambda: os.chdir(Path.cwd().parent),
    "generator of NumPy": lambda: np.random.random(),  # noqa: NPY002 - on purpose
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_test_that_changes_the_process_fails_and_what_it_changed_is_put_back(what: str) -> None:
    # The outer one sees that the inner one has put everything back.
    with nothing_left_behind(), pytest.raises(pytest.fail.Exception, match=what), nothing_left_behind():
        CHANGES[what]()


def test_a_test_that_changes_nothing_passes() -> None:
    with nothing_left_behind():
        assert "left-behind" not in catalogue.entries("fading")
