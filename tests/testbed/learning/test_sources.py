"""Laws of source digests: they change with the source of whatever a module uses, and never vouch for older code."""

import importlib
import os
import subprocess
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.learning import sources
from testbed.learning.sources import UnknownSourceError, source_digest

FILES = {
    "own_model": "import own_layers\nfrom own_rule import rule\nimport json\n",
    "own_layers": "import own_constants\n",
    "own_rule": "import functools\n@functools.cache\ndef rule():\n    return 1\n",
    "own_constants": "WIDTH = 3\n",
    "own_stranger": "WIDTH = 3\n",
}
LONG_AGO_S = 1_000_000_000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, text in FILES.items():
        write(tmp_path, name, text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in FILES:
        sys.modules.pop(name, None)
    source_digest.cache_clear()


def write(folder: Path, name: str, text: str, time_s: float = LONG_AGO_S) -> None:
    (folder / f"{name}.py").write_text(text)
    os.utime(folder / f"{name}.py", (time_s, time_s))


def digest_in_a_new_process() -> str:
    """Return the digest of the model's module, as a process that begins now has it."""
    source_digest.cache_clear()
    for name in FILES:
        sys.modules.pop(name, None)
    importlib.invalidate_caches()
    importlib.import_module("own_model")
    return source_digest("own_model")


@pytest.mark.parametrize("name", ["own_model", "own_layers", "own_rule", "own_constants"])
def test_it_changes_with_every_module_that_is_reached_however_indirectly(folder: Path, name: str) -> None:
    before = digest_in_a_new_process()
    assert digest_in_a_new_process() == before
    write(folder, name, FILES[name] + "# changed\n")
    assert digest_in_a_new_process() != before


def test_it_does_not_change_with_a_module_that_nobody_uses(folder: Path) -> None:
    before = digest_in_a_new_process()
    write(folder, "own_stranger", "WIDTH = 4\n")
    assert digest_in_a_new_process() == before


def test_a_file_that_changed_since_this_process_began_is_refused(folder: Path) -> None:
    write(folder, "own_constants", "WIDTH = 4\n", time.time() + 1)
    with pytest.raises(UnknownSourceError, match="has changed since"):
        digest_in_a_new_process()


def test_the_start_of_this_process_is_known_and_past() -> None:
    assert time.time() - 24 * 3600 < sources._process_start_s() <= sources._IMPORTED_S


def test_a_module_without_a_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "own_prompt", types.ModuleType("own_prompt"))
    with pytest.raises(UnknownSourceError, match="no source file"):
        source_digest("own_prompt")


def test_a_library_counts_by_its_version(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    write(folder, "own_layers", "import numpy\n")
    before = digest_in_a_new_process()
    monkeypatch.setattr(np, "__version__", "0.0")
    assert digest_in_a_new_process() != before


def test_the_kernels_reach_what_their_arithmetic_is_made_of() -> None:
    reached, waiting = set(), ["testbed.learning.kernels.dense", "testbed.learning.kernels.vmap"]
    while waiting:
        name = waiting.pop()
        if name not in reached and name.startswith("testbed."):
            reached.add(name)
            waiting += sources._reached(sys.modules.get(name) or importlib.import_module(name))
    modules = ("kernels.protocol", "kernels.lanes", "task", "traits", "loss", "linear_stack", "torch_seed")
    assert {f"testbed.learning.{name}" for name in modules} <= reached


def test_a_file_written_just_before_a_process_begins_is_accepted(tmp_path: Path) -> None:
    code = "import own_late; from testbed.learning.sources import source_digest; source_digest('own_late')"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    (tmp_path / "own_late.py").write_text("WIDTH = 3\n")
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
