"""Traces are what Perfetto reads: rules for any spans, and every row of a run where it belongs."""

import copy
import itertools
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from regions import NAMES, regions_run
from small import small_scenario
from synthetic import SPAN_COLUMNS, grouped_run, table
from trace_rules import check_trace

from testbed.errors import RequestError
from testbed.experiments.result import RunResult
from testbed.views.perfetto import trace_events, trace_text

Event = dict[str, Any]

UNICAST = {"kind": "unicast", "bandwidth_hz": "100 kHz", "power_w": 1, "noise_psd_w_per_hz": 1e-9}
TRANSFER_COLUMNS = (
    "span_id", "source", "target", "channel", "start_s", "end_s", "bits", "channel_uses", "energy_tx_j"
)  # fmt: skip


@pytest.fixture(scope="module")
def run() -> RunResult:
    settings = {"channel__downlink": UNICAST, "run__kernel": "none", "run__horizon_s": 150.0}
    return small_scenario(algorithm__kind="fedavg", **settings).run(0)


@pytest.fixture(scope="module")
def document(run: RunResult) -> Event:
    return json.loads("".join(trace_text(run)))


def of_phase(document: Event, phase: str, **where: Any) -> list[Event]:
    found = (event for event in document["traceEvents"] if event["ph"] == phase)
    return [event for event in found if all(event[key] == value for key, value in where.items())]


def process_names(document: Event) -> dict[int, str]:
    return {event["pid"]: event["args"]["name"] for event in of_phase(document, "M", name="process_name")}


def thread_names(document: Event) -> dict[int, str]:
    return {event["tid"]: event["args"]["name"] for event in of_phase(document, "M", name="thread_name")}


# -- every row where it belongs ----------------------------------------------------------------------------------------


def test_a_trace_of_a_run_follows_the_rules(document: Event) -> None:
    check_trace(document)


@pytest.mark.parametrize("algorithm", ["air-fedga", "fedasync"])
def test_so_does_one_with_absences_over_the_air_and_one_by_one(algorithm: str) -> None:
    settings = {"availability": {"kind": "bernoulli-blocks", "probability": 0.7, "block_s": 9.0}}
    scenario = small_scenario(algorithm__kind=algorithm, run__kernel="none", run__horizon_s=150.0, **settings)
    check_trace({"traceEvents": list(trace_events(scenario.run(1)))})


def test_every_span_is_one_slice_at_its_time_on_its_entity(run: RunResult, document: Event) -> None:
    names = process_names(document)
    slices = {e["args"]["span_id"]: e for e in of_phase(document, "X") if e["cat"] != "radio-rx"}
    spans = run.frame("span")
    assert len(slices) == len(spans)
    for row in spans.itertuples():
        event = slices[row.span_id]
        assert names[event["pid"]].split(" ")[0] == row.entity
        assert event["name"].split(",")[0] == row.kind
        assert event["ts"] == pytest.approx(row.start_s * 1e6, abs=0.07)
        assert event["ts"] + event["dur"] == pytest.approx(row.end_s * 1e6, abs=0.2)
        assert event["args"]["cause_id"] == row.cause_id


def test_slices_tell_bits_client_version_and_energy(run: RunResult, document: Event) -> None:
    slices = {e["args"]["span_id"]: e["args"] for e in of_phase(document, "X") if e["cat"] != "radio-rx"}
    for row in run.frame("transfer").itertuples():
        assert slices[row.span_id]["bits"] == row.bits and slices[row.span_id]["energy_tx_j"] == row.energy_tx_j
    for row in run.frame("training").itertuples():
        told = slices[row.span_id]
        assert (told["client"], told["base_version"], told["outcome"]) == (row.client, row.base_version, row.outcome)
    for row in run.frame("version").itertuples():
        assert slices[row.span_id]["version"] == row.version


def test_a_job_that_never_ran_tells_nothing_of_the_span_that_released_it() -> None:
    spans = table(SPAN_COLUMNS, [(0, "device-0", "compute", 0.0, 1.0, -1)])
    training = table(["span_id", "client", "end_s", "energy_compute_j", "outcome"], [(0, 1, 1.0, 0.0, "late")])
    (event,) = [
        e for e in trace_events(RunResult("", {}, 0, {}, {"span": spans, "training": training})) if e["ph"] == "X"
    ]
    assert event["args"] == {"span_id": 0, "cause_id": -1, "client": 0}


