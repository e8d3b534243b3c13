import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wires import Wires, links, uniform

from channels.wan.network import Delivery, Reduction
from testbed.errors import RequestError
from testbed.records import NO_CAUSE
from testbed.simulation import DeadlockError

MANY = settings(max_examples=40)
LINE = links("ac", ("a", "b", 100.0, 0.5), ("b", "c", 50.0, 0.25))


def end_s(answers):
    (answer,) = answers
    return answer.end_s


def times_of(wires, entity_start, kind):
    spans = wires.rows("span")
    return [(s["start_s"], s["end_s"]) for s in spans if s["entity"].startswith(entity_start) and s["kind"] == kind]


# -- transfers ---------------------------------------------------------------------------------------------------------


def test_a_transfer_alone_takes_its_bits_over_the_narrowest_link_plus_all_delays():
    wires = Wires(LINE, 2)
    answers = wires.transfer(1.0, 0, 1, 200.0, "weights")
    wires.run()
    assert answers == [Delivery(0, 1.0, 1.0 + 4.0 + 0.75)]
    assert wires.network.foresee_transfer_s(0, 1, 200.0) == 4.75
    (row,) = wires.rows("flow")
    assert row == {
        "span_id": 0, "source": "a", "target": "c", "route": "a>b>c", "what": "weights",
        "start_s": 1.0, "sent_s": 5.0, "end_s": 5.75, "bits": 200.0, "energy_j": 0.0, "outcome": "delivered",
    }  # fmt: skip
    assert times_of(wires, "wan-a-c", "transmit") == [(1.0, 5.75)]


def test_nothing_to_send_and_nowhere_to_send_it_take_no_time_and_leave_no_row():
    wires = Wires(uniform(), 2)
    empty, own = wires.transfer(1.0, 0, 1, 0.0), wires.transfer(2.0, 1, 1, 50.0)
    nobody, alone = wires.all_reduce(3.0, [0, 1], 0.0), wires.all_reduce(4.0, [1], 50.0)
    wires.run()
    assert (empty, own) == ([Delivery(NO_CAUSE, 1.0, 1.0)], [Delivery(NO_CAUSE, 2.0, 2.0)])
    assert nobody == [Reduction(NO_CAUSE, 3.0, 3.0, 3.0, 0.0)]
    assert alone == [Reduction(NO_CAUSE, 4.0, 4.0, 4.0, 0.0)]
    assert wires.rows("flow") == wires.rows("span") == []


def test_two_flows_on_a_link_share_it_until_the_first_is_done():
    # Together 50 each from 1 s on: the short one has 100 bits and ends at 3 s, the long one has 200 left then.
    wires = Wires(uniform(delay_s=0.0), 2)
    long, short = wires.transfer(0.0, 0, 1, 400.0), wires.transfer(1.0, 0, 1, 100.0)
    other_way = wires.transfer(1.0, 1, 0, 100.0)
    wires.run()
    assert (end_s(long), end_s(short), end_s(other_way)) == (5.0, 3.0, 2.0)


def test_a_link_is_busy_as_long_as_there_are_flows_on_it_even_if_they_end_together():
    wires = Wires(uniform(delay_s=0.0), 2)
    ends = [wires.transfer(at_s, 0, 1, 100.0) for at_s in (0.0, 0.0, 7.0)]
    wires.run()
    assert [end_s(answers) for answers in ends] == [2.0, 2.0, 8.0]
    (link, _) = wires.rows("link")
    assert (link["num_flows"], link["busy_s"]) == (3, 3.0)


def test_a_first_come_first_served_link_sends_one_after_the_other_while_propagation_overlaps():
    wires = Wires(uniform(sharing="fifo"), 2)
    ends = [wires.transfer(0.1 * k, 0, 1, 100.0) for k in range(3)]
    wires.run()
    assert [end_s(answers) for answers in ends] == [1.5, 2.5, 3.5]
    (link, _) = wires.rows("link")
    assert (link["num_flows"], link["bits"], link["busy_s"]) == (3, 300.0, 3.0)


@pytest.mark.parametrize(("sharing", "expected_s"), [("fair", [3.0, 3.0]), ("fifo", [1.0, 3.0])])
def test_fair_sharing_ends_together_what_first_come_first_served_ends_in_turn(sharing, expected_s):
    wires = Wires(uniform(delay_s=0.0, sharing=sharing), 2)
    answers = [wires.transfer(0.0, 0, 1, 100.0), wires.transfer(0.0, 0, 1, 200.0)]
    wires.run()
    if sharing == "fair":
        expected_s = [2.0, 3.0]
    assert [end_s(found) for found in answers] == expected_s


