"""What every test is held to: it leaves the process as it found it."""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import left_behind
import numpy as np
import pytest
import torch
from left_behind import no_process_left_running, nothing_left_behind

from testbed import catalogue


def register_a_part() -> None:
    catalogue.register("fading", "left-behind")(object())


def remember_a_package_that_is_gone() -> None:
    catalogue._plugged_entries.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "entry_points", lambda group: [EntryPoint("left-behind", "gone:Part", group)])
        catalogue.entries("fading")


def leave_a_process_running() -> None:
    os.posix_spawn(sys.executable, [sys.executable, "-c", "import time; time.sleep(60)"], os.environ)


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


def test_a_process_left_running_fails_its_file_and_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_behind, "_PATIENCE_S", 0.0)
    with (
        no_process_left_running(),
        pytest.raises(pytest.fail.Exception, match="left running"),
        no_process_left_running(),
    ):
        leave_a_process_running()


def test_a_process_that_ended_or_was_there_before_is_not_left_behind() -> None:
    earlier = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with no_process_left_running():
        subprocess.run([sys.executable, "-c", ""], check=True)
        ended = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
        ended.stdout.read()  # type: ignore[union-attr]
    ended.communicate()
    earlier.communicate(b"\n")
    assert (earlier.returncode, ended.returncode) == (0, 0)