def test_lanes_are_named_by_what_is_done_on_them(document: Event) -> None:
    names, threads = process_names(document), thread_names(document)
    lanes: dict[str, set[str]] = {}
    for event in of_phase(document, "X"):
        lanes.setdefault(names[event["pid"]], set()).add(threads[event["tid"]])
    assert set.union(*(lanes[f"device-{i}"] for i in range(6))) == {"compute", "radio-tx", "radio-rx", "wait"}
    assert lanes["uplink"] == {"transmit"}
    assert {"queue", "queue (2)"} < lanes["server"]  # five wait for the downlink at once


def test_processes_stand_in_the_order_run_server_resources_groups_devices(document: Event) -> None:
    order = {e["pid"]: e["args"]["sort_index"] for e in of_phase(document, "M", name="process_sort_index")}
    names = [name for _, name in sorted((order[pid], name) for pid, name in process_names(document).items())]
    assert names == ["run", "server", "uplink", "downlink", *(f"device-{i}" for i in range(6))]
    grouped = {"traceEvents": list(trace_events(grouped_run(num_devices=12, num_groups=3)))}
    devices = [name for name in process_names(grouped).values() if name.startswith("device")]
    assert devices[3:5] == ["device-3 (group 0)", "device-4 (group 1)"]
    assert devices[-1] == "device-11 (group 2)"


def test_an_arrow_leads_from_every_sender_to_its_receiver(run: RunResult, document: Event) -> None:
    names = process_names(document)
    ends = {e["id"]: names[e["pid"]] for e in of_phase(document, "f", name="transfer")}
    found = sorted((names[e["pid"]], ends[e["id"]]) for e in of_phase(document, "s", name="transfer"))
    rows = run.frame("transfer")
    source = np.where(rows["source"] == "server", "downlink", rows["source"])
    target = np.where(rows["target"] == "server", "uplink", rows["target"])
    assert found == sorted(zip(source, target, strict=True)) and len(found) > 10


def test_an_arrow_leads_from_every_cause_to_what_it_released_elsewhere(run: RunResult, document: Event) -> None:
    spans = run.frame("span").set_index("span_id")
    caused = spans[spans["cause_id"] >= 0]
    elsewhere = caused[spans.loc[caused["cause_id"], "entity"].to_numpy() != caused["entity"].to_numpy()]
    arrows = of_phase(document, "f", name="cause")
    assert sorted(arrow["ts"] for arrow in arrows) == pytest.approx(sorted(elsewhere["start_s"] * 1e6), abs=0.07)


def test_counters_show_metrics_costs_versions_and_the_queue() -> None:
    run = grouped_run()
    document = {"traceEvents": list(trace_events(run))}
    last = {event["name"]: event["args"]["value"] for event in of_phase(document, "C")}
    assert last["accuracy"] == run.series("accuracy")[1][-1]
    assert last["global version"] == len(run.frame("version"))
    assert last["energy_tx_j"] == pytest.approx(run.frame("transfer")["energy_tx_j"].sum())
    queue = of_phase(document, "C", name="waiting for the uplink")
    frame = run.frame("span")
    queued = frame[(frame["kind"] == "queue") & frame["entity"].str.startswith("group-")]
    assert len(queued) > 3 and queue[-1]["args"]["value"] == 0
    for event in queue:
        at_s = event["ts"] / 1e6 + 1e-6
        assert event["args"]["value"] == ((queued["start_s"] <= at_s) & (queued["end_s"] > at_s)).sum()


def test_a_window_shows_the_spans_that_overlap_it_and_counters_as_they_stood() -> None:
    run = grouped_run()
    document = {"traceEvents": list(trace_events(run, 100.0, 130.0))}
    check_trace(document)
    spans = run.frame("span")
    inside = spans[(spans["end_s"] >= 100.0) & (spans["start_s"] <= 130.0)]
    shown = {event["args"]["span_id"] for event in of_phase(document, "X") if event["cat"] != "radio-rx"}
    assert shown == set(inside["span_id"]) and len(shown) < len(spans) / 5
    versions = of_phase(document, "C", name="global version")
    assert versions[0]["ts"] == 100e6
    assert versions[0]["args"]["value"] == (run.frame("version")["time_s"] <= 100.0).sum()
    assert versions[-1]["args"]["value"] == (run.frame("version")["time_s"] <= 130.0).sum()


@pytest.mark.parametrize("window", [(700.0, None), (50.0, 50.0), (60.0, 50.0), (-1.0, 50.0)])
def test_a_window_outside_the_run_is_refused_at_once(window: tuple[float, float | None]) -> None:
    with pytest.raises(RequestError, match="no trace from"):
        trace_events(grouped_run(), *window)


# -- any spans ---------------------------------------------------------------------------------------------------------

