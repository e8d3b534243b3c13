"""What regions stalled for: worked by hand, and adding up whatever the run."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from regions import regions_run
from synthetic import SPAN_COLUMNS, table

from testbed.experiments.blame import blame
from testbed.experiments.result import RunResult
from testbed.experiments.stalls import stalls

Rows = list[tuple[str, str, float, float, int]]


def run_of(spans: Rows, flows: dict[int, float], num_regions: int, elapsed_s: float) -> RunResult:
    """Return a run between regions with these spans, numbered from 0; flow -> when its last bit had been sent."""
    tables = {
        "span": table(SPAN_COLUMNS, [(number, *span) for number, span in enumerate(spans)]),
        "flow": table(("span_id", "sent_s"), [*flows.items()]),
        "region": table(("region", "name"), [(m, f"r{m}") for m in range(num_regions)]),
        "device": table(["elapsed_s"], [(elapsed_s,)] * num_regions),
    }
    return RunResult("", {}, 0, {}, tables)


def spent(seconds: Any) -> dict[str, float]:
    return {what: value for what, value in seconds.items() if value}


def test_overlap_leaves_the_faster_of_two_regions_what_the_transfer_takes_beyond_its_steps() -> None:
    """Steps of 1 s and 1.5 s; a fragment sent after step 4, two seconds under way, due after step 6.

    The collective runs from 6 s, when the slower region has made step 4, to 8 s. Region 0 is at step 6 at 6 s and
    stalls for 2 s, 0.5 s of it for bits that travel; region 1 is there at 9 s and does not stall.
    """
    spans: Rows = [
        ("device-0", "compute", 0.0, 4.0, -1),
        ("device-1", "compute", 0.0, 6.0, -1),
        ("device-0", "compute", 4.0, 6.0, 0),
        ("wan-r0-r1", "transmit", 6.0, 8.0, 1),
        ("wan-r1-r0", "transmit", 6.0, 8.0, 1),
        ("collective", "all-reduce", 6.0, 8.0, 1),
        ("device-0", "stall", 6.0, 8.0, 2),
        ("device-1", "compute", 6.0, 9.0, 1),
        ("device-0", "compute", 8.0, 9.0, 5),
    ]
    run = run_of(spans, {3: 7.5, 4: 7.5}, 2, 9.0)
    first, second = stalls(run).values()
    assert (first.num_stalls, spent(first.seconds)) == (1, {"wan": 1.5, "propagation": 0.5})
    assert (second.num_stalls, second.total_s) == (0, 0.0)
    # Both regions end at 9 s; the later row is of region 0, whose step was released by the collective.
    assert spent(blame(run).run.seconds()) == {"compute": 7.0, "wan": 1.5, "propagation": 0.5}


def test_a_stall_is_parted_among_the_last_region_the_line_the_bits_and_their_way() -> None:
    """A collective of two steps: asked at 5 s, when region 1 is ready, in line until 6 s, done at 10 s."""
    spans: Rows = [
        ("device-0", "compute", 0.0, 3.0, -1),
        ("device-1", "compute", 0.0, 5.0, -1),
        ("collective", "all-reduce", 0.0, 6.0, -1),  # of others: it held the place
        ("collective", "queue", 5.0, 6.0, 1),
        ("wan-r0-r1", "transmit", 6.0, 8.0, 2),
        ("wan-r1-r0", "transmit", 6.0, 7.0, 2),
        ("wan-r1-r0", "transmit", 8.0, 10.0, 4),
        ("collective", "all-reduce", 6.0, 10.0, 2),
        ("device-0", "stall", 3.0, 10.0, 0),
        ("device-1", "stall", 5.0, 10.0, 1),
        ("device-0", "compute", 10.0, 13.0, 7),
        ("device-1", "compute", 10.0, 15.0, 7),
    ]
    run = run_of(spans, {4: 7.75, 5: 6.75, 6: 9.75}, 2, 15.0)
    first, second = stalls(run).values()
    assert spent(first.seconds) == {"others": 2.0, "queue-collective": 1.0, "wan": 3.5, "propagation": 0.5}
    assert spent(second.seconds) == {"queue-collective": 1.0, "wan": 3.5, "propagation": 0.5}
    assert first.to_json()["total_s"] == 7.0
    # The run is the chain of region 1: 5 s, alone from 3 s on; 1 s in line; 4 s over the WAN; 5 s.
    path = blame(run).run
    assert spent(path.seconds()) == {
        "compute": 8.0, "straggling": 2.0, "queue-collective": 1.0, "wan": 3.5, "propagation": 0.5
    }  # fmt: skip
    assert path.by_entity("wan") == {"wan-r0-r1": 1.75, "wan-r1-r0": 1.75}
    assert path.last_ready == "device-1"


def test_who_waits_for_a_server_stalls_for_the_delivery_and_for_an_answer() -> None:
    """A region sends for 2 s, waits 1 s for the answer and receives for 1.5 s; none of it is a collective's."""
    spans: Rows = [
        ("device-0", "compute", 0.0, 4.0, -1),
        ("wan-r0-r1", "transmit", 4.0, 6.0, 0),
        ("device-0", "stall", 4.0, 6.0, 0),
        ("device-0", "stall", 6.0, 7.0, 1),
        ("wan-r1-r0", "transmit", 7.0, 8.5, 3),
        ("device-0", "stall", 7.0, 8.5, 3),
        ("device-0", "compute", 8.5, 9.0, 4),
    ]
    run = run_of(spans, {1: 6.0, 4: 8.0}, 1, 9.0)
    (found,) = stalls(run).values()
    assert spent(found.seconds) == {"wan": 3.0, "propagation": 0.5, "unexplained": 1.0}
    assert spent(blame(run).run.seconds()) == {"compute": 4.5, "wan": 3.0, "propagation": 0.5, "stall": 1.0}


