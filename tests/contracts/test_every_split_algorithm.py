"""The contract of every registered algorithm of split learning: time, causes, bits, energy, luck."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from examples import examples
from small import of_world
from small_split import split_experiment

from testbed.experiments.blame import blame
from testbed.experiments.result import RunResult
from testbed.experiments.run import Experiment

ALGORITHMS = of_world("split")
EXAMPLES = [example for example in examples("algorithm") if example.name in ALGORITHMS]


@pytest.fixture(scope="module", params=ALGORITHMS)
def experiment(request: pytest.FixtureRequest) -> Iterator[Experiment]:
    torch.set_num_threads(1)
    finished = split_experiment(algorithm__kind=request.param)
    finished.run()
    yield finished


def rows(experiment: Experiment, table: str) -> list[dict[str, Any]]:
    return list(experiment.simulation.records.rows(table))


def test_it_makes_versions_and_they_change_the_model(experiment: Experiment) -> None:
    assert len(rows(experiment, "version")) >= 2
    assert not np.array_equal(experiment.world.server.vector, experiment.workload.initial_state)


def test_time_never_runs_backwards(experiment: Experiment) -> None:
    for table in ("span", "flow", "training", "cluster"):
        assert all(0 <= row["start_s"] <= row["end_s"] <= 8.0 + 1e-9 for row in rows(experiment, table))
    times_s = [row["time_s"] for row in rows(experiment, "version")]
    assert times_s == sorted(times_s)


def test_every_span_starts_exactly_when_its_cause_ended(experiment: Experiment) -> None:
    spans = {row["span_id"]: row for row in rows(experiment, "span")}
    caused = [row for row in spans.values() if row["cause_id"] >= 0]
    assert len(caused) > len(spans) / 2
    for row in caused:
        assert row["start_s"] == spans[row["cause_id"]]["end_s"], (row, spans[row["cause_id"]])


def test_what_the_run_and_every_update_waited_for_adds_up_to_the_time_elapsed(experiment: Experiment) -> None:
    result = RunResult("", {}, 0, {}, experiment.simulation.records.tables())
    blamed = blame(result)
    for path in (blamed.run, *(update.path for update in blamed.updates)):
        seconds = path.seconds()
        assert sum(seconds.values()) == pytest.approx(path.elapsed_s, abs=1e-9)
        assert seconds["unexplained"] == 0
    assert blamed.run.seconds()["compute"] > 0


def test_flows_of_a_finished_round_carry_exactly_what_was_encoded(experiment: Experiment) -> None:
    """Messages, bit by bit: those of a round that ended, and the closed forms of its traffic."""
    world = experiment.world
    clusters = rows(experiment, "cluster")
    last = max(row["version"] for row in rows(experiment, "version"))
    ended_s = max(row["time_s"] for row in rows(experiment, "version"))
    done = [row for row in clusters if row["version"] < last]
    flows = Counter[str]()
    for row in rows(experiment, "flow"):
        if row["end_s"] <= ended_s and row["start_s"] < ended_s:
            flows[row["what"]] += row["bits"]
    split = [row for row in done if row["bits"] > 0]
    at_cut = sum(row["bits"] for row in split)
    assert flows["activations"] == pytest.approx(at_cut / 2, rel=1e-9)
    assert flows["gradient"] == pytest.approx(at_cut / 2, rel=1e-9)
    bottoms = sum(row["num_bottoms"] * world.messages_at(row["cut"]).bottom_bits for row in split)
    models = sum(row["host"] >= 0 or not row["bits"] for row in done) * world.messages.model_bits
    for what, bits in (("bottom", bottoms), ("model", models)):
        assert flows[f"{what} down"] == pytest.approx(bits, rel=1e-9)
        assert flows[f"{what} up"] == pytest.approx(bits, rel=1e-9)
    assert world.messages.model_bits == 32 * world.workload.num_entries


def test_what_a_job_encoded_is_what_its_cluster_was_charged(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = split_experiment(algorithm__kind=experiment.world.settings.algorithm.kind, codec="int8")
    encoded: list[float] = []
    mix = type(again.world).mix

    def watching(self: Any, works: Any, weights: Any) -> None:
        encoded.extend(float(work.handle.value().bits.sum()) for work in works if not work.task.whole)
        mix(self, works, weights)

    monkeypatch.setattr(type(again.world), "mix", watching)
    again.run()
    by_version = [row["bits"] for row in rows(again, "cluster") if row["version"] == 0 and row["bits"]]
    assert sorted(encoded[: len(by_version)]) == pytest.approx(sorted(by_version))


def test_an_iteration_is_never_faster_than_without_queues_and_shared_links(experiment: Experiment) -> None:
    for row in rows(experiment, "cluster"):
        assert row["iteration_s"] >= row["planned_iteration_s"] * (1 - 1e-9)


def test_training_is_charged_its_energy_and_operations(experiment: Experiment) -> None:
    profile = experiment.world.fleet.profile
    training = rows(experiment, "training")
    assert training
    for row in training:
        speed = float(experiment.world.fleet.flop_per_s[row["client"]])
        assert row["energy_compute_j"] == pytest.approx(profile.compute_w * row["flop"] / speed, rel=1e-9)


def test_computing_and_idle_add_up_to_the_elapsed_time(experiment: Experiment) -> None:
    for row in rows(experiment, "device"):
        parts_s = row["computing_s"] + row["transmitting_s"] + row["absent_s"] + row["idle_s"]
        assert parts_s == pytest.approx(row["elapsed_s"], rel=1e-9)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_the_same_seed_gives_the_same_bytes_and_the_kernels_agree_on_the_timeline(example: Any) -> None:
    table = {f"algorithm__{example.name}__{key}": value for key, value in example.settings.items()}
    one, two, dry = (
        split_experiment(kernel=kernel, run__horizon_s=4.0, algorithm__kind=example.name, **table)
        for kernel in ("serial", "batched", "none")
    )
    for each in (one, two, dry):
        each.run()
    assert one.world.server.vector.tobytes() == two.world.server.vector.tobytes()
    assert rows(one, "span") == rows(two, "span")
    if not one.world.settings.algorithm.reads_trained_values:
        assert rows(one, "span") == rows(dry, "span")
