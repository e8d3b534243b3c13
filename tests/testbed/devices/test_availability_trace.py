import gzip
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import pytest
from examples import ABSENCES
from pydantic import ValidationError
from small import small_experiment, small_scenario

from testbed.devices.availability import Absences
from testbed.devices.availability_trace import DeviceTrace, TraceAvailability, read_states
from testbed.devices.energy import union
from testbed.errors import RequestError
from testbed.settings import component
from testbed.streams import Luck

ROWS = Path(ABSENCES).read_text(encoding="utf-8")
STATES = {
    "a": {"trace_start": 1000.0, "trace_end": 1100.0, "ready_time": [[1000.0, 1010.0], [1040.0, 1040.0], [1050, 1100]]},
    "nobody": {"trace_start": None, "trace_end": None, "ready_time": []},
    "b": {"trace_start": 5000.0, "trace_end": 5050.0, "ready_time": [[5020.0, 5030.0]]},
}


def absences(law: TraceAvailability, num_devices: int, until_s: float) -> Absences:
    return Absences(law, [], num_devices, Luck(0), until_s)


def table(**settings: Any) -> TraceAvailability:
    return TraceAvailability(**{"path": ABSENCES, "rows": "absences", **settings})


def written(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return str(path)


def test_rows_are_absences_and_overlapping_ones_are_one() -> None:
    everybody = absences(table(), 4, 100.0)
    assert everybody.intervals(range(4), 100.0) == {
        0: [(10.0, 40.0)], 1: [(0.0, 30.0), (90.0, 100.0)], 2: [], 3: [(55.5, 70.0)]
    }  # fmt: skip


def test_presences_say_the_opposite_of_absences() -> None:
    away = absences(table(), 4, 100.0).absent_s(100.0)
    there = absences(table(rows="presences"), 4, 100.0).absent_s(100.0)
    assert (away + there).tolist() == [100.0] * 4
    assert there[2] == 100.0


def test_a_device_beyond_a_table_of_absences_is_always_there_and_beyond_one_of_presences_is_refused() -> None:
    assert absences(table(), 9, 100.0).absent_s(100.0)[4:].tolist() == [0.0] * 5
    with pytest.raises(RequestError, match="has 4 devices, the run has 9"):
        absences(table(rows="presences"), 9, 100.0)


def test_a_run_begins_where_it_is_told_to_in_the_trace() -> None:
    shifted = absences(table(start_s=25), 2, 75.0)
    assert shifted.intervals([0, 1], 75.0) == {0: [(0.0, 15.0)], 1: [(0.0, 5.0), (65.0, 75.0)]}


@pytest.mark.parametrize("start_s", [0.0, 0.1, 63.7])
def test_a_trace_that_wraps_is_periodic_and_what_touches_over_its_end_is_one_absence(start_s: float) -> None:
    law = table(start_s=start_s, on_end="wrap")
    around = absences(law, 4, 1000.0)
    for device in range(4):
        for time_s in (0.3, 5.0, 36.2, 44.4, 66.6, 93.1):
            there = [around.is_available(device, time_s + 100.0 * turn) for turn in range(9)]
            assert len(set(there)) == 1
    twice = around.intervals([1], 900.0)[1]
    assert all(end_s - begin_s == pytest.approx(40.0) for begin_s, end_s in twice[1:-1])


def test_an_absence_over_the_end_of_a_trace_is_not_torn_by_rounding() -> None:
    # In floating point 1.1 + 5 * 1.1 is a little less than 6 * 1.1.
    trace = DeviceTrace(1.1, ((0.0, 0.1), (1.0, 1.1)))
    assert len(union(trace.repeated(0.0, 11.0))) == 11


def test_a_trace_shorter_than_the_run_is_refused_unless_it_wraps() -> None:
    assert absences(table(), 4, 100.0).absent_s(100.0)[0] == 30.0
    with pytest.raises(RequestError, match=r'lasts 100 s, the run needs 101 s.*on_end = "wrap"'):
        absences(table(), 4, 101.0)
    with pytest.raises(RequestError, match="the run needs 110 s"):
        absences(table(start_s=10), 4, 100.0)
    assert absences(table(length_s=101), 4, 101.0).is_available(1, 100.5)
    with pytest.raises(RequestError, match="needs a run with an end"):
        absences(table(on_end="wrap"), 4, math.inf)


def test_user_states_are_presences_since_the_start_of_each_trace_and_users_without_one_are_passed_over() -> None:
    first, second = read_states(STATES).devices
    assert (first.length_s, first.away) == (100.0, ((10.0, 50.0),))
    assert (second.length_s, second.away) == (50.0, ((0.0, 20.0), (30.0, 50.0)))


def test_every_user_wraps_at_the_end_of_its_own_trace(tmp_path: Path) -> None:
    path = written(tmp_path, "states.json.gz", json.dumps(STATES))
    both = absences(TraceAvailability(path=path, on_end="wrap"), 2, 200.0)
    assert both.intervals([0, 1], 200.0) == {
        0: [(10.0, 50.0), (110.0, 150.0)],
        1: [(0.0, 20.0), (30.0, 70.0), (80.0, 120.0), (130.0, 170.0), (180.0, 200.0)],
    }
    with pytest.raises(RequestError, match="lasts 50 s"):
        absences(TraceAvailability(path=path), 2, 60.0)


def test_a_resolved_trace_says_what_was_read_and_another_file_under_that_name_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", ROWS)
    law = TraceAvailability(path=path, rows="absences")
    assert law.sha256 == hashlib.sha256(ROWS.encode()).hexdigest()
    written(tmp_path, "a.csv", ROWS + "2,1,2\n")
    with pytest.raises(ValidationError, match="sha256"):
        component("availability").read(law.model_dump())
    assert TraceAvailability(path=path, rows="absences").traces.devices[2].away == ((1.0, 2.0),)


BAD = {
    "no header": ("a.csv", "0,1,2\n", {"rows": "absences"}, "header"),
    "no row": ("a.csv", "device,start_s,end_s\n", {"rows": "absences"}, "at least one row"),
    "a word": ("a.csv", "device,start_s,end_s\n0,a,2\n", {"rows": "absences"}, "'0,a,2'"),
    "an end before its start": ("a.csv", "device,start_s,end_s\n0,3,2\n", {"rows": "absences"}, "no interval"),
    "a time before the trace": ("a.csv", "device,start_s,end_s\n0,-1,2\n", {"rows": "absences"}, "no interval"),
    "no end": ("a.csv", "device,start_s,end_s\n0,1,inf\n", {"rows": "absences"}, "no interval"),
    "no device": ("a.csv", "device,start_s,end_s\n-1,1,2\n", {"rows": "absences"}, "no interval"),
    "an end after the trace": ("a.csv", ROWS, {"rows": "absences", "length_s": 99}, "after the trace"),
    "a table without saying of what": ("a.csv", ROWS, {}, "rows is needed"),
    "states that say it themselves": ("a.json", json.dumps(STATES), {"rows": "absences"}, "for a .csv"),
    "another document": ("a.json", "[1]", {}, "a table of users"),
    "no JSON": ("a.json", "{", {}, "a.json"),
    "no gzip": ("a.json", "", {}, "a.json"),
    "a state outside": ("a.json", json.dumps({"u": STATES["a"] | {"trace_end": 1090.0}}), {}, "outside"),
    "nobody": ("a.json", json.dumps({"nobody": STATES["nobody"]}), {}, "no user has a trace"),
    "another kind of file": ("a.txt", ROWS, {}, "a .csv, .json or .json.gz"),
}


@pytest.mark.parametrize(("name", "text", "settings", "words"), BAD.values(), ids=BAD)
def test_a_file_that_is_no_trace_is_refused(
    tmp_path: Path, name: str, text: str, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        TraceAvailability(path=written(tmp_path, name, text), **settings)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="No such file"):
        TraceAvailability(path=str(tmp_path / "none.csv"), rows="absences")


def test_a_run_meets_the_absences_of_its_trace() -> None:
    law = {"kind": "trace", "path": ABSENCES, "rows": "absences", "on_end": "wrap"}
    run = small_scenario(availability=law, run__horizon_s=200.0).run(0)
    assert run.frame("device").absent_s.tolist() == [60.0, 80.0, 0.0, 29.0, 0.0, 0.0]
    with pytest.raises(RequestError, match="lasts 100 s"):
        small_experiment(availability=law | {"on_end": "refuse"}, run__horizon_s=200.0)


@pytest.mark.parametrize("data_dir", ["device_traces"], indirect=True)
def test_the_user_states_of_flash_are_read_whole(data_dir: Path) -> None:
    law = TraceAvailability(path=str(data_dir / "device_traces/availability_states.json.gz"), on_end="wrap")
    devices = law.traces.devices
    assert len(devices) == 710
    # One to ten days long, and away for nine tenths of the time on average.
    assert {min(trace.length_s for trace in devices), max(trace.length_s for trace in devices)} == {86400.0, 864000.0}
    away = [sum(end_s - start_s for start_s, end_s in trace.away) / trace.length_s for trace in devices]
    assert sum(away) / len(away) == pytest.approx(1 - 0.09496, abs=1e-5)
    assert absences(law, 710, 100_000.0).absent_s(100_000.0).max() == 100_000.0