def test_losses_leave_their_share_of_the_capacity_and_cost_the_energy_of_sending_again():
    wires = Wires(uniform(loss=0.2, energy_j_per_gbyte=40.0), 2)
    answers = wires.transfer(0.0, 0, 1, 160.0)
    wires.run()
    assert end_s(answers) == 160.0 / 80.0 + 0.5
    energy_j = 160.0 / 0.8 / 8e9 * 40.0
    assert wires.rows("flow")[0]["energy_j"] == pytest.approx(energy_j, rel=1e-12)
    assert sum(row["energy_j"] for row in wires.rows("link")) == pytest.approx(energy_j, rel=1e-12)


def test_a_window_caps_a_flow_at_its_bits_a_round_trip_and_connections_add_up():
    # 5 bytes = 40 bits in a round trip of 1 s; two connections have 80 of the link's 100.
    for num_connections, rate in ((1, 40.0), (2, 80.0), (3, 100.0)):
        wires = Wires(uniform(), 2, window_bytes=5, num_connections=num_connections)
        answers = wires.transfer(0.0, 0, 1, 400.0)
        wires.run()
        assert end_s(answers) == pytest.approx(400.0 / rate + 0.5, rel=1e-12)
        assert wires.network.foresee_transfer_s(0, 1, 400.0) == pytest.approx(400.0 / rate + 0.5, rel=1e-12)


def test_with_losses_a_window_shrinks_as_tcp_s_does():
    # Mathis: 1460 bytes * sqrt(3 / (2 p)) in flight, of the route's p = 1 - 0.9^2.
    wires = Wires(links("ac", ("a", "b", 1e9, 0.25), ("b", "c", 1e9, 0.25), loss=0.1), 2, window_bytes="1 MB")
    rate = 8 * 1460 * math.sqrt(1.5 / 0.19)
    assert wires.network.foresee_transfer_s(0, 1, 1e6) == pytest.approx(1e6 / rate + 0.5, rel=1e-12)


def test_jitter_delays_each_flow_by_luck_of_its_own_the_same_under_the_same_seed():
    def extra_s(seed, num_flows=200, more=()):
        wires = Wires(uniform(capacity_bit_per_s=1e9, jitter_s=0.2), 3, seed=seed)
        answers = [wires.transfer(10.0 * k, 0, 1, 1.0) for k in range(num_flows)]
        for k in more:
            wires.transfer(10.0 * k, 2, 1, 1.0)
        wires.run()
        return np.array([end_s(found) - 10.0 * k - 0.5 for k, found in enumerate(answers)])

    drawn = extra_s(0)
    assert drawn.min() >= 0
    assert drawn.max() <= 0.2 + 1e-6
    # Uniform: mean 0.1, standard deviation 0.2 / sqrt(12); the mean within four standard errors.
    assert abs(drawn.mean() - 0.1) < 4 * 0.2 / math.sqrt(12 * len(drawn))
    assert extra_s(0, more=range(50)).tobytes() == drawn.tobytes()
    assert extra_s(1).tobytes() != drawn.tobytes()


@MANY
@given(seed=st.integers(0, 10**6), sharing=st.sampled_from(["fair", "fifo"]))
def test_bits_that_leave_arrive_on_every_run_and_links_carried_what_flows_sent_over_them(seed, sharing):
    rng = np.random.default_rng(seed)
    names = "abcdef"
    ring = [
        (names[k], names[(k + 1) % 6], float(rng.choice([20.0, 50.0, 100.0])), float(rng.random())) for k in range(6)
    ]
    fault = [{"link": ("a", "b"), "start_s": 1.0, "end_s": 4.0}, {"node": "d", "start_s": 2.0, "end_s": 3.0}]
    wires = Wires(links(names, *ring, ("a", "d", 30.0, 0.1), sharing=sharing), 6, fault=fault)
    asked = [
        (float(rng.random() * 8), *map(int, rng.choice(6, 2, replace=False)), float(rng.random() * 200) + 1.0)
        for _ in range(25)
    ]
    answers = [wires.transfer(*ask) for ask in asked]
    wires.run()
    rows = wires.rows("flow")
    assert sorted(row["bits"] for row in rows) == sorted(bits for *_, bits in asked)
    assert {row["outcome"] for row in rows} == {"delivered"}
    for (at_s, source, target, bits), (delivery,) in zip(asked, answers, strict=True):
        alone_s = wires.network.foresee_transfer_s(source, target, bits)
        assert delivery.end_s - at_s >= alone_s * (1 - 1e-9)
    for link in wires.rows("link"):
        over = [row for row in rows if f"{link['source']}>{link['target']}" in row["route"]]
        assert link["bits"] == pytest.approx(sum(row["bits"] for row in over), rel=1e-12)
        assert link["num_flows"] == len(over)
        # A link is busy at least as long as its capacity takes for what it carried.
        assert link["busy_s"] >= link["bits"] / link["capacity_bit_per_s"] * (1 - 1e-9)


