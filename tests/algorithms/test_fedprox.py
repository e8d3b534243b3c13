"""FedProx: its limit FedAvg, what a round makes of stragglers, and the same term in FedAsync."""

from typing import Any

import numpy as np
import pytest
from small import small_experiment
from versions import run_and_keep_versions

from testbed.experiments.run import Experiment
from testbed.learning.kernels.batched import BatchedKernel
from testbed.learning.kernels.protocol import TrainingJob, form_chunks

# A step takes three clients about 7 s and the others 22 s, 22 s and 25 s: three finish, two do a part, one not a step.
NUM_STEPS, DEADLINE_S = 3, 24.0
SLOW: dict[str, Any] = {
    "devices__profile__flop_per_s": 1e6, "training__local_steps": NUM_STEPS, "run__horizon_s": 1500.0
}  # fmt: skip


def experiment_of(kind: str, **settings: Any) -> Experiment:
    return small_experiment(algorithm__kind=kind, **settings)


def rows(experiment: Experiment, table: str, **where: Any) -> list[dict[str, Any]]:
    found = experiment.simulation.records.rows(table)
    return [row for row in found if all(row[key] == value for key, value in where.items())]


def learnt(job: TrainingJob) -> np.ndarray:
    (chunk,) = form_chunks([job], BatchedKernel())
    return chunk.compute()[0].parameters  # type: ignore[union-attr]


def weighted_mean(experiment: Experiment, models: dict[int, np.ndarray]) -> np.ndarray:
    sizes = experiment.workload.data_sizes[list(models)].astype(float)
    return np.einsum("i,ij->j", sizes / sizes.sum(), np.stack(list(models.values())))


def assert_same_versions(one: Experiment, other: Experiment) -> None:
    ours, theirs = run_and_keep_versions(one), run_and_keep_versions(other)
    assert len(ours) == len(theirs) > 3
    for (time_a, model_a), (time_b, model_b) in zip(ours, theirs, strict=True):
        assert time_a == time_b
        assert model_a.tobytes() == model_b.tobytes()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"algorithm__access": "ofdma"},
        {"algorithm__deadline_s": DEADLINE_S, "algorithm__partial_work": False},
    ],
)
def test_without_weight_and_partial_work_it_is_fedavg_byte_for_byte(settings: dict[str, Any]) -> None:
    common = {key: value for key, value in settings.items() if key != "algorithm__partial_work"}
    assert_same_versions(
        experiment_of("fedprox", algorithm__proximal_weight=0, **SLOW | settings),
        experiment_of("fedavg", **SLOW | common),
    )


def test_the_weight_changes_what_is_learnt_and_no_time() -> None:
    free, near = (experiment_of("fedprox", algorithm__proximal_weight=mu, **SLOW) for mu in (0.0, 1.0))
    models = [run_and_keep_versions(experiment) for experiment in (free, near)]
    assert [time_s for time_s, _ in models[0]] == [time_s for time_s, _ in models[1]]
    assert rows(free, "span") == rows(near, "span")
    assert rows(free, "training") == rows(near, "training")
    first, held = (versions[1][1] - versions[0][1] for versions in models)
    assert 0 < np.linalg.norm(held) < np.linalg.norm(first)


def test_a_round_is_the_mean_of_what_the_clients_learn_under_the_term() -> None:
    experiment = experiment_of("fedprox", algorithm__proximal_weight=2.0, **SLOW)
    (_, base), (_, first), *_ = run_and_keep_versions(experiment)
    again = experiment_of("fedprox", **SLOW)
    models = {client: learnt(again.workload.next_job(client, 0, base.copy(), 2.0)) for client in range(6)}
    np.testing.assert_allclose(first, weighted_mean(again, models), rtol=0, atol=1e-6)


# -- partial work ------------------------------------------------------------------------------------------------------


def with_a_deadline(partial_work: bool, **settings: Any) -> Experiment:
    slow = SLOW | {"algorithm__deadline_s": DEADLINE_S, "algorithm__partial_work": partial_work}
    return experiment_of("fedprox", **slow | settings)


def step_time_s(experiment: Experiment) -> np.ndarray:
    """Return what a step takes each client; the batches are full, so all steps of a client are alike."""
    steps = experiment.workload.plan.num_steps(1)
    return experiment.workload.job_flop / steps / experiment.world.fleet.flop_per_s


