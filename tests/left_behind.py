"""What a test must leave as it found it: whatever of the process another test could notice."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

from testbed import catalogue

__all__ = ["nothing_left_behind"]

_MOST_LETTERS = 500


@contextmanager
def nothing_left_behind() -> Iterator[None]:
    """Fail if the body changes what is watched; put it back, so that one test fails and not all that follow."""
    before = _watched()
    yield
    after = _watched()
    changed = {what: (before[what], after[what]) for what in before if before[what] != after[what]}
    if changed:
        _put_back(before)
        pytest.fail(f"the test left behind (before, after) {str(changed)[:_MOST_LETTERS]}", pytrace=False)


def _watched() -> dict[str, Any]:
    return {
        "registered parts": dict(catalogue._registered),
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
    torch.set_num_threads(state["threads of torch"])
    torch.set_default_dtype(state["dtype of torch"])
    os.chdir(state["folder"])
    name, words, *rest = state["generator of NumPy"]
    np.random.set_state((name, np.frombuffer(words, dtype=np.uint32), *rest))  # noqa: NPY002