TIMES_S = st.one_of(
    st.floats(0, 1e6), st.integers(0, 5).map(float), st.floats(0, 1e-6), st.floats(5e6, 8e6), st.just(1 / 3)
)
ENTITIES = st.sampled_from(["device-0", "device-1", "device-10", "group-0", "uplink", "downlink", "server", "relay"])
KINDS = st.sampled_from(["compute", "transmit", "queue", "wait", "absent", "sleep"])


SPANS = st.lists(st.tuples(ENTITIES, KINDS, TIMES_S, TIMES_S, st.integers(-1, 13)), min_size=1, max_size=15)
TARGETS = st.sampled_from(["server", "device-1", "3 devices"])
TRANSFERS = st.lists(st.tuples(st.integers(-1, 14), ENTITIES, TARGETS, TIMES_S, TIMES_S), max_size=6)


@given(SPANS, TRANSFERS)
def test_any_set_of_spans_and_transfers_follows_the_rules(drawn: list[Any], sent: list[Any]) -> None:
    spans = [(at, *s[:2], min(s[2:4]), max(s[2:4]), min(s[4], at - 1)) for at, s in enumerate(drawn)]
    transfers = [
        (min(t[0], len(spans) - 1), t[1], t[2], "unicast", min(t[3:]), max(t[3:]), 1.0, float("nan"), 0.0) for t in sent
    ]
    tables = {"span": table(SPAN_COLUMNS, spans)}
    tables |= {"transfer": table(TRANSFER_COLUMNS, transfers)} if transfers else {}
    run = RunResult("", {}, 0, {}, tables)
    if run.elapsed_s > 0:
        check_trace(json.loads("".join(trace_text(run))))


def test_spans_that_touch_stay_on_one_lane_whatever_their_times() -> None:
    lengths_s = np.random.Generator(np.random.Philox(0)).uniform(1e-4, 3.0, 3000)
    times_s = np.concatenate([[0.0], np.cumsum(lengths_s)]).tolist()
    rows = [(at, "device-0", "compute", *ends, at - 1) for at, ends in enumerate(itertools.pairwise(times_s))]
    document = json.loads("".join(trace_text(RunResult("", {}, 0, {}, {"span": table(SPAN_COLUMNS, rows)}))))
    check_trace(document)
    assert len({event["tid"] for event in of_phase(document, "X")}) == 1


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), min_size=1, max_size=20))
def test_a_lane_has_as_many_places_as_spans_overlap_at_once(times: list[tuple[int, int]]) -> None:
    rows = [(at, "server", "queue", float(start), float(start + last), -1) for at, (start, last) in enumerate(times)]
    document = {"traceEvents": list(trace_events(RunResult("", {}, 0, {}, {"span": table(SPAN_COLUMNS, rows)})))}
    most = max(sum(start <= now < start + last for start, last in times) for now in range(41))
    assert len({event["tid"] for event in of_phase(document, "X")}) == most


def test_a_hundred_thousand_spans_are_written_in_seconds_and_one_by_one() -> None:
    rounds, devices = 1000, 50
    rows: list[Any] = []
    for at in range(rounds):
        cause = len(rows) - 1
        for device in range(devices):
            start = len(rows)
            rows.append((start, f"device-{device}", "compute", float(at), at + 0.25 + device / 100, cause))
            rows.append((start + 1, f"device-{device}", "wait", at + 0.25 + device / 100, at + 0.75, start))
        rows.append((len(rows), "uplink", "transmit", at + 0.75, at + 1.0, len(rows) - 2))
    run = RunResult("", {}, 0, {}, {"span": table(SPAN_COLUMNS, rows)})
    begun = time.process_time()
    size = sum(len(piece) for piece in trace_text(run))
    assert time.process_time() - begun < 20.0  # about 2 s; a bound that a busy machine keeps
    assert size > 100 * len(rows)


# -- the rules themselves ----------------------------------------------------------------------------------------------


def _first(document: Event, phase: str) -> Event:
    return of_phase(document, phase)[0]


def _overlap(document: Event) -> None:
    lanes = sorted(of_phase(document, "X"), key=lambda e: (e["tid"], e["ts"]))
    before, _ = next(pair for pair in itertools.pairwise(lanes) if pair[0]["tid"] == pair[1]["tid"])
    before["dur"] = 1e9