def test_spans_start_when_their_cause_ended():
    wires = Wires(uniform(), 3)
    for at_s, bits in ((0.0, 300.0), (0.5, 30.0), (0.5, 60.0)):
        wires.all_reduce(at_s, [0, 1, 2], bits)
    wires.run()
    spans = wires.rows("span")
    ends_s = {span["span_id"]: span["end_s"] for span in spans}
    caused = [span for span in spans if span["cause_id"] != NO_CAUSE]
    assert len(caused) > 20
    assert all(span["start_s"] == ends_s[span["cause_id"]] for span in caused)
    # What nothing released began when it was asked for.
    assert {span["start_s"] for span in spans if span["cause_id"] == NO_CAUSE} == {0.0, 0.5}


# -- all-reduces -------------------------------------------------------------------------------------------------------


def test_all_reduces_wait_for_a_place_in_the_order_in_which_they_ask():
    wires = Wires(uniform(delay_s=0.0), 2, concurrent_collectives=1)
    first, second, third = (wires.all_reduce(at_s, [0, 1], 100.0) for at_s in (0.0, 0.25, 0.5))
    wires.run()
    assert [(r.asked_s, r.start_s, r.end_s) for (r,) in (first, second, third)] == [
        (0.0, 0.0, 1.0), (0.25, 1.0, 2.0), (0.5, 2.0, 3.0),
    ]  # fmt: skip
    assert times_of(wires, "collective", "queue") == [(0.25, 1.0), (0.5, 2.0)]
    assert times_of(wires, "collective", "all-reduce") == [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)]


def test_two_rings_that_share_their_links_each_take_the_time_worked_out_by_hand():
    # Each of two steps carries 100 bits a hop at 50 instead of 100 bit/s: 2 (2 + 0.5) = 5 s for both.
    wires = Wires(uniform(), 2, concurrent_collectives=2)
    answers = [wires.all_reduce(0.0, [0, 1], 200.0) for _ in range(2)]
    wires.run()
    assert [end_s(found) for found in answers] == [5.0, 5.0]


def test_a_ring_that_comes_later_slows_the_first_by_what_they_share():
    # Steps of 200 bits a hop. The first ring's first step is alone until 1 s and ends at 3 s, when the second ring's
    # has 100 left, which share until 5 s; the first ring's second step ends at 7 s, the second ring's alone at 8 s.
    wires = Wires(uniform(delay_s=0.0), 2, concurrent_collectives=2)
    first, second = wires.all_reduce(0.0, [0, 1], 400.0), wires.all_reduce(1.0, [0, 1], 400.0)
    wires.run()
    assert end_s(first) == 7.0
    assert end_s(second) == 8.0


def test_what_is_under_way_when_the_run_ends_is_cut_with_the_bits_so_far():
    wires = Wires(uniform(delay_s=0.0), 3, horizon_s=1.5)
    wires.transfer(0.5, 0, 1, 400.0)
    wires.all_reduce(1.0, [0, 1, 2], 300.0)
    wires.all_reduce(1.2, [0, 1, 2], 300.0)
    assert wires.run() == "horizon"
    rows = wires.rows("flow")
    assert {row["outcome"] for row in rows} == {"cut"}
    # The transfer had the link alone for 0.5 s, and half of it for another.
    assert sorted(row["bits"] for row in rows) == [25.0, 50.0, 50.0, 75.0]
    assert all(row["end_s"] == 1.5 for row in rows)
    assert times_of(wires, "collective", "all-reduce") == [(1.0, 1.5)]
    assert times_of(wires, "collective", "queue") == [(1.2, 1.5)]
    assert sum(row["busy_s"] for row in wires.rows("link")) == pytest.approx(1.0 + 0.5 + 0.5)


