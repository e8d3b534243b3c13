"""What clients compute and send once before the first round, and what the server computes."""

import math
from typing import Any

import numpy as np
import pytest
from scripted import Script, assert_spans_start_where_their_causes_end, play, rows

from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from testbed.simulation import Process

FLOP = np.array([1e6, 2e6, 3e6, 1e6, 2e6, 5e5])
BITS = 4000.0


def preparing(access: Any = "tdma", bits: float = BITS, then_train: bool = True) -> Script:
    def script(fed: Federation, group: Group) -> Process:
        arrived = yield from fed.prepare(group, FLOP, bits, access)
        if then_train:
            yield from fed.train((yield from fed.broadcast(group)))
        return arrived

    return script


@pytest.mark.parametrize("access", ["tdma", "ofdma"])
def test_everybody_is_charged_for_its_own_operations_and_for_its_bits(access: str) -> None:
    experiment, arrived = play(preparing(access))
    assert arrived == tuple(range(6))
    prepared = rows(experiment, "preparation")
    fleet = experiment.world.fleet  # type: ignore[attr-defined]
    assert [row["client"] for row in prepared] == list(range(6))
    for client, row in enumerate(prepared):
        assert row["outcome"] == "completed"
        assert row["flop"] == FLOP[client]
        assert row["bits"] == BITS
        seconds = FLOP[client] / fleet.flop_per_s[client]
        assert row["end_s"] - row["start_s"] == pytest.approx(seconds, rel=1e-9)
        assert row["energy_compute_j"] == pytest.approx(fleet.profile.compute_w * seconds, rel=1e-9)
    sent = [row for row in rows(experiment, "transfer") if row["channel"] == access]
    assert [row["bits"] for row in sent] == pytest.approx([BITS] * 6)
    assert min(row["start_s"] for row in sent) == max(row["end_s"] for row in prepared)
    assert_spans_start_where_their_causes_end(experiment)


def test_training_begins_when_the_last_upload_is_through() -> None:
    experiment, _ = play(preparing())
    last_s = max(row["end_s"] for row in rows(experiment, "transfer") if row["channel"] == "tdma")
    assert {row["start_s"] for row in rows(experiment, "training")} == {last_s}


def test_without_bits_nobody_takes_the_uplink() -> None:
    experiment, arrived = play(preparing(bits=0.0))
    assert arrived == tuple(range(6))
    assert [row for row in rows(experiment, "transfer") if row["channel"] != "free"] == []
    assert {row["bits"] for row in rows(experiment, "preparation")} == {0.0}
    last_s = max(row["end_s"] for row in rows(experiment, "preparation"))
    assert {row["start_s"] for row in rows(experiment, "training")} == {last_s}
    assert_spans_start_where_their_causes_end(experiment)


def test_a_device_that_leaves_for_good_is_left_out_and_pays_for_what_it_did() -> None:
    plain, _ = play(preparing())
    row = rows(plain, "preparation")[2]
    leaves_s = (row["start_s"] + row["end_s"]) / 2
    experiment, arrived = play(preparing(), fault=[{"device": 2, "start_s": leaves_s}])
    assert arrived == (0, 1, 3, 4, 5)
    lost = rows(experiment, "preparation")[2]
    assert (lost["outcome"], lost["bits"]) == ("lost", 0.0)
    assert lost["flop"] == pytest.approx(FLOP[2] / 2, rel=1e-9)
    assert lost["energy_compute_j"] == pytest.approx(row["energy_compute_j"] / 2, rel=1e-9)
    assert_spans_start_where_their_causes_end(experiment)


@pytest.mark.parametrize("access", ["tdma", "ofdma"])
def test_a_device_that_leaves_for_good_before_it_has_sent_is_undelivered(access: str) -> None:
    plain, _ = play(preparing())
    computed_s = [row["end_s"] for row in rows(plain, "preparation")]
    client = int(np.argmin(computed_s))
    leaves_s = (computed_s[client] + max(computed_s)) / 2
    experiment, arrived = play(preparing(access), fault=[{"device": client, "start_s": leaves_s}])
    assert arrived == tuple(c for c in range(6) if c != client)
    row = rows(experiment, "preparation")[client]
    assert (row["outcome"], row["bits"], row["flop"]) == ("undelivered", 0.0, FLOP[client])
    assert_spans_start_where_their_causes_end(experiment)


def test_the_group_waits_for_a_device_that_is_away_and_comes_back() -> None:
    experiment, arrived = play(preparing(), fault=[{"device": 5, "start_s": 0.0, "end_s": 100.0}])
    assert arrived == tuple(range(6))
    late = rows(experiment, "preparation")[5]
    assert late["end_s"] > 100.0
    assert min(row["start_s"] for row in rows(experiment, "transfer")) == late["end_s"]
    assert_spans_start_where_their_causes_end(experiment)


def test_where_nobody_gets_through_the_answer_is_empty_and_causes_still_hold() -> None:
    gone = [{"device": device, "start_s": 0.05} for device in range(6)]
    experiment, arrived = play(preparing(then_train=False), fault=gone)
    assert arrived == ()
    assert {row["outcome"] for row in rows(experiment, "preparation")} == {"lost"}
    assert rows(experiment, "transfer") == []
    assert_spans_start_where_their_causes_end(experiment)


# -- the server --------------------------------------------------------------------------------------------------------


def test_what_the_server_computes_takes_its_time_and_releases_what_follows() -> None:
    def script(fed: Federation, group: Group) -> Process:
        results = yield from fed.train((yield from fed.broadcast(group)))
        start_s = fed.simulation.now_s
        span_id = yield from fed.compute_at_server(group, 3e9, 1e9, results.cause_id)
        assert fed.simulation.now_s == start_s + 3.0
        base = yield from fed.stay_apart(group)
        assert base.cause_id == span_id
        yield from fed.train(base)
        return results.cause_id, span_id

    experiment, (cause_id, span_id) = play(script)
    span = rows(experiment, "span")[span_id]
    assert (span["entity"], span["kind"], span["cause_id"]) == ("server", "compute", cause_id)
    assert_spans_start_where_their_causes_end(experiment)


@pytest.mark.parametrize(("flop", "flop_per_s"), [(3e9, math.inf), (0.0, 1e9)])
def test_an_infinitely_fast_server_or_no_work_takes_no_time(flop: float, flop_per_s: float) -> None:
    def script(fed: Federation, group: Group) -> Process:
        results = yield from fed.train((yield from fed.broadcast(group)))
        span_id = yield from fed.compute_at_server(group, flop, flop_per_s, results.cause_id)
        return results, span_id

    experiment, (results, span_id) = play(script)
    assert span_id == results.cause_id
    assert not [row for row in rows(experiment, "span") if row["entity"] == "server"]
