"""What a test must leave as it found it: whatever of the process another test could notice."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from testbed import catalogue

__all__ = ["nothing_left_behind"]


@contextmanager
def nothing_left_behind() -> Iterator[None]:
    """Fail if the body changes what is watched; put it back, so that one test fails and not all that follow."""
    before = _watched()
    yield
    after = _watched()
    changed = [f"{what}: {before[what]} became {after[what]}" for what in before if before[what] != after[what]]
    if changed:
        _put_back(before)
        pytest.fail("the test left behind " + "; ".join(changed), pytrace=False)


def _watched() -> dict[str, Any]:
    return {
        "registered parts": dict(catalogue._registered),
        "threads of torch": torch.get_num_threads(),
        "dtype of torch": torch.get_default_dtype(),
        "folder": os.getcwd(),
    }


def _put_back(state: dict[str, Any]) -> None:
    catalogue._registered.clear()
    catalogue._registered.update(state["registered parts"])
    torch.set_num_threads(state["threads of torch"])
    torch.set_default_dtype(state["dtype of torch"])
    os.chdir(state["folder"])