BREAKS: dict[str, Callable[[Event], Any]] = {
    "two slices of a thread overlap": _overlap,
    "a slice does not last": lambda d: _first(d, "X").update(dur=0),
    "a slice starts before zero": lambda d: _first(d, "X").update(ts=-1),
    "a time is not a number": lambda d: _first(d, "X").update(ts=float("nan")),
    "a phase is unknown": lambda d: _first(d, "X").update(ph="B"),
    "a process has no name": lambda d: d["traceEvents"].remove(_first(d, "M")),
    "a thread has two names": lambda d: d["traceEvents"].append(of_phase(d, "M", name="thread_name")[0]),
    "a thread is in two processes": lambda d: _first(d, "X").update(pid=1),
    "a process is zero": lambda d: _first(d, "X").update(pid=0),
    "a counter is not finite": lambda d: _first(d, "C")["args"].update(value=float("inf")),
    "a counter is a word": lambda d: _first(d, "C")["args"].update(value="3"),
    "a counter has two values at once": lambda d: d["traceEvents"].append(_first(d, "C")),
    "an arrow has no finish": lambda d: d["traceEvents"].remove(_first(d, "f")),
    "an arrow has no start": lambda d: d["traceEvents"].remove(_first(d, "s")),
    "an arrow has two finishes": lambda d: d["traceEvents"].append(_first(d, "f")),
    "an arrow ends before it starts": lambda d: _first(d, "f").update(ts=0.0),
    "an arrow ends in no slice": lambda d: _first(d, "f").update(ts=1e12),
    "an arrow has no binding point": lambda d: _first(d, "f").pop("bp"),
    "arrows stand before their slices": lambda d: d["traceEvents"].reverse(),
}


@pytest.mark.parametrize("break_", BREAKS)
def test_the_rules_refuse_a_trace_in_which(break_: str, document: Event) -> None:
    broken = copy.deepcopy(document)
    BREAKS[break_](broken)
    with pytest.raises((AssertionError, KeyError, ValueError)):
        check_trace(broken)


# -- regions -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def between() -> RunResult:
    return regions_run(num_steps=80, delay_steps=2, bits=6e9)


@pytest.fixture(scope="module")
def regional(between: RunResult) -> Event:
    return json.loads("".join(trace_text(between)))


def test_a_trace_of_regions_follows_the_rules_and_names_regions_collectives_and_links_in_order(regional: Event) -> None:
    check_trace(regional)
    names = process_names(regional)
    links = [f"{one} → {other}" for one, other in zip(NAMES, (*NAMES[1:], NAMES[0]), strict=True)]
    regions = [f"{name} (device-{number})" for number, name in enumerate(NAMES)]
    assert [names[pid] for pid in sorted(names)] == ["run", *regions, "collective", *links]


def test_every_flow_is_an_arrow_from_what_its_sender_did_to_what_its_receiver_did(
    between: RunResult, regional: Event
) -> None:
    names = process_names(regional)
    starts = {event["id"]: event for event in of_phase(regional, "s", name="transfer")}
    ends = {event["id"]: event for event in of_phase(regional, "f", name="transfer")}
    found = sorted(
        (names[start["pid"]].split(" (")[0], names[ends[number]["pid"]].split(" (")[0], start["ts"])
        for number, start in starts.items()
    )
    flows = between.frame("flow")
    assert [row[:2] for row in found] == sorted(zip(flows["source"], flows["target"], strict=True))
    for number, start in starts.items():
        assert ends[number]["ts"] > start["ts"]
    (first, *_) = sorted(row[2] for row in found)
    assert first == pytest.approx(1e6 * flows["start_s"].min(), abs=1.0)


def test_counters_of_regions_are_their_steps_metrics_and_traffic(between: RunResult, regional: Event) -> None:
    last = {event["name"]: event["args"]["value"] for event in of_phase(regional, "C")}
    assert last["steps"] == 80
    assert last["perplexity"] == between.series("perplexity")[1][-1]
    assert last["bits_wan"] == between.cost("bits_wan")[1][-1]
    assert last["collectives in line"] == 0
    assert "waiting for the uplink" not in last and "channel_uses" not in last


def test_a_flow_whose_ends_show_nothing_keeps_its_arrow_on_its_link() -> None:
    rows = [(0, "wan-a-b", "transmit", 1.0, 2.0, -1)]
    tables = {
        "span": table(SPAN_COLUMNS, rows),
        "flow": table(("span_id", "source", "target", "start_s", "end_s", "bits"), [(0, "a", "b", 1.0, 2.0, 8.0)]),
        "region": table(("region", "name"), [(0, "a"), (1, "b")]),
    }
    document = json.loads("".join(trace_text(RunResult("", {}, 0, {}, tables))))
    check_trace(document)
    assert len(of_phase(document, "s", name="transfer")) == 1