def test_bits_in_the_air_when_the_run_ends_have_all_left():
    wires = Wires(uniform(), 2, horizon_s=1.2)
    wires.transfer(0.0, 0, 1, 100.0)
    wires.run()
    (row,) = wires.rows("flow")
    assert (row["bits"], row["outcome"], row["end_s"]) == (100.0, "cut", 1.2)


# -- faults ------------------------------------------------------------------------------------------------------------


def test_a_link_that_is_down_pauses_its_flows_and_they_go_on_exactly_where_they_were():
    fault = [{"link": ("a", "b"), "start_s": 1.0, "end_s": 11.0}]
    wires = Wires(LINE, 2, fault=fault)
    answers = wires.transfer(0.0, 0, 1, 200.0)
    wires.run()
    assert end_s(answers) == 4.0 + 10.0 + 0.75
    down = {(row["source"], row["target"]): row["down_s"] for row in wires.rows("link")}
    assert down == {("a", "b"): 10.0, ("b", "a"): 10.0, ("b", "c"): 0.0, ("c", "b"): 0.0}


def test_a_node_that_is_down_stops_every_link_to_and_from_it_and_no_other():
    table = links("abc", ("a", "b", 100.0, 0.0), ("b", "c", 100.0, 0.0), ("a", "c", 100.0, 0.0))
    wires = Wires(
        table, 3, fault=[{"node": "b", "start_s": 0.5, "end_s": 2.0}, {"node": "b", "start_s": 1.0, "end_s": 3.0}]
    )
    through, past = wires.transfer(0.0, 0, 1, 100.0), wires.transfer(0.0, 0, 2, 100.0)
    wires.run()
    assert (end_s(through), end_s(past)) == (3.5, 1.0)


def test_while_one_link_is_down_others_get_what_its_flows_leave():
    table = links("abc", ("a", "h", 100.0, 0.0), ("h", "b", 100.0, 0.0), ("h", "c", 100.0, 0.0))
    wires = Wires(table, 3, fault=[{"link": ("h", "b"), "start_s": 1.0, "end_s": 2.0}])
    to_b, to_c = wires.transfer(0.0, 0, 1, 150.0), wires.transfer(0.0, 0, 2, 150.0)
    wires.run()
    assert (end_s(to_b), end_s(to_c)) == (3.0, 2.0)


def test_a_flow_over_a_link_that_is_down_for_good_is_a_deadlock_that_names_both():
    # The links of the others vary for ever: that must not hide that nothing can happen any more.
    varying = {
        "kind": "steps",
        "steps": [{"start_s": 0, "fraction": 1}, {"start_s": 1, "fraction": 0.5}],
        "period_s": 2,
    }
    table = links("ac", ("a", "b", 100.0, 0.0), ("b", "c", 100.0, 0.0), bandwidth=varying)
    wires = Wires(table, 2, fault=[{"link": ("b", "c"), "start_s": 1.5}], horizon_s=100.0)
    wires.transfer(0.0, 0, 1, 1000.0, "weights")
    with pytest.raises(DeadlockError, match=r"the flow a -> c \(weights\): the link b -> c is down for good"):
        wires.run()
    wires.network.close(wires.simulation.now_s)
    (row,) = wires.rows("flow")
    assert (row["outcome"], row["bits"]) == ("cut", 125.0)


def test_who_stands_in_line_behind_a_stuck_flow_is_in_the_deadlock_report_too():
    hub = (("a", "h", 100.0, 0.0), ("h", "b", 100.0, 0.0), ("h", "c", 100.0, 0.0))
    varying = {"kind": "gilbert-elliott", "mean_good_s": 1, "mean_bad_s": 1, "bad_fraction": 0.5}
    table = links("abc", *hub, sharing="fifo", bandwidth=varying)
    wires = Wires(table, 3, fault=[{"link": ("h", "b"), "start_s": 0.0}], horizon_s=100.0)
    wires.transfer(0.0, 0, 1, 100.0)
    wires.transfer(0.1, 0, 2, 100.0)
    with pytest.raises(DeadlockError, match=r"(?s)h -> b is down for good.*the flow a -> c: stuck behind another flow"):
        wires.run()


