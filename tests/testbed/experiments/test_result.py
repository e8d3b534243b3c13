import numpy as np
import pyarrow as pa
import pytest

from testbed.errors import RequestError
from testbed.experiments.result import RunResult, mean_of_last, tidy_evaluations

SCENARIO = {"scenario": {"name": "toy"}, "run": {"horizon_s": 9}, "algorithm": {"kind": "fedavg", "mu": 0.1}}


def a_run(**tables: pa.Table) -> RunResult:
    return RunResult("abc", SCENARIO, 3, {"status": "done", "error": None}, tables)


def transfers(*rows: tuple[str, float, float]) -> pa.Table:
    source, end_s, uses = zip(*rows, strict=True)
    return pa.table({"source": source, "end_s": end_s, "channel_uses": uses, "bits": uses, "energy_tx_j": uses})


def evaluations(*rows: tuple[float, str, float]) -> pa.Table:
    time_s, metric, value = zip(*rows, strict=True)
    return pa.table({"time_s": time_s, "version": [0] * len(rows), "metric": metric, "value": value})


def test_what_was_spent_at_a_time_is_every_row_that_had_ended_by_then() -> None:
    run = a_run(transfer=transfers(("device-1", 5.0, 30.0), ("device-0", 2.0, 10.0), ("device-0", 5.0, 60.0)))
    assert run.spent("channel_uses", np.array([0.0, 1.9, 2.0, 4.9, 5.0, np.inf])).tolist() == [0, 0, 10, 10, 100, 100]


def test_what_the_server_sends_is_traffic_and_no_cost_of_the_uplink() -> None:
    run = a_run(transfer=transfers(("server", 3.0, 500.0), ("device-0", 2.0, 10.0), ("server", 1.0, 7.0)))
    spent = {cost: run.cost(cost)[1].tolist() for cost in run.costs}
    assert spent.pop("bits_down") == [7.0, 507.0]
    assert spent.pop("bits_both") == [7.0, 17.0, 517.0]
    assert spent == {"channel_uses": [10.0], "bits_up": [10.0], "energy_tx_j": [10.0]}
    assert run.spent("bits_down", np.array([0.9, 1.0, 2.9, 3.0])).tolist() == [0.0, 7.0, 7.0, 507.0]


def test_bits_of_both_directions_are_those_up_and_those_down() -> None:
    sent = ("server", 1.0, 500.0), ("device-0", 2.0, 10.0), ("device-1", 2.0, 1.0), ("server", 9.0, 4.0)
    run, times_s = a_run(transfer=transfers(*sent)), np.linspace(0.0, 10.0, 41)
    apart = run.spent("bits_up", times_s) + run.spent("bits_down", times_s)
    assert run.spent("bits_both", times_s).tolist() == apart.tolist()
    assert apart[-1] == 515.0


def test_a_run_without_a_table_has_spent_nothing() -> None:
    assert a_run().spent("energy_compute_j", np.array([0.0, 7.0])).tolist() == [0.0, 0.0]


def test_a_series_is_one_metric_in_the_order_of_time() -> None:
    run = a_run(evaluation=evaluations((0.0, "accuracy", 0.1), (0.0, "loss", 2.0), (1.0, "accuracy", 0.5)))
    times_s, values = run.series("accuracy")
    assert (times_s.tolist(), values.tolist()) == ([0.0, 1.0], [0.1, 0.5])


def test_an_unknown_metric_cost_or_table_is_refused_with_the_nearest_name() -> None:
    run = a_run(evaluation=evaluations((0.0, "accuracy", 0.1)))
    with pytest.raises(RequestError, match="did you mean 'accuracy'"):
        run.series("acuracy")
    with pytest.raises(RequestError, match="did you mean 'channel_uses'"):
        run.cost("channel_use")
    with pytest.raises(RequestError, match="did you mean 'evaluation'"):
        run.frame("evaluations")


def test_a_run_that_was_never_evaluated_has_empty_series_and_no_final_value() -> None:
    assert a_run().series("accuracy")[0].size == 0
    assert a_run().final("accuracy") is None


def test_the_final_value_is_the_mean_of_the_last_five_evaluations() -> None:
    run = a_run(evaluation=evaluations(*((float(k), "accuracy", float(k)) for k in range(8))))
    assert run.final("accuracy") == 5.0
    assert mean_of_last(np.array([4.0])) == 4.0


def test_names_and_settings_are_read_from_the_resolved_scenario() -> None:
    run = a_run()
    assert (run.algorithm, run.name, run.horizon_s, run.setting("algorithm.mu")) == ("fedavg", "toy", 9.0, 0.1)
    assert run.setting("algorithm.nu") is None
    assert (run.failed, run.error) == (False, "")


def test_traffic_over_a_wan_is_all_flows_whoever_sent_them() -> None:
    flows = pa.table({"source": ["server", "a"], "end_s": [2.0, 1.0], "bits": [5.0, 7.0]})
    run = a_run(flow=flows)
    assert run.spent("bits_wan", np.array([0.9, 1.0, 2.0])).tolist() == [0.0, 7.0, 12.0]
    assert run.costs == ("bits_wan",)


def test_the_version_at_a_time_is_the_one_evaluated_last() -> None:
    rows = [(0.0, 0), (2.0, 3), (2.0, 4), (5.0, 9)]
    evaluation = pa.table(
        {
            "time_s": [time_s for time_s, _ in rows],
            "version": [version for _, version in rows],
            "metric": ["accuracy", "accuracy", "loss", "accuracy"],
            "value": [0.1] * 4,
        }
    )
    run = a_run(evaluation=evaluation)
    assert run.versions("accuracy").tolist() == [0.0, 3.0, 9.0]
    assert [run.version_at("accuracy", time_s) for time_s in (-1.0, 0.0, 4.9, 5.0)] == [0.0, 0.0, 3.0, 9.0]
    assert run.version_at("loss", 9.0) == 4.0
    assert (run.num_versions, a_run().num_versions) == (9, 0)
    assert a_run(version=pa.table({"version": [1, 2]})).num_versions == 2


def test_a_run_is_between_regions_if_it_says_which() -> None:
    assert a_run(region=pa.table({"region": [0], "name": ["a"]})).between_regions
    assert not a_run().between_regions


def test_evaluations_of_many_runs_are_one_tidy_frame() -> None:
    run = a_run(evaluation=evaluations((0.0, "accuracy", 0.1), (1.0, "loss", 0.5)))
    frame = tidy_evaluations([run, run])
    assert list(frame.columns) == ["run", "seed", "algorithm", "time_s", "metric", "value"]
    assert (len(frame), set(frame["seed"]), set(frame["algorithm"])) == (4, {3}, {"fedavg"})
