import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.experiments.explanation import explain, time_covered
from testbed.experiments.result import RunResult

OF_REGIONS = (
    "computing_fraction",
    "stall_fraction",
    "wan_busy_fraction",
    "syncs_per_fragment_mean",
    "syncs_per_fragment_min",
    "sync_queueing_s",
    "sync_s",
)


def test_the_causes_of_a_worked_example() -> None:
    tables = {
        "version": pa.table(
            {
                "version": [1, 2, 3, 4],
                "group": [0, 1, 0, 1],
                "staleness": [0, 1, 1, 2],
                "num_active": [2, 1, 2, 2],
                "num_members": [2, 2, 2, 2],
                "progress_norm": [1.0, 2.0, 3.0, 4.0],
                "pull_back_norm": [0.0, 1.0, 0.0, 1.5],
            }
        ),
        "group": pa.table({"group": [0, 1], "share": [0.25, 0.75], "label_distance": [0.4, 0.8]}),
        "aggregation": pa.table({"alignment": [1.0, 0.8], "aggregation_nmse": [0.0, 0.1]}),
        "device": pa.table(
            {
                "elapsed_s": [10.0, 10.0],
                "computing_s": [4.0, 3.0],
                "transmitting_s": [1.0, 1.0],
                "absent_s": [2.0, 0.0],
            }
        ),
        "span": pa.table(
            {
                "entity": ["device-0", "uplink", "device-1", "uplink", "group-1", "device-0"],
                "kind": ["transmit", "transmit", "transmit", "transmit", "queue", "queue"],
                "start_s": [1.0, 1.0, 4.0, 4.0, 3.5, 7.0],
                "end_s": [2.0, 2.0, 6.0, 6.0, 4.0, 9.0],
            }
        ),
    }
    causes = explain(RunResult("a", {}, 0, {}, tables))
    assert causes == pytest.approx(
        {
            "staleness_mean": 1.0,
            "staleness_max": 2.0,
            "num_groups": 2.0,
            "label_distance_mean": 0.7,
            "shrinkage_mean": 0.1,
            "aggregation_nmse_mean": 0.05,
            "pull_back_ratio": 0.25,
            "waiting_fraction": 0.5,  # 18 s there, 9 s at work
            "mac_utilisation_fraction": 0.3,
            "mac_queueing_s": 0.125,  # the 2 s of device 0 are a wait for its own processor
            "updates_per_1000_s": 400.0,
            "work_rate_per_s": 0.1 * (0.25 + 0.375 + 0.25 + 0.75),
        }
        | dict.fromkeys(OF_REGIONS)
    )


def test_a_run_without_rows_has_no_causes() -> None:
    assert set(explain(RunResult("a", {}, 0, {}, {})).values()) == {None}


def test_the_load_of_regions_and_network_in_a_worked_example() -> None:
    tables = {
        "region": pa.table({"region": [0, 1], "name": ["a", "b"]}),
        "device": pa.table({"elapsed_s": [10.0, 10.0], "computing_s": [8.0, 6.0]}),
        "span": pa.table(
            {
                "entity": ["collective", "collective", "collective", "wan-a-b", "wan-b-a", "device-0", "device-1"],
                "kind": ["queue", "all-reduce", "all-reduce", "transmit", "transmit", "stall", "stall"],
                "start_s": [1.0, 2.0, 3.0, 2.0, 8.0, 4.0, 6.0],
                "end_s": [2.0, 4.0, 5.0, 3.0, 9.5, 5.0, 9.0],
            }
        ),
        "sync": pa.table(
            {
                "fragment": [0, 2, 0],
                "asked_s": [1.0, 3.0, 8.0],
                "start_s": [2.0, 3.0, 8.5],
                "end_s": [4.0, 5.0, 9.5],
            }
        ),
        "contribution": pa.table({"staleness": [0, 3]}),
    }
    causes = explain(RunResult("a", {}, 0, {}, tables))
    assert {name: causes[name] for name in OF_REGIONS} == pytest.approx(
        {
            "computing_fraction": 0.7,
            "stall_fraction": 0.2,  # 4 s of twice 10 s
            "wan_busy_fraction": 0.45,  # 2 to 5 s and 8 to 9.5 s
            "syncs_per_fragment_mean": 1.0,
            "syncs_per_fragment_min": 0.0,  # fragment 1
            "sync_queueing_s": 0.5,
            "sync_s": 5 / 3,
        }
    )
    assert (causes["staleness_mean"], causes["staleness_max"], causes["waiting_fraction"]) == (1.5, 3.0, None)


def test_the_whole_model_counts_as_one_fragment() -> None:
    sync = pa.table({"fragment": [-1, -1], "asked_s": [0.0] * 2, "start_s": [0.0] * 2, "end_s": [1.0] * 2})
    causes = explain(RunResult("a", {}, 0, {}, {"sync": sync}))
    assert (causes["syncs_per_fragment_mean"], causes["syncs_per_fragment_min"]) == (2.0, 2.0)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10)), max_size=12))
def test_the_time_covered_by_intervals_counts_every_instant_once(drawn: list[tuple[int, int]]) -> None:
    start_s = np.array([start for start, _ in drawn], dtype=np.float64)
    end_s = start_s + np.array([length for _, length in drawn], dtype=np.float64)
    covered = {second for start, length in drawn for second in range(start, start + length)}
    assert time_covered(start_s, end_s) == len(covered)
