"""What a test must leave as it found it: whatever of the process another test could notice."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from child_processes import end_children, running_children

from testbed import catalogue

__all__ = ["no_process_left_running", "nothing_left_behind"]

_PATIENCE_S = 5.0  # for processes that were told to end, on a busy machine


@contextmanager
def nothing_left_behind() -> Iterator[None]:
    """Fail if the body changes what is watched; put it back, so that one test fails and not all that follow."""
    before = _watched()
    yield
    after = _watched()
    changed = [f"{what} ({_change(before[what], after[what])})" for what in before if before[what] != after[what]]
    if changed:
        _put_back(before)
    if changed:
        pytest.fail("the test left the process changed: " + ", ".join(changed), pytrace=False)


@contextmanager
def no_process_left_running() -> Iterator[None]:
    """Fail if child processes that the body started still run, and end them."""
    children = frozenset(running_children())
    yield
    if left := running_children(children, _PATIENCE_S):
        end_children(set(left))
        pytest.fail(f"child processes were left running: {'; '.join(left.values())}", pytrace=False)


def _change(before: Any, after: Any) -> str:
    if isinstance(before, dict):
        return ", ".join(str(key) for key in before | after if before.get(key) != after.get(key))
    return "drawn from" if isinstance(before, tuple) else f"{before} became {after}"


def _watched() -> dict[str, Any]:
    return {
        "registered parts": dict(catalogue._registered),
        "parts of other packages": {kind: catalogue._plugged_entries(kind) for kind in catalogue.KINDS},
        "threads of torch": torch.get_num_threads(),
        "dtype of torch": torch.get_default_dtype(),
        "folder": os.getcwd(),
        "generator of NumPy": _numpy_state(),
    }


def _numpy_state() -> tuple[Any, ...]:
    name, words, *rest = np.random.get_state()  # noqa: NPY002 - that nobody draws from it is what is watched
    return name, words.tobytes(), *rest


def _put_back(state: dict[str, Any]) -> None:
    catalogue._registered.clear()
    catalogue._registered.update(state["registered parts"])
    catalogue._plugged_entries.cache_clear()
    torch.set_num_threads(state["threads of torch"])
    torch.set_default_dtype(state["dtype of torch"])
    os.chdir(state["folder"])
    name, words, *rest = state["generator of NumPy"]
    np.random.set_state((name, np.frombuffer(words, dtype=np.uint32), *rest))  # noqa: NPY002