def test_stragglers_send_the_whole_steps_that_fit_before_the_deadline() -> None:
    experiment = with_a_deadline(partial_work=True)
    (_, base), (first_s, first), *_ = run_and_keep_versions(experiment)
    fit = dict(enumerate((DEADLINE_S // step_time_s(experiment)).astype(int)))
    assert {min(NUM_STEPS, steps) for steps in fit.values()} == {0, 1, NUM_STEPS}
    outcomes = {row["client"]: row["outcome"] for row in rows(experiment, "training", job=0)}
    expected = {c: "completed" if n >= NUM_STEPS else "partial" if n else "late" for c, n in fit.items()}
    assert outcomes == expected
    taken = {row["client"]: row["num_steps"] for row in rows(experiment, "update", base_version=0)}
    assert taken == {client: min(NUM_STEPS, steps) for client, steps in fit.items() if steps}
    assert [row["client"] for row in rows(experiment, "participation", status="late", version=0)] == [
        client for client, steps in fit.items() if not steps
    ]
    # They train on exactly these steps of the batches they would have had.
    again = with_a_deadline(partial_work=True)
    models = {
        client: learnt(again.workload.next_job(client, 0, base.copy(), 0.01).cut(num_steps))
        for client, num_steps in taken.items()
    }
    np.testing.assert_allclose(first, weighted_mean(again, models), rtol=0, atol=1e-6)
    assert first_s > DEADLINE_S


def test_partial_work_is_paid_for_like_work_that_is_thrown_away() -> None:
    kept, thrown_away = (with_a_deadline(partial_work=flag) for flag in (True, False))
    for experiment in (kept, thrown_away):
        experiment.run()
    costs = ("client", "start_s", "end_s", "flop", "energy_compute_j")
    ours, theirs = ([{c: row[c] for c in costs} for row in rows(e, "training", job=0)] for e in (kept, thrown_away))
    assert ours == theirs
    assert rows(kept, "version")[0]["num_active"] > rows(thrown_away, "version")[0]["num_active"]


def test_a_deadline_that_everybody_meets_changes_nothing() -> None:
    assert_same_versions(
        with_a_deadline(partial_work=True, algorithm__deadline_s=100.0), experiment_of("fedprox", **SLOW)
    )


@pytest.mark.parametrize("on_loss", ["pause", "restart", "abandon"])
def test_an_absence_costs_a_straggler_the_steps_it_would_have_done(on_loss: str) -> None:
    """Client 0 is away from 10 s to 30 s and stops at 100 s; a step takes it 25 s."""
    settings = {"algorithm__deadline_s": 100.0, "devices__on_loss": on_loss, "training__local_steps": 50}
    experiment = with_a_deadline(True, fault=[{"device": 0, "start_s": 10.0, "end_s": 30.0}], **settings)
    experiment.run()
    assert 25.0 < step_time_s(experiment)[0] < 26.0
    (paid,) = rows(experiment, "training", client=0, job=0)
    taken = [row["num_steps"] for row in rows(experiment, "update", client=0, job=0)]
    expected: dict[str, tuple[str, list[int]]] = {
        "pause": ("partial", [3]),  # 80 s of work
        "restart": ("partial", [2]),  # 70 s, since the first 10 s are lost
        "abandon": ("lost", []),
    }
    assert (paid["outcome"], taken) == expected[on_loss]


def test_whoever_stops_at_the_deadline_is_a_cause_like_any_other() -> None:
    away = {"availability": {"kind": "bernoulli-blocks", "probability": 0.8, "block_s": 20.0}}
    experiment = with_a_deadline(partial_work=True, **away)
    experiment.run()
    assert {row["outcome"] for row in rows(experiment, "training")} >= {"completed", "partial"}
    spans = {row["span_id"]: row for row in rows(experiment, "span")}
    caused = [row for row in spans.values() if row["cause_id"] >= 0]
    assert len(caused) > len(spans) / 2
    assert all(row["start_s"] == spans[row["cause_id"]]["end_s"] for row in caused)


def test_it_learns_with_stragglers() -> None:
    experiment = with_a_deadline(partial_work=True, run__horizon_s=4000.0)
    experiment.run()
    accuracy = [row["value"] for row in rows(experiment, "evaluation", metric="accuracy")]
    assert accuracy[-1] > 0.6 > 0.2 > accuracy[0]


# -- the same term in FedAsync -----------------------------------------------------------------------------------------


def test_fedasync_holds_every_client_to_the_model_it_received() -> None:
    experiment = experiment_of("fedasync", algorithm__proximal_weight=2.0, **SLOW)
    (_, base), (_, first), *_ = run_and_keep_versions(experiment)
    fastest = rows(experiment, "update")[0]["client"]
    job = experiment_of("fedasync", **SLOW).workload.next_job(fastest, 0, base.copy(), 2.0)
    np.testing.assert_allclose(first, 0.4 * base + 0.6 * learnt(job), rtol=0, atol=1e-6)
