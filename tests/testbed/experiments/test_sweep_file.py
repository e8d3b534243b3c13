"""Resuming a sweep: what is there is kept, what is missing is made, and the end is that of an uninterrupted one."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from small import small_scenario

from testbed.errors import RequestError
from testbed.experiments import sweep_file
from testbed.experiments.store import load_run, run_id, save_run
from testbed.experiments.sweep import Variation, run_sweep
from testbed.experiments.sweep_file import Sweep, finished_runs, reusable_runs
from testbed.streams import Purpose, stream

BASE = small_scenario(run__horizon_s=120.0, run__evaluation_interval_s=20.0)
SWEEP = Sweep(
    source="air-fedga",
    document=BASE.document,
    overrides=BASE.overrides,
    variations=(
        Variation("algorithm.kind", ("air-fedga", "fedavg")),
        Variation("channel.downlink", ("free", {"kind": "broadcast", "bandwidth_hz": 1e4, "power_w": 1.0})),
    ),
    seeds=(0, 3),
    target="accuracy>=0.5",
    rule="first",
)
SIMPLE = Sweep("air-fedga", BASE.document, BASE.overrides, SWEEP.variations[:1], (0, 1), "none", "smoothed")


def rows_of(root: Path) -> dict[str, bytes]:
    """Every file of every run below `root` but those with dates in them, and what a killed process had begun to write.

    Nobody takes a directory that is begun for a run: see `testbed.experiments.store`.
    """
    files = (path for path in root.rglob("*") if path.is_file() and path.name not in ("meta.json", "sweep.json"))
    rows = {str(path.relative_to(root)): path.read_bytes() for path in files}
    return {name: content for name, content in rows.items() if not name.startswith(".")}


def test_a_sweep_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    for sweep in (SWEEP, SIMPLE):
        sweep.save(tmp_path / "sweep")
        again = Sweep.load(tmp_path / "sweep")
        assert again == sweep
    assert again.plan()[0].options == ["--set", "algorithm.kind=air-fedga", "--seed", "0"]
    assert [path.name for path in (tmp_path / "sweep").iterdir()] == ["sweep.json"]


def test_runs_that_are_there_are_kept_and_the_others_made(tmp_path: Path) -> None:
    planned = SIMPLE.plan()
    run_sweep(planned, root=tmp_path / "whole")
    shutil.copytree(tmp_path / "whole", tmp_path / "part")
    shutil.rmtree(tmp_path / "part" / planned[1].name)
    damaged = tmp_path / "part" / planned[2].name / "span.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    done = finished_runs(planned, tmp_path / "part")
    assert set(done) == {planned[0].name, planned[3].name}
    before = (tmp_path / "part" / planned[0].name / "meta.json").read_bytes()
    results = run_sweep(planned, root=tmp_path / "part", done=done)
    assert [result.seed for result in results] == [0, 1, 0, 1]
    assert rows_of(tmp_path / "part") == rows_of(tmp_path / "whole")
    assert (tmp_path / "part" / planned[0].name / "meta.json").read_bytes() == before


def test_a_run_of_other_settings_is_never_taken_for_one_of_the_sweep(tmp_path: Path) -> None:
    (first, *_) = SIMPLE.plan()
    first.scenario.set("devices.count", 5).run(0, out=tmp_path / first.name)
    with pytest.raises(RequestError, match="other settings"):
        finished_runs(SIMPLE.plan(), tmp_path)
    assert load_run(tmp_path / first.name).setting("devices.count") == 5


def test_a_run_is_reused_if_settings_seed_and_versions_are_the_same_and_it_did_not_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = SIMPLE.plan()
    whole, other, damaged, failed = planned
    run_sweep([whole, damaged], root=tmp_path)
    other.scenario.set("devices.count", 5).run(other.seed, out=tmp_path / other.name)
    span = tmp_path / damaged.name / "span.parquet"
    span.write_bytes(span.read_bytes()[:-1])
    result = load_run(tmp_path / whole.name)
    meta = {**result.meta, "status": "failed"}
    document = failed.scenario.resolve().document
    save_run(replace(result, run_id=run_id(document, failed.seed), meta=meta), tmp_path / failed.name)
    assert list(reusable_runs(planned, tmp_path)) == [whole.name]
    assert reusable_runs(planned, tmp_path)[whole.name].tables == result.tables
    monkeypatch.setattr(sweep_file, "versions", lambda: {**result.meta["versions"], "torch": "1.0.0"})
    assert reusable_runs(planned, tmp_path) == {}


def of_another_version(root: Path) -> None:
    SIMPLE.save(root)
    content = json.loads((root / "sweep.json").read_text())
    content["versions"]["torch"] = "1.0.0"
    (root / "sweep.json").write_text(json.dumps(content))


def damaged(root: Path) -> None:
    SIMPLE.save(root)
    (root / "sweep.json").write_text((root / "sweep.json").read_text()[:-20])


def of_another_format(root: Path) -> None:
    SIMPLE.save(root)
    (root / "sweep.json").write_text((root / "sweep.json").read_text().replace('"format": 1', '"format": 9'))


def nothing(root: Path) -> None:
    pass


def a_file(root: Path) -> None:
    root.write_text("")


def other_things(root: Path) -> None:
    root.mkdir()
    (root / "notes.txt").write_text("")


def a_run(root: Path) -> None:
    BASE.run(0, out=root)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (of_another_version, ["other versions", "torch 1.0.0", "here"]),
        (of_another_format, ["format 9", "format 1"]),
        (damaged, ["damaged"]),
        (nothing, ["does not exist"]),
        (a_file, ["is a file"]),
        (other_things, ["not a sweep", "notes.txt"]),
        (a_run, ["one finished run"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_cannot_be_resumed_is_refused_with_what_it_is(
    make: Callable[[Path], None], words: list[str], tmp_path: Path
) -> None:
    make(tmp_path / "sweep")
    with pytest.raises(RequestError) as refused:
        Sweep.load(tmp_path / "sweep")
    assert all(word in str(refused.value) for word in words), refused.value


@pytest.mark.slow
def test_a_sweep_killed_at_random_moments_ends_as_one_that_was_not(tmp_path: Path) -> None:
    methods = Variation("algorithm.kind", ("air-fedga", "air-fedavg", "fedavg"))
    sweep = Sweep("air-fedga", BASE.document, BASE.overrides, (methods,), (0, 1), "none", "smoothed")
    run_sweep(sweep.plan(), root=tmp_path / "whole")
    sweep.save(tmp_path / "killed")
    command = [sys.executable, "-m", "testbed.cli", "resume", str(tmp_path / "killed"), "--json"]
    luck = stream(7, Purpose.FADING)
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        num_done = len(list((tmp_path / "killed").glob("*/meta.json")))
        while process.poll() is None and len(list((tmp_path / "killed").glob("*/meta.json"))) == num_done:
            time.sleep(0.01)
        time.sleep(float(luck.uniform(0, 0.3)))
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(json.loads(finished.stdout)["alternatives"]) == 3
    assert rows_of(tmp_path / "killed") == rows_of(tmp_path / "whole")
