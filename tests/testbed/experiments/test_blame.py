"""What an update waited for: worked by hand, and adding up whatever the rows."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import SPAN_COLUMNS, grouped_run, table

from testbed.experiments.blame import blame
from testbed.experiments.blamed_path import BLAMED
from testbed.experiments.result import RunResult

Rows = list[tuple[str, str, float, float, int]]

UNICAST: Rows = [
    ("downlink", "transmit", 0.0, 2.0, -1),
    ("server", "queue", 0.0, 2.0, -1),
    ("downlink", "wait", 2.0, 3.0, 0),
    ("downlink", "transmit", 3.0, 5.0, 2),
    ("device-0", "compute", 2.0, 6.0, 0),
    ("device-1", "compute", 5.0, 9.0, 3),
    ("device-0", "wait", 6.0, 9.0, 4),
    ("device-0", "transmit", 9.0, 12.0, 5),
    ("uplink", "transmit", 9.0, 12.0, 5),
    ("device-1", "transmit", 12.0, 13.0, 8),
    ("device-1", "absent", 13.0, 15.0, 9),
    ("device-1", "transmit", 15.0, 16.0, 10),
    ("uplink", "transmit", 12.0, 16.0, 8),
]


def run_of(spans: Rows, versions: list[tuple[int, float, int]], elapsed_s: float) -> RunResult:
    """Return a run with these spans (numbered from 0) and versions (group, time, span)."""
    tables = {
        "span": table(SPAN_COLUMNS, [(number, *span) for number, span in enumerate(spans)]),
        "version": table(
            ["version", "time_s", "group", "span_id"],
            [(number, time_s, group, span_id) for number, (group, time_s, span_id) in enumerate(versions, 1)],
        ),
        "device": table(["elapsed_s"], [(elapsed_s,)]),
    }
    return RunResult("", {}, 0, {}, tables)


def spent(seconds: dict[str, float]) -> dict[str, float]:
    return {what: value for what, value in seconds.items() if value}


def two_devices() -> RunResult:
    """Return a run worked by hand: devices 0 and 1 are group 0, device 2 is group 1 and holds the uplink first."""
    spans: Rows = [
        ("device-0", "compute", 0.0, 3.0, -1),
        ("device-1", "compute", 0.0, 5.0, -1),
        ("device-1", "absent", 5.0, 6.0, 1),
        ("device-1", "compute", 6.0, 8.0, 2),
        ("device-2", "compute", 0.0, 7.0, -1),
        ("device-2", "transmit", 7.0, 10.0, 4),
        ("uplink", "transmit", 7.0, 10.0, 4),
        ("group-0", "queue", 8.0, 10.0, 3),
        ("device-0", "wait", 3.0, 10.0, 0),
        ("device-1", "wait", 8.0, 10.0, 3),
        ("device-0", "transmit", 10.0, 11.0, 6),
        ("device-1", "transmit", 10.0, 11.0, 6),
        ("uplink", "transmit", 10.0, 11.0, 6),
        ("device-0", "compute", 11.0, 14.0, 12),
        ("device-1", "compute", 11.0, 12.5, 12),
        ("device-1", "wait", 12.5, 14.0, 14),
        ("device-0", "transmit", 14.0, 15.0, 13),
        ("device-1", "transmit", 14.0, 15.0, 13),
        ("uplink", "transmit", 14.0, 15.0, 13),
    ]
    return run_of(spans, [(1, 10.0, 6), (0, 11.0, 12), (0, 15.0, 18)], elapsed_s=17.0)


def test_two_devices_give_the_shares_worked_out_by_hand() -> None:
    """The walk from the third update at 15 s, spans of `two_devices`, backwards:

    15 to 14 both transmit at once: 1 s up. Device 0 was the last to be ready: it computed from 11 to 14, alone from
    12.5 on: 1.5 s straggling, 1.5 s compute. Its round was released by the second update at 11.
    11 to 10: 1 s up. 10 to 8: group 0 stood in line, 2 s. 8 to 0 is device 1, the last to be ready, with device 0
    ready at 3: 8 to 6 straggling (2 s), 6 to 5 absent (1 s), 5 to 3 straggling (2 s), 3 to 0 compute (3 s).
    The horizon is 17 s: 2 s after the last update. In all 2 + 2 up + 2 in line + 1 absent + 5.5 straggling +
    4.5 compute = 17 s. The first update is device 2's alone: 3 s up, 7 s compute, and nobody waited for it.
    """
    blamed = blame(two_devices())
    assert spent(blamed.run.seconds()) == {
        "compute": 4.5, "straggling": 5.5, "absent": 1.0, "queue-uplink": 2.0, "up": 2.0, "after-last-update": 2.0
    }  # fmt: skip
    assert blamed.run.by_entity("straggling") == {"device-1": 4.0, "device-0": 1.5}
    assert blamed.run.by_entity("compute") == {"device-1": 3.0, "device-0": 1.5}
    assert blamed.run.by_entity("queue-uplink") == {"group-0": 2.0}
    first, second, third = blamed.updates
    assert spent(first.path.seconds()) == {"compute": 7.0, "up": 3.0}
    assert first.path.by_entity("up") == {"device-2": 3.0}
    assert spent(second.path.seconds()) == {
        "compute": 3.0, "straggling": 4.0, "absent": 1.0, "queue-uplink": 2.0, "up": 1.0
    }  # fmt: skip
    assert spent(third.path.seconds()) == {"compute": 1.5, "straggling": 1.5, "up": 1.0}
    assert [(u.group, u.path.start_s, u.path.end_s) for u in blamed.updates] == [(1, 0, 10), (0, 0, 11), (0, 11, 15)]
    assert blamed.stragglers() == {"device-1": (1, 4.0), "device-0": (1, 1.5)}
    assert blamed.mean_seconds()["up"] == pytest.approx((3 + 1 + 1) / 3)
    assert blamed.mean_shares()["up"] == pytest.approx((3 / 10 + 1 / 11 + 1 / 4) / 3)


def test_a_round_of_three_waits_for_the_last_from_when_the_second_is_ready() -> None:
    """Ready after 2, 5 and 9 s: the last alone is waited for from 5 to 9, then all send for 1 s."""
    spans: Rows = [(f"device-{at}", "compute", 0.0, ready_s, -1) for at, ready_s in enumerate((2.0, 9.0, 5.0))]
    spans += [
        ("device-0", "wait", 2.0, 9.0, 0),
        ("device-2", "wait", 5.0, 9.0, 2),
        ("uplink", "transmit", 9.0, 10.0, 1),
    ]
    blamed = blame(run_of(spans, [(0, 10.0, 5)], 10.0))
    assert spent(blamed.run.seconds()) == {"compute": 5.0, "straggling": 4.0, "up": 1.0}
    assert blamed.stragglers() == {"device-1": (1, 4.0)}


def test_one_by_one_deliveries_and_uploads_are_blamed_on_line_receiver_and_sender() -> None:
    """Device 1 waits 2 s for the downlink, is away for 1 s of its delivery, gets it in 2 s and computes for 4 s: 1 s
    while device 0 still does, 3 s alone. Then device 0 sends for 3 s, and device 1 for 4 s, of which it is away for 2.
    """
    (update,) = blame(run_of(UNICAST, [(0, 16.0, 12)], 16.0)).updates
    assert spent(update.path.seconds()) == {
        "queue-downlink": 2.0, "absent": 3.0, "down": 2.0, "compute": 1.0, "straggling": 3.0, "up": 5.0
    }  # fmt: skip
    assert update.path.by_entity("up") == {"device-0": 3.0, "device-1": 2.0}
    assert update.path.by_entity("absent") == {"device-1": 2.0, "downlink": 1.0}


def test_what_the_server_computes_is_computing_and_nobody_straggles_for_it() -> None:
    """Devices are ready after 2 and 5 s and send for 1 s, the server computes for 4 s: 3 s of device 1 are alone."""
    spans: Rows = [
        ("device-0", "compute", 0.0, 2.0, -1),
        ("device-1", "compute", 0.0, 5.0, -1),
        ("device-0", "wait", 2.0, 5.0, 0),
        ("uplink", "transmit", 5.0, 6.0, 1),
        ("server", "compute", 6.0, 10.0, 3),
    ]
    (update,) = blame(run_of(spans, [(0, 10.0, 4)], 10.0)).updates
    assert spent(update.path.seconds()) == {"compute": 6.0, "straggling": 3.0, "up": 1.0}
    assert update.path.by_entity("compute") == {"server": 4.0, "device-1": 2.0}
    assert update.path.last_ready == "device-1"
    assert sum(update.path.seconds().values()) == update.path.elapsed_s == 10.0


def test_a_path_has_no_gap() -> None:
    for path in (blame(two_devices()).run, *(update.path for update in blame(two_devices()).updates)):
        ends = [path.end_s, *(step.start_s for step in path.steps)]
        assert ends == [*(step.end_s for step in path.steps), path.start_s]


def test_a_gap_in_the_records_is_shown_as_unexplained() -> None:
    spans: Rows = [("device-0", "compute", 1.0, 3.0, -1), ("uplink", "transmit", 5.0, 6.0, 0)]
    seconds = blame(run_of(spans, [(0, 6.0, 1)], 6.0)).run.seconds()
    assert spent(seconds) == {"compute": 2.0, "up": 1.0, "unexplained": 3.0}


def test_a_run_without_updates_is_all_after_the_last_one() -> None:
    blamed = blame(run_of([("device-0", "compute", 0.0, 3.0, -1)], [], 5.0))
    assert spent(blamed.run.seconds()) == {"after-last-update": 5.0}
    assert blamed.updates == () and blamed.stragglers() == {}
    assert set(blamed.mean_shares().values()) == {0.0}


def test_spans_that_are_not_numbered_by_row_are_refused() -> None:
    spans = table(SPAN_COLUMNS, [(1, "uplink", "transmit", 0.0, 1.0, -1)])
    with pytest.raises(ValueError, match="span_id"):
        blame(RunResult("", {}, 0, {}, {"span": spans}))


ENTITIES = st.sampled_from(
    ["device-0", "device-1", "group-0", "uplink", "downlink", "server", "relay-1", "collective", "wan-a-b"]
)
KINDS = st.sampled_from(["compute", "transmit", "queue", "wait", "absent", "sleep", "stall", "all-reduce"])
TIMES = st.integers(0, 20).map(float)


SPANS = st.lists(st.tuples(ENTITIES, KINDS, TIMES, TIMES, st.integers(-1, 10)), min_size=1, max_size=12)


@given(SPANS, st.sets(st.integers(0, 11)))
def test_shares_are_never_negative_and_add_up_whatever_the_rows(drawn: list[Any], numbers: set[int]) -> None:
    spans: Rows = [(*span[:2], min(span[2:4]), max(span[2:4]), min(span[4], at - 1)) for at, span in enumerate(drawn)]
    made = sorted((number for number in numbers if number < len(spans)), key=lambda number: spans[number][3])
    blamed = blame(run_of(spans, [(0, spans[number][3], number) for number in made], 20.0))
    for path in (blamed.run, *(update.path for update in blamed.updates)):
        assert sum(path.seconds().values()) == pytest.approx(path.elapsed_s, abs=1e-9)
        assert min(path.seconds().values()) >= 0
        assert {step.what for step in path.steps} <= set(BLAMED)
    assert blamed.run.elapsed_s == 20.0


def test_the_document_holds_the_shares_of_the_run_and_of_every_update() -> None:
    document = blame(grouped_run()).to_json()
    assert sum(part["seconds"] for part in document["run"].values()) == pytest.approx(600.0, abs=1e-9)
    assert [row["version"] for row in document["updates"]] == list(range(1, len(document["updates"]) + 1))
    for row in document["updates"]:
        assert sum(row["seconds"].values()) == pytest.approx(row["end_s"] - row["start_s"], abs=1e-9)