@given(
    st.sampled_from([1, 2, 4]),
    st.integers(0, 6),
    st.floats(1e8, 2e10),
    st.lists(st.floats(0.5, 3.0), min_size=4, max_size=4),
)
def test_what_stalls_are_due_to_adds_up_to_their_length(
    num_fragments: int, delay_steps: int, bits: float, step_s: list[float]
) -> None:
    shape = {"num_steps": 24, "sync_every": 8, "delay_steps": min(delay_steps, 8 // num_fragments)}
    run = regions_run(num_fragments=num_fragments, bits=bits, step_s=step_s, **shape)  # type: ignore[arg-type]
    frame = run.frame("span")
    for entity, own in stalls(run).items():
        mine = frame[(frame["entity"] == entity) & (frame["kind"] == "stall")]
        assert own.num_stalls == len(mine)
        assert own.total_s == pytest.approx((mine["end_s"] - mine["start_s"]).sum(), abs=1e-9)
        assert min(own.seconds.values()) >= 0
        assert own.seconds["unexplained"] == 0
    path = blame(run).run
    assert sum(path.seconds().values()) == pytest.approx(run.elapsed_s, abs=1e-6)
    assert path.seconds()["unexplained"] == 0


def test_flows_of_another_transfer_have_no_part_in_a_stall() -> None:
    """Of two collectives at once, the flows of the one that nobody waits for end at the same instants."""
    spans: Rows = [
        ("device-0", "compute", 0.0, 1.0, -1),
        ("wan-r0-r1", "transmit", 1.0, 2.0, 0),
        ("wan-r2-r3", "transmit", 0.0, 2.0, -1),
        ("wan-r1-r0", "transmit", 2.0, 4.0, 1),
        ("collective", "all-reduce", 1.0, 4.0, 0),
        ("device-0", "stall", 1.0, 4.0, 0),
        ("device-0", "compute", 4.0, 5.0, 4),
    ]
    run = run_of(spans, {1: 2.0, 2: 0.5, 3: 3.5}, 1, 5.0)
    assert blame(run).run.by_entity("wan") == {"wan-r1-r0": 1.5, "wan-r0-r1": 1.0}
    assert spent(stalls(run)["device-0"].seconds) == {"wan": 2.5, "propagation": 0.5}


def test_without_rows_that_say_when_bits_had_been_sent_their_way_counts_as_sending() -> None:
    spans: Rows = [
        ("device-0", "compute", 0.0, 1.0, -1),
        ("wan-r0-r1", "transmit", 1.0, 2.0, 0),
        ("device-0", "stall", 1.0, 2.0, 0),
        ("device-0", "compute", 2.0, 3.0, 1),
    ]
    run = run_of(spans, {}, 1, 3.0)
    tables = {**run.tables, "flow": table(("span_id", "end_s"), [(1, 2.0)])}
    assert spent(stalls(replace(run, tables=tables))["device-0"].seconds) == {"wan": 1.0}


def test_a_run_without_regions_has_no_stalls() -> None:
    assert stalls(RunResult("", {}, 0, {}, {})) == {}
