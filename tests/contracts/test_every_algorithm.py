"""The contract of every registered algorithm of a federation: fading, noise, absences and unequal devices."""

import itertools
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from examples import Example, examples
from personal import fitting, is_for_graphs
from small import of_world, small_experiment, small_scenario

from testbed import catalogue
from testbed.experiments.blame import blame
from testbed.experiments.result import RunResult
from testbed.experiments.run import Experiment, execute

ALGORITHMS = of_world("federation")
EXAMPLES = [example for example in examples("algorithm") if example.name in ALGORITHMS]
READING = [example for example in EXAMPLES if example.build().reads_trained_values]
NOT_READING = [example for example in EXAMPLES if not example.build().reads_trained_values]
FAULTY: dict[str, Any] = {
    "run__horizon_s": 300.0,
    "availability": {"kind": "bernoulli-blocks", "probability": 0.9, "block_s": 20.0},
    "fault": [{"device": 2, "start_s": 15.0, "end_s": 60.0}, {"device": 4, "start_s": 100.0}],
    "channel__downlink": {
        "kind": "unicast", "bandwidth_hz": "1 MHz", "power_w": 1, "noise_psd_w_per_hz": 1e-9
    },
}  # fmt: skip


@pytest.fixture(scope="module", params=ALGORITHMS)
def experiment(request: pytest.FixtureRequest) -> Iterator[Experiment]:
    torch.set_num_threads(1)
    finished = small_experiment(algorithm__kind=request.param, **fitting(request.param), **FAULTY)
    finished.run()
    yield finished


def rows(experiment: Experiment, table: str) -> list[dict[str, Any]]:
    return list(experiment.simulation.records.rows(table))


def test_it_makes_versions_in_spite_of_absences(experiment: Experiment) -> None:
    assert rows(experiment, "version")
    assert rows(experiment, "participation") or getattr(experiment.world.algorithm, "trains_at_server", False)


def test_time_never_runs_backwards(experiment: Experiment) -> None:
    for table in ("span", "transfer", "training"):
        assert all(0 <= row["start_s"] <= row["end_s"] <= 300.0 + 1e-9 for row in rows(experiment, table))
    times_s = [row["time_s"] for row in rows(experiment, "version")]
    assert times_s == sorted(times_s)


def test_every_span_starts_exactly_when_its_cause_ended(experiment: Experiment) -> None:
    spans = {row["span_id"]: row for row in rows(experiment, "span")}
    caused = [row for row in spans.values() if row["cause_id"] >= 0]
    assert len(caused) > len(spans) / 2
    for row in caused:
        cause = spans[row["cause_id"]]
        assert row["start_s"] == cause["end_s"], (row, cause)
        assert row["cause_id"] != row["span_id"]


def test_what_the_run_and_every_update_waited_for_adds_up_to_the_time_elapsed(experiment: Experiment) -> None:
    result = RunResult("", {}, 0, {}, experiment.simulation.records.tables())
    blamed = blame(result)
    assert blamed.run.elapsed_s == result.elapsed_s == 300.0
    assert len(blamed.updates) == len(rows(experiment, "version"))
    for path in (blamed.run, *(update.path for update in blamed.updates)):
        seconds = path.seconds()
        assert sum(seconds.values()) == pytest.approx(path.elapsed_s, abs=1e-9)
        assert min(seconds.values()) >= 0
        assert seconds["unexplained"] == 0
    made_s = {0.0, *(row["time_s"] for row in rows(experiment, "version"))}
    assert all(update.path.start_s in made_s and update.path.end_s in made_s for update in blamed.updates)


def test_spans_of_one_device_do_not_overlap(experiment: Experiment) -> None:
    by_entity: dict[str, list[tuple[float, float]]] = {}
    for row in rows(experiment, "span"):
        by_entity.setdefault(row["entity"], []).append((row["start_s"], row["end_s"]))
    for entity, spans in by_entity.items():
        if entity.startswith(("device-", "uplink", "downlink")):
            spans.sort()
            assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans)), entity


