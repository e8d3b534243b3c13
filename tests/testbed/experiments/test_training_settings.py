"""Laws of `[training]`: what is asked for is stated, what is not changes no record, and what cannot be is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small import small_experiment, small_scenario

from testbed.errors import RequestError
from testbed.experiments.run import Progress, prepare
from testbed.experiments.training_settings import TrainingSettings
from testbed.learning.metrics import main_metrics

OLD_KEYS = {"optimizer", "learning_rate", "momentum", "weight_decay", "local_steps", "local_epochs", "batch_size"}
ADAMW = {"optimizer": "adamw", "learning_rate": 0.01, "local_steps": 2, "batch_size": 10}
LANGUAGE: dict[str, Any] = {
    "data": {"dataset": {"kind": "pydoc-topics", "context": 16, "max_test_windows": 20}, "partition": "contiguous"},
    "model": {"kind": "gpt", "width": 16, "num_blocks": 1, "num_heads": 2},
    "training": ADAMW,
    "run__horizon_s": 1e5,
    "run__horizon_rounds": 3,
    "run__evaluation_interval_s": 20.0,
}


def document(**training: Any) -> dict[str, Any]:
    return small_scenario(training=training).resolve().document["training"]  # type: ignore[no-any-return]


def test_settings_that_are_not_asked_for_are_not_part_of_a_record() -> None:
    assert set(document(learning_rate=0.1, local_steps=2, batch_size=10)) == OLD_KEYS
    assert set(document(learning_rate=0.1, local_steps=2, batch_size=10, total_steps=9, final_fraction=0.5)) == OLD_KEYS


def test_settings_that_are_asked_for_are_stated_with_their_defaults_and_read_back() -> None:
    stated = document(**ADAMW, clip_norm=1, warmup_steps=2, decay="cosine", total_steps=9)
    assert {key: stated[key] for key in stated.keys() - OLD_KEYS} == {
        "betas": [0.9, 0.999], "epsilon": 1e-8, "clip_norm": 1.0, "warmup_steps": 2, "decay": "cosine",
        "final_fraction": 0.1, "total_steps": 9,
    }  # fmt: skip
    again = document(**json.loads(json.dumps(stated)))
    assert again == stated
    sgd = {"learning_rate": 0.1, "local_steps": 2, "batch_size": 10}
    stated = document(**sgd, decay="exponential", decay_factor=0.993, total_steps=9)
    assert {key: stated[key] for key in stated.keys() - OLD_KEYS} == {
        "warmup_steps": 0, "decay": "exponential", "final_fraction": 0.1, "decay_factor": 0.993,
    }  # fmt: skip
    assert document(**json.loads(json.dumps(stated))) == stated


def test_a_decay_ends_with_the_run_unless_it_is_told_where() -> None:
    scenario = small_scenario(training=ADAMW | {"decay": "linear"})
    with pytest.raises(RequestError, match="needs to know where it ends"):
        scenario.resolve()
    resolved = scenario.set("run.horizon_rounds", 7).resolve()
    assert resolved.document["training"]["total_steps"] == 7
    rates = prepare(resolved, 0, resolved.data.dataset.load(None)).workload.optimizer.learning_rate
    assert rates.rate(7) == pytest.approx(0.1 * 0.01)
    shrinking = scenario.set("training.decay", "exponential").set("training.decay_factor", 0.5).resolve()
    rates = prepare(shrinking, 0, shrinking.data.dataset.load(None)).workload.optimizer.learning_rate
    assert [rates.rate(version) for version in (0, 1, 9)] == [0.01, 0.005, 0.001]  # without a horizon in rounds
    assert scenario.set("training.total_steps", 5).resolve().document["training"]["total_steps"] == 5


@pytest.mark.parametrize(
    ("training", "complaint"),
    [
        ({"optimizer": "adamw", "momentum": 0.9}, "momentum belongs to sgd"),
        ({"betas": (0.9, 0.95)}, "belong to adam and adamw"),
        ({"epsilon": 1e-8}, "belong to adam and adamw"),
        ({"optimizer": "adamw", "betas": (0.9, 1.0)}, "betas"),
        ({"optimizer": "adamw", "clip_norm": 0}, "clip_norm"),
        ({"local_epochs": 2}, "exactly one of local_steps and local_epochs"),
        ({"warmup_steps": 9, "decay": "cosine", "total_steps": 9}, "leaves nothing"),
        ({"decay": "exponential"}, "decay_factor = None"),
        ({"decay_factor": 0.9}, "decay = 'none', decay_factor = 0.9"),
        ({"decay": "exponential", "decay_factor": 1.0}, "decay_factor"),
        ({"optimizer": "rmsprop"}, "'sgd', 'adam' or 'adamw'"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(training: dict[str, Any], complaint: str) -> None:
    with pytest.raises(RequestError, match=complaint):
        document(**({"learning_rate": 0.1, "local_steps": 2, "batch_size": 10} | training))


def test_the_length_of_jobs_is_stated_exactly_where_methods_do_not_count_steps_themselves() -> None:
    planned = TrainingSettings(learning_rate=0.1, batch_size=10, local_epochs=2)
    open_ended = TrainingSettings(learning_rate=0.1, batch_size=10)
    planned.check_length(trains_in_segments=False)
    open_ended.check_length(trains_in_segments=True)
    with pytest.raises(RequestError, match="training: set exactly one of local_steps and local_epochs"):
        open_ended.check_length(trains_in_segments=False)
    with pytest.raises(RequestError, match="methods of this world count steps themselves"):
        planned.check_length(trains_in_segments=True)
    with pytest.raises(RequestError, match="training: set exactly one"):
        document(learning_rate=0.1, batch_size=10)


def test_jobs_of_a_federation_keep_the_rate_of_the_version_they_start_from() -> None:
    training = ADAMW | {"warmup_steps": 4, "decay": "cosine", "total_steps": 10}
    workload = small_experiment(training=training).workload
    for version in (0, 3, 9):
        job = workload.next_job(1, version, workload.initial_state)
        assert job.learning_rates is not None and job.optimizer_state is not None
        assert job.learning_rates.tolist() == [workload.optimizer.learning_rate.rate(version)] * 2
        assert not job.optimizer_state.any()
    plain = small_experiment().workload
    assert plain.next_job(1, 0, plain.initial_state).optimizer_state is None


def test_a_federation_learns_language_with_its_own_metrics_and_says_how_far_it_is() -> None:
    seen: list[Progress] = []
    result = small_scenario(**LANGUAGE, algorithm__kind="fedavg").run(0, observe=seen.append)
    metrics = set(result.column("evaluation", "metric"))
    assert metrics == {"accuracy", "loss", "perplexity"}
    _, losses = result.series("loss")
    _, perplexities = result.series("perplexity")
    np.testing.assert_allclose(perplexities, np.exp(losses), rtol=1e-12)
    assert losses[-1] < losses[0]
    assert [progress.accuracy for progress in seen] == [None] * len(seen)
    assert seen[-1].done_fraction == 1.0
    assert set(result.meta["data_sha256"]) == {"pydoc_data.topics"}
    reasons = set(result.column("chunk", "reason"))
    assert any("adamw with a state" in reason for reason in reasons)


def test_a_text_with_fewer_windows_than_clients_is_refused_with_the_reason() -> None:
    dataset = {"kind": "pydoc-topics", "context": 40_000, "max_test_windows": 1}
    scenario = small_scenario(**LANGUAGE).set("data.dataset", dataset).set("devices.count", 12).resolve()
    with pytest.raises(RequestError, match="has 10 windows of 40000 tokens, and each of 12 clients needs one"):
        prepare(scenario, 0, scenario.data.dataset.load(None))


def test_a_model_for_images_refuses_words_and_a_rule_for_classes_too() -> None:
    for change, complaint in (
        (("model", {"kind": "mlp", "hidden": [4]}), "the model cannot take samples of shape"),
        (("data.partition", {"kind": "dirichlet", "alpha": 1}), "partition dirichlet deals by the one label"),
    ):
        scenario = small_scenario(**LANGUAGE).set(*change).resolve()
        with pytest.raises(RequestError, match=complaint):
            prepare(scenario, 0, scenario.data.dataset.load(None))


def test_a_world_finds_the_data_folder_and_what_it_read_is_in_the_record(tmp_path: Path) -> None:
    resolved = small_scenario().resolve()
    data = resolved.data.dataset.load(None)
    workload = prepare(resolved, 0, data, data_dir=tmp_path).workload
    assert workload.data_dir == tmp_path
    assert workload.sources == dict(data.sources)
    workload.add_sources({"links.csv": "ab"})
    workload.add_sources({"links.csv": "ab"})
    assert workload.sources == {**data.sources, "links.csv": "ab"}
    with pytest.raises(RequestError, match=r"two different files named 'links\.csv'"):
        workload.add_sources({"links.csv": "cd"})


def test_a_world_whose_versions_leap_over_the_last_round_ends_there() -> None:
    """Where every step is a version, not every step need be published."""
    for version, ended in ((2, False), (3, True), (5, True)):
        experiment = small_experiment(run__horizon_rounds=3)
        workload = experiment.workload
        workload.watch(version, 0.0, workload.initial_state)
        assert experiment.simulation.finished == ended


def test_a_diverged_perplexity_is_infinite_and_no_error() -> None:
    from testbed.learning.kernels.protocol import EvaluationOutput

    output = EvaluationOutput(1e4, np.array([1]), np.array([2]))
    assert main_metrics(output, is_language=True)["perplexity"] == np.inf