def test_others_go_on_to_the_end_while_a_flow_is_stuck_and_it_is_recorded_as_cut():
    wires = Wires(uniform(), 3, horizon_s=20.0, fault=[{"link": ("region-0", "region-1"), "start_s": 0.0}])
    wires.transfer(0.0, 0, 1, 100.0)
    fine = [wires.transfer(4.0 * k, 0, 2, 100.0) for k in range(5)]
    with pytest.raises(DeadlockError, match="down for good"):
        wires.run()
    wires.network.close(20.0)
    assert [end_s(found) for found in fine] == [1.5 + 4.0 * k for k in range(5)]
    assert [row["bits"] for row in wires.rows("flow") if row["outcome"] == "cut"] == [0.0]


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ({"node": "regoin-1", "start_s": 0}, r"unknown node 'regoin-1': did you mean 'region-1'"),
        ({"link": ("region-0", "region-7"), "start_s": 0}, r"unknown node 'region-7'"),
        ({"start_s": 0}, "exactly one of link and node"),
        ({"node": "region-1", "start_s": 5, "end_s": 5}, "end_s = 5 must be after start_s = 5"),
    ],
)
def test_a_fault_of_what_is_not_there_is_refused(fault, complaint):
    with pytest.raises(ValueError, match=complaint):
        Wires(uniform(), 2, fault=[fault])


def test_a_fault_of_a_link_that_no_two_nodes_have_names_those_there_are():
    with pytest.raises(RequestError, match=r"no link joins 'a' and 'c'; 'a' has links to b"):
        Wires(LINE, 2, fault=[{"link": ("a", "c"), "start_s": 0}])


# -- varying capacity --------------------------------------------------------------------------------------------------


def test_a_capacity_that_steps_while_a_flow_is_under_way_is_integrated_exactly():
    # 100 until 1 s, 25 until 3 s, 0 until 4 s, then 200 for ever: 100 + 50 + 0 + 200 (t - 4) = 400 at 5.25 s.
    steps = [{"start_s": 1, "fraction": 0.25}, {"start_s": 3, "fraction": 0}, {"start_s": 4, "fraction": 2}]
    wires = Wires(uniform(bandwidth={"kind": "steps", "steps": steps}), 2)
    early, late = wires.transfer(0.0, 0, 1, 400.0), wires.transfer(10.0, 0, 1, 400.0)
    wires.run()
    assert end_s(early) == 5.25 + 0.5
    assert end_s(late) == 12.0 + 0.5


@MANY
@given(seed=st.integers(0, 1000), bits=st.floats(1.0, 5000.0), at_s=st.floats(0.0, 100.0))
def test_a_flow_alone_on_a_random_link_arrives_when_the_integral_of_its_course_reaches_its_bits(seed, bits, at_s):
    law = {"kind": "gilbert-elliott", "mean_good_s": 3, "mean_bad_s": 1, "bad_fraction": 0.1}
    wires = Wires(uniform(bandwidth=law), 2, seed=seed)
    answers = wires.transfer(at_s, 0, 1, bits)
    wires.run()
    course = wires.network._links["region-0", "region-1"].owner.course
    now_s, left = at_s, bits
    while True:
        rate, until_s = course.at(now_s)
        if rate * (until_s - now_s) >= left:
            break
        left, now_s = left - rate * (until_s - now_s), until_s
    assert end_s(answers) == pytest.approx(now_s + left / rate + 0.5, rel=1e-9)


def test_the_same_seed_gives_the_same_rows_and_another_seed_others():
    def rows(seed):
        law = {"kind": "gilbert-elliott", "mean_good_s": 2, "mean_bad_s": 2, "bad_fraction": 0.2}
        wires = Wires(uniform(bandwidth=law, jitter_s=0.1), 4, seed=seed)
        for k in range(5):
            wires.all_reduce(3.0 * k, range(4), 200.0)
        wires.run()
        return wires.rows("flow"), wires.rows("link"), wires.rows("span")

    assert rows(0) == rows(0)
    assert rows(0) != rows(1)


@pytest.mark.parametrize("bits", [-1.0, math.inf, math.nan])
def test_bits_that_are_no_number_of_bits_are_refused(bits):
    wires = Wires(uniform(), 2)
    with pytest.raises(ValueError, match="bits must be finite and at least 0"):
        wires.network.foresee_transfer_s(0, 1, bits)
    with pytest.raises(ValueError, match="bits must be finite and at least 0"):
        wires.network.foresee_all_reduce_s([0, 1], bits)


def test_a_member_that_is_named_twice_is_refused():
    with pytest.raises(ValueError, match="all different"):
        Wires(uniform(), 2).network.foresee_all_reduce_s([0, 0], 1.0)
