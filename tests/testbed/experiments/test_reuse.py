"""Runs with a store: the same bytes, less work; what a killed run had learnt is not learnt again."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from small import small_scenario
from small_split import small_split

from testbed.errors import RequestError
from testbed.experiments.estimate import estimate
from testbed.experiments.result import RunResult
from testbed.experiments.run import execute
from testbed.experiments.scenario import Scenario
from testbed.experiments.store import save_run
from testbed.experiments.sweep import Variation, plan_sweep, run_sweep
from testbed.learning.result_store import STORE_FILE, StoreWarning, store_size

ROUNDS = {"horizon_rounds": 12, "evaluation_interval_rounds": 2, "store_min_flop_per_byte": 0}


def stored(scenario: Scenario, folder: Path) -> Scenario:
    return scenario.set("run.store", str(folder)).set("run.store_min_flop_per_byte", 0)


def files(result: RunResult, folder: Path) -> dict[str, bytes]:
    directory = save_run(result, folder, overwrite=True)
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.name != "meta.json"}


@pytest.mark.parametrize("algorithm", ["air-fedga", "fedavg", "fedasync"])
@pytest.mark.parametrize("kernel", ["batched", "serial"])
def test_a_run_has_the_same_bytes_without_with_an_empty_and_with_a_full_store(
    tmp_path: Path, algorithm: str, kernel: str
) -> None:
    plain = small_scenario(algorithm__kind=algorithm, run__kernel=kernel)
    results = [plain.run(0), *(stored(plain, tmp_path / "store").run(0) for _ in range(2))]
    without, empty, full = (files(result, tmp_path / str(number)) for number, result in enumerate(results))
    assert without == empty == full
    assert len({result.run_id for result in results}) == 1
    assert results[0].meta["store"] is None
    num_chunks = results[0].tables["chunk"].num_rows
    assert [result.meta["store"]["num_chunks"] for result in results[1:]] == [num_chunks] * 2
    assert [result.meta["store"]["num_reused"] for result in results[1:]] == [0, num_chunks]
    assert [result.meta["store"]["num_stored"] for result in results[1:]] == [num_chunks, 0]


def test_clusters_of_split_learning_are_replayed_too(tmp_path: Path) -> None:
    plain = small_split(run__horizon_s=4, run__evaluation_interval_s=2)
    results = [plain.run(0), *(stored(plain, tmp_path / "store").run(0) for _ in range(2))]
    without, empty, full = (files(result, tmp_path / str(number)) for number, result in enumerate(results))
    assert without == empty == full
    num_chunks = results[0].tables["chunk"].num_rows
    assert [result.meta["store"]["num_reused"] for result in results[1:]] == [0, num_chunks]


def test_another_seed_or_learning_rate_reuses_nothing(tmp_path: Path) -> None:
    first = stored(small_scenario(), tmp_path)
    first.run(0)
    assert first.run(1).meta["store"]["num_reused"] == 0
    other = first.set("training.learning_rate", 0.31).run(0)
    trained = [row for row in other.tables["chunk"].to_pylist() if "/train/" in row["family"]]
    assert other.meta["store"]["num_reused"] <= other.tables["chunk"].num_rows - len(trained)


def test_a_failed_run_fails_again_with_the_same_rows(tmp_path: Path) -> None:
    scenario = stored(small_scenario(training__learning_rate=1e30, training__local_steps=50), tmp_path / "store")
    results = [execute(scenario.resolve(), 0) for _ in range(2)]
    assert results[0].failed and results[1].error == results[0].error
    assert files(results[0], tmp_path / "a") == files(results[1], tmp_path / "b")
    assert results[1].meta["store"]["num_reused"] > 0


def test_a_dry_run_leaves_the_store_alone(tmp_path: Path) -> None:
    estimate(stored(small_scenario(), tmp_path / "store").resolve(), 0, None)
    assert not (tmp_path / "store" / STORE_FILE).exists() or store_size(tmp_path / "store")[0] == 0


def test_a_run_whose_store_is_full_says_so_and_is_the_same(tmp_path: Path) -> None:
    plain = small_scenario()
    with pytest.warns(StoreWarning, match="limit"):
        result = stored(plain, tmp_path / "store").set("run.store_max_bytes", 1.0).run(0)
    assert files(result, tmp_path / "a") == files(plain.run(0), tmp_path / "b")
    assert "limit" in result.meta["store"]["notes"][0]


UPLINKS: dict[str, dict[str, Any]] = {
    "ofdma": {"algorithm.access": "ofdma"},
    "ten times the band": {"channel.uplink.bandwidth_hz": "36 kHz"},
    "no fading": {"channel.uplink.fading": "static"},
}


@pytest.mark.parametrize("change", UPLINKS.values(), ids=UPLINKS)
def test_a_synchronous_method_is_timed_anew_under_another_uplink_without_training(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    base = small_scenario(algorithm__kind="fedavg")
    overrides = [override for override in base.overrides if not override[0].startswith("run.")]
    scenario = Scenario({**base.document, "run": ROUNDS}, overrides).set("run.store", str(tmp_path))
    first = scenario.run(0)
    for key, value in change.items():
        scenario = scenario.set(key, value)
    again = scenario.run(0)
    assert again.meta["store"]["reused_flop_fraction"] == 1.0
    assert again.meta["store"]["num_reused"] == first.tables["chunk"].num_rows
    assert again.tables["update"].equals(first.tables["update"])
    assert again.series("accuracy")[1].tolist() == first.series("accuracy")[1].tolist()
    assert again.series("accuracy")[0][1:].tolist() != first.series("accuracy")[0][1:].tolist()


@pytest.mark.slow
def test_workers_of_a_sweep_share_a_store(tmp_path: Path) -> None:
    scenario = stored(small_scenario(run__horizon_s=150.0), tmp_path)
    planned = plan_sweep(scenario, [Variation("algorithm.kind", ("fedavg", "air-fedga"))], (0, 1))
    side_by_side = run_sweep(planned, num_processes=2)
    again = run_sweep(planned)
    assert all(result.meta["store"]["reused_flop_fraction"] == 1.0 for result in again)
    for one, other in zip(side_by_side, again, strict=True):
        assert all(one.tables[name].equals(other.tables[name]) for name in one.tables)


LONG = """
import sys
from small import small_scenario
settings = {"run__kernel": "serial", "run__horizon_s": 8000.0, "training__local_steps": 30}
scenario = small_scenario(algorithm__kind="fedavg", **settings)
scenario = scenario.set("run.store", sys.argv[1]).set("run.store_min_flop_per_byte", 0)
scenario.run(0, out=sys.argv[2])
"""


@pytest.mark.slow
def test_a_killed_run_started_again_learns_only_what_is_missing_and_has_the_same_bytes(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])}
    process = subprocess.Popen(
        [sys.executable, "-c", LONG, str(tmp_path / "store"), str(tmp_path / "killed")], env=environment
    )
    give_up_s = time.monotonic() + 120
    while not (tmp_path / "store" / STORE_FILE).exists() or store_size_or_none(tmp_path / "store") < 20:
        assert process.poll() is None and time.monotonic() < give_up_s
        time.sleep(0.01)
    time.sleep(random.uniform(0.0, 0.5))  # any moment will do
    process.kill()
    process.wait()
    assert not (tmp_path / "killed").exists()
    kept, _ = store_size(tmp_path / "store")
    plain = small_scenario(
        algorithm__kind="fedavg", run__kernel="serial", run__horizon_s=8000.0, training__local_steps=30
    )
    again = stored(plain, tmp_path / "store").run(0)
    assert again.meta["store"]["num_reused"] == kept >= 20
    assert again.meta["store"]["num_stored"] == again.meta["store"]["num_chunks"] - kept > 0
    assert again.meta["store"]["num_damaged"] == 0
    assert files(again, tmp_path / "again") == files(plain.run(0), tmp_path / "whole")


def store_size_or_none(folder: Path) -> int:
    try:
        return store_size(folder)[0]
    except RequestError:  # being made
        return 0