def test_bits_charged_are_bits_sent(experiment: Experiment) -> None:
    bits = experiment.world.payload_bits
    assert bits == 32 * experiment.workload.num_entries
    uploads = [row for row in rows(experiment, "transfer") if row["channel"] in ("tdma", "ofdma")]
    if "packet" in experiment.simulation.records.tables():
        assert_encoded_bits_are_charged(experiment, uploads)
        return
    active = sum(row["num_active"] for row in rows(experiment, "version"))
    # Sent, and not in a version when the run ends: at most one a client, and what is in the server's buffer.
    most = active + len(experiment.workload.data_sizes) + getattr(experiment.world.algorithm, "buffer_size", 0)
    # A method for graphs sends some numbers with a model, and may send others before the first round.
    extra = 64 if is_for_graphs(experiment.world.algorithm.kind) else 0
    whole = [row for row in uploads if bits * (1 - 1e-9) <= row["bits"] <= (bits + extra) * (1 + 1e-9)]
    assert all(row["bits"] <= (bits + extra) * (1 + 1e-12) for row in uploads)
    if not rows(experiment, "transfer"):
        assert not catalogue.load("algorithm", experiment.world.algorithm.kind).exchanges
    elif uploads or is_for_graphs(experiment.world.algorithm.kind):
        assert active <= len(whole) <= most
    else:
        signals = [row for row in rows(experiment, "transfer") if row["channel"] == "aircomp"]
        assert active <= len(signals) <= most
        assert all(row["bits"] == 0 for row in signals)


def assert_encoded_bits_are_charged(experiment: Experiment, uploads: list[dict[str, Any]]) -> None:
    """Every update that was read and every model that was written is a transfer of exactly its encoded size."""
    num_clients, packets = len(experiment.workload.data_sizes), rows(experiment, "packet")
    downloads = [row for row in rows(experiment, "transfer") if row["source"] == "server"]
    for transfers, direction, end in ((uploads, "up", "source"), (downloads, "down", "target")):
        sent = Counter((row[end], round(row["bits"])) for row in transfers)
        encoded = Counter((f"device-{p['client']}", round(p["bits"])) for p in packets if p["direction"] == direction)
        # Who leaves for good gets or sends a part; what the last round sent was not read.
        assert encoded and (encoded - sent).total() <= (0 if direction == "up" else 2 * num_clients)
        assert (sent - encoded).total() <= 2 * num_clients
    read = sum(row["num_active"] for row in rows(experiment, "version"))
    assert sum(p["direction"] == "up" for p in packets) == read
    assert all(0 < p["bits"] <= experiment.world.payload_bits + 64 and p["nmse"] >= 0 for p in packets)


def test_nobody_spends_more_than_the_budget_of_a_superposition(experiment: Experiment) -> None:
    cell = experiment.world.cell
    for row in rows(experiment, "transfer"):
        if row["channel"] == "aircomp":
            assert row["energy_tx_j"] <= cell.uplink.energy_budget_j * (1 + 1e-9)
        elif row["channel"] == "tdma":
            assert row["energy_tx_j"] <= cell.transmit_power_w * (row["end_s"] - row["start_s"]) * (1 + 1e-9)


def test_computing_transmitting_absent_and_idle_add_up_to_the_elapsed_time(experiment: Experiment) -> None:
    for row in rows(experiment, "device"):
        parts_s = row["computing_s"] + row["transmitting_s"] + row["absent_s"] + row["idle_s"]
        assert parts_s == pytest.approx(row["elapsed_s"], rel=1e-9)
        assert min(row["computing_s"], row["transmitting_s"], row["absent_s"], row["idle_s"]) >= -1e-9


def test_training_is_charged_whether_or_not_it_was_used(experiment: Experiment) -> None:
    training = rows(experiment, "training")
    outcomes = {row["outcome"] for row in training}
    assert outcomes <= {"completed", "partial", "late", "lost"}
    profile = experiment.world.fleet.profile
    for row in training:
        assert row["energy_compute_j"] <= profile.compute_w * (row["end_s"] - row["start_s"]) * (1 + 1e-9)
        if row["outcome"] == "completed":
            speed = experiment.world.fleet.flop_per_s[row["client"]]
            assert row["energy_compute_j"] == pytest.approx(profile.compute_w * row["flop"] / speed, rel=1e-9)


