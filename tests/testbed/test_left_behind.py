"""What every test is held to: it leaves the process as it found it."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from left_behind import nothing_left_behind

from testbed import catalogue


def register_a_part() -> None:
    catalogue.register("fading", "left-behind")(object())


CHANGES: dict[str, Callable[[], object]] = {
    "registered parts": register_a_part,
    "threads of torch": lambda: torch.set_num_threads(2),
    "dtype of torch": lambda: torch.set_default_dtype(torch.float64),
    "folder": lambda: os.chdir(Path.cwd().parent),
    "generator of NumPy": lambda: np.random.random(),  # noqa: NPY002 - on purpose
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_test_that_changes_the_process_fails_and_what_it_changed_is_put_back(what: str) -> None:
    before = (dict(catalogue._registered), torch.get_num_threads(), torch.get_default_dtype(), Path.cwd())
    with pytest.raises(pytest.fail.Exception, match=what), nothing_left_behind():
        CHANGES[what]()
    assert (dict(catalogue._registered), torch.get_num_threads(), torch.get_default_dtype(), Path.cwd()) == before


def test_a_test_that_changes_nothing_passes() -> None:
    with nothing_left_behind():
        assert "left-behind" not in catalogue.entries("fading")
