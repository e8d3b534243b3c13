"""The contract of every registered algorithm of regions, on unequal machines with jitter, absences and broken links."""

import itertools
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from examples import examples
from small import of_world, small_regions

from testbed.experiments.blame import blame
from testbed.experiments.result import RunResult
from testbed.experiments.run import Experiment, execute, prepare

ALGORITHMS = of_world("regions")
EXAMPLES = [example for example in examples("algorithm") if example.name in ALGORITHMS]
FAULTY: dict[str, Any] = {
    "step_jitter": 0.2,
    "availability": {"kind": "bernoulli-blocks", "probability": 0.9, "block_s": 5.0},
    "fault": [{"device": 1, "start_s": 6.0, "end_s": 14.0}],
    "network__fault": [{"link": ["region-0", "region-1"], "start_s": 10.0, "end_s": 20.0}],
}


@pytest.fixture(scope="module", params=ALGORITHMS)
def experiment(request: pytest.FixtureRequest) -> Iterator[Experiment]:
    torch.set_num_threads(1)
    resolved = small_regions(algorithm__kind=request.param, **FAULTY).resolve()
    finished = prepare(resolved, 0, resolved.data.dataset.load(None))
    assert finished.run() == "rounds"
    yield finished


def rows(experiment: Experiment, table: str) -> list[dict[str, Any]]:
    return list(experiment.simulation.records.rows(table))


def test_every_step_of_the_grid_is_published_once_and_in_order(experiment: Experiment) -> None:
    versions = [row["version"] for row in rows(experiment, "evaluation") if row["metric"] == "loss"]
    assert versions == sorted(set(versions))
    assert versions[0] == 0
    assert versions[-1] == 24
    assert set(versions) <= {0, 6, 12, 18, 24}


def test_training_lowers_the_loss(experiment: Experiment) -> None:
    losses = [row["value"] for row in rows(experiment, "evaluation") if row["metric"] == "loss"]
    assert losses[-1] < losses[0]


def test_time_never_runs_backwards(experiment: Experiment) -> None:
    end_s = experiment.simulation.now_s
    for table in ("span", "flow", "training"):
        assert all(0 <= row["start_s"] <= row["end_s"] <= end_s + 1e-9 for row in rows(experiment, table))


def test_every_span_starts_exactly_when_its_cause_ended(experiment: Experiment) -> None:
    spans = {row["span_id"]: row for row in rows(experiment, "span")}
    caused = [row for row in spans.values() if row["cause_id"] >= 0]
    assert len(caused) > len(spans) / 2
    for row in caused:
        cause = spans[row["cause_id"]]
        assert row["start_s"] == cause["end_s"], (row, cause)


def test_spans_of_one_region_do_not_overlap(experiment: Experiment) -> None:
    by_entity: dict[str, list[tuple[float, float]]] = {}
    for row in rows(experiment, "span"):
        by_entity.setdefault(row["entity"], []).append((row["start_s"], row["end_s"]))
    for entity, spans in by_entity.items():
        if entity.startswith("device-"):
            spans.sort()
            assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans)), entity


def test_what_the_run_waited_for_adds_up_to_the_time_elapsed(experiment: Experiment) -> None:
    blamed = blame(RunResult("", {}, 0, {}, experiment.simulation.records.tables()))
    seconds = blamed.run.seconds()
    assert sum(seconds.values()) == pytest.approx(blamed.run.elapsed_s, abs=1e-9)
    assert min(seconds.values()) >= 0
    assert seconds["unexplained"] == 0


def test_computing_transmitting_absent_and_idle_add_up_to_the_elapsed_time(experiment: Experiment) -> None:
    for row in rows(experiment, "device"):
        parts_s = row["computing_s"] + row["transmitting_s"] + row["absent_s"] + row["idle_s"]
        assert parts_s == pytest.approx(row["elapsed_s"], rel=1e-9)


def test_bits_of_finished_exchanges_are_those_of_their_flows(experiment: Experiment) -> None:
    flows = rows(experiment, "flow")
    assert flows
    assert all(row["bits"] > 0 for row in flows if row["outcome"] == "delivered")
    for sync in rows(experiment, "sync"):
        inside = [row for row in flows if sync["start_s"] <= row["start_s"] and row["end_s"] <= sync["end_s"] + 1e-9]
        assert sum(row["bits"] for row in inside) == pytest.approx(sync["bits"], rel=1e-9)


@pytest.fixture(scope="module")
def all_imported() -> None:
    # Torch imports on first use what draws from `random` when it is imported.
    execute(small_regions(run__horizon_rounds=6).resolve(), 0)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_global_generators_are_untouched(all_imported: None, algorithm: str) -> None:
    before = global_states()
    execute(small_regions(algorithm__kind=algorithm, run__horizon_rounds=6).resolve(), 0)
    assert global_states() == before


def global_states() -> tuple[Any, bytes, bytes]:
    numpy_state = np.random.get_state()[1]  # noqa: NPY002 - the global state is what is tested
    return random.getstate(), numpy_state.tobytes(), torch.random.get_rng_state().numpy().tobytes()


RUN_ALL = """
import sys
from pathlib import Path
from small import small_regions
for algorithm in {algorithms}:
    small_regions(algorithm__kind=algorithm, run__horizon_rounds=12).run({seed}, out=Path(sys.argv[1]) / algorithm)
"""


def run_all_in_a_process(root: Path, hash_seed: int, seed: int) -> dict[str, bytes]:
    code = RUN_ALL.format(algorithms=ALGORITHMS, seed=seed)
    environment = os.environ | {"PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code, str(root)], check=True, env=environment)
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and path.name != "meta.json"]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


@pytest.mark.slow
def test_one_seed_gives_the_same_bytes_under_two_hash_seeds_and_another_seed_does_not(tmp_path: Path) -> None:
    first = run_all_in_a_process(tmp_path / "a", hash_seed=0, seed=3)
    second = run_all_in_a_process(tmp_path / "b", hash_seed=1, seed=3)
    other = run_all_in_a_process(tmp_path / "c", hash_seed=0, seed=4)
    assert len(first) >= 8 * len(ALGORITHMS)
    assert first == second
    for algorithm in ALGORITHMS:
        assert first[f"{algorithm}/evaluation.parquet"] != other[f"{algorithm}/evaluation.parquet"]


@pytest.mark.parametrize("example", [one for one in EXAMPLES if not one.build().reads_trained_values], ids=str)
def test_without_a_decision_on_trained_values_the_timeline_is_the_same_without_arithmetic(example: Any) -> None:
    settings = {"algorithm": {"kind": example.name, example.name: dict(example.settings)}}
    runs = {
        kernel: execute(small_regions(run__kernel=kernel, **settings).resolve(), 0) for kernel in ("serial", "none")
    }
    for table in ("span", "training", "flow", "sync"):
        if table in runs["serial"].tables:
            columns = [c for c in runs["serial"].tables[table].column_names if not c.endswith("_norm")]
            assert runs["none"].tables[table].select(columns).equals(runs["serial"].tables[table].select(columns)), (
                table
            )