@pytest.fixture(scope="module")
def all_imported() -> None:
    # Torch imports on first use what draws from `random` when it is imported.
    execute(small_scenario(run__horizon_s=100.0).resolve(), 0)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_global_generators_are_untouched(all_imported: None, algorithm: str) -> None:
    before = global_states()
    settings = fitting(algorithm) | {"run__horizon_s": 100.0}
    execute(small_scenario(algorithm__kind=algorithm, **settings).resolve(), 0)
    assert global_states() == before


def global_states() -> tuple[Any, bytes, bytes]:
    numpy_state = np.random.get_state()[1]  # noqa: NPY002 - the global state is what is tested
    return random.getstate(), numpy_state.tobytes(), torch.random.get_rng_state().numpy().tobytes()


RUN_ALL = """
import sys
from pathlib import Path
from small import small_scenario
for algorithm, settings in {settings}.items():
    small_scenario(algorithm__kind=algorithm, run__horizon_s=150.0, **settings).run(
        {seed}, out=Path(sys.argv[1]) / algorithm
    )
"""


def run_all_in_a_process(root: Path, hash_seed: int, seed: int) -> dict[str, bytes]:
    """Return the bytes of every file but meta.json of every algorithm's run, made in a process of its own."""
    code = RUN_ALL.format(settings={name: fitting(name) for name in ALGORITHMS}, seed=seed)
    environment = os.environ | {
        "PYTHONHASHSEED": str(hash_seed),
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    subprocess.run([sys.executable, "-c", code, str(root)], check=True, env=environment)
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and path.name != "meta.json"]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


@pytest.mark.slow
def test_one_seed_gives_the_same_bytes_under_two_hash_seeds_and_another_seed_does_not(tmp_path: Path) -> None:
    first = run_all_in_a_process(tmp_path / "a", hash_seed=0, seed=3)
    second = run_all_in_a_process(tmp_path / "b", hash_seed=1, seed=3)
    other = run_all_in_a_process(tmp_path / "c", hash_seed=0, seed=4)
    assert len(first) >= 10 * len(ALGORITHMS)
    assert first == second
    for algorithm in ALGORITHMS:
        assert first[f"{algorithm}/evaluation.parquet"] != other[f"{algorithm}/evaluation.parquet"]
        assert first[f"{algorithm}/span.parquet"] != other[f"{algorithm}/span.parquet"]


def selecting(example: Example, **settings: Any) -> dict[str, Any]:
    """The settings of a run with a method configured as in an example."""
    algorithm = {"kind": example.name, example.name: dict(example.settings)}
    return {"algorithm": algorithm} | fitting(example.name) | settings


@pytest.mark.parametrize("example", READING, ids=str)
def test_with_a_decision_on_trained_values_a_run_still_equals_itself_to_the_last_byte(example: Example) -> None:
    scenario = small_scenario(**selecting(example, run__horizon_s=150.0)).resolve()
    first, second = execute(scenario, 0), execute(scenario, 0)
    assert first.tables["version"].num_rows > 1
    for name, table in first.tables.items():
        assert table.equals(second.tables[name]), name


@pytest.mark.parametrize("example", NOT_READING, ids=str)
def test_without_a_decision_on_trained_values_the_timeline_is_the_same_under_every_kernel(
    example: Example,
) -> None:
    settings = selecting(example, run__horizon_s=150.0)
    runs = {k: execute(small_scenario(run__kernel=k, **settings).resolve(), 0) for k in ("serial", "batched", "none")}
    for kernel in ("batched", "none"):
        for table in ("span", "training", "version"):
            times = [c for c in runs["serial"].tables[table].column_names if not c.endswith(("_norm", "_j"))]
            assert runs[kernel].tables[table].select(times).equals(runs["serial"].tables[table].select(times))
    for metric in ("accuracy", "loss"):
        serial, batched = (runs[kernel].series(metric)[1] for kernel in ("serial", "batched"))
        np.testing.assert_allclose(serial, batched, atol=5e-3)
