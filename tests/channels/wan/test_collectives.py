import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wires import Wires, links, uniform

from channels.wan.collectives.ring import RingCollective
from channels.wan.collectives.ring_order import best_ring
from testbed.errors import RequestError

# 150M parameters of 32 bit.
FULL = 150e6 * 32
FRAGMENT = FULL / 4
E3M0 = FULL / 4 / 8
GROUPS = {"kind": "hierarchical", "groups": [["region-0", "region-1"], ["region-2", "region-3"]]}


def seconds(capacity, delay_s, bits, num_regions=4, **network):
    wires = Wires(uniform(capacity, delay_s), num_regions, **network)
    reduction = wires.reduce(bits)
    flows = wires.rows("flow")
    assert reduction.bits == pytest.approx(sum(row["bits"] for row in flows), rel=1e-12)
    assert wires.network.foresee_all_reduce_s(range(num_regions), bits) == pytest.approx(reduction.end_s, rel=1e-9)
    return reduction.end_s


# -- closed forms ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bits", "expected_s"), [(FULL, 7.5), (FRAGMENT, 2.1), (E3M0, 0.525)])
def test_a_ring_of_four_at_one_gigabit_and_fifty_milliseconds_takes_the_published_times(bits, expected_s):
    assert seconds(1e9, 0.05, bits) == pytest.approx(expected_s, abs=1e-6)


@pytest.mark.parametrize(
    ("capacity", "times_s"),
    [
        (10e9, (1.410, 0.870, 0.7125)),
        (1e9, (7.890, 2.490, 0.915)),
        (100e6, (72.690, 18.690, 2.940)),
        (50e6, (144.690, 36.690, 5.190)),
    ],
)
def test_rings_at_115_milliseconds_take_the_times_of_the_published_table(capacity, times_s):
    for bits, expected_s in zip((FULL, FRAGMENT, E3M0), times_s, strict=True):
        assert seconds(capacity, 0.115, bits) == pytest.approx(expected_s, abs=1e-6)


@settings(max_examples=40)
@given(
    num_regions=st.integers(2, 9),
    capacity=st.floats(1.0, 1e3),
    delay_s=st.floats(0.0, 1.0),
    bits=st.floats(1.0, 1e4),
)
def test_on_equal_links_every_collective_takes_its_closed_form_and_sends_its_bits(num_regions, capacity, delay_s, bits):
    m = num_regions
    one_s = bits / capacity + delay_s
    forms = {
        "ring": (2 * (m - 1) * (bits / m / capacity + delay_s), 2 * (m - 1) * bits),
        "tree": (2 * math.ceil(math.log2(m)) * one_s, 2 * (m - 1) * bits),
        "star": (2 * one_s, 2 * (m - 1) * bits),
    }
    for kind, (expected_s, expected_bits) in forms.items():
        reduction = Wires(uniform(capacity, delay_s), m, collective=kind).reduce(bits)
        assert reduction.end_s == pytest.approx(expected_s, rel=1e-9), kind
        assert reduction.bits == pytest.approx(expected_bits, rel=1e-9), kind


def test_a_hierarchy_takes_its_groups_rings_its_leaders_ring_and_the_way_back():
    # Two rings of two at once, one of two leaders: 2 (V / 2B + l) each; then V / B + l.
    assert seconds(100.0, 0.5, 300.0, collective=GROUPS) == pytest.approx(2 * 2 * (1.5 + 0.5) + 3.0 + 0.5)


def test_a_hierarchy_s_slowest_group_decides_how_long_the_first_phase_takes():
    groups = {"kind": "hierarchical", "groups": [["region-0", "region-1", "region-2"], ["region-3"]]}
    # A ring of three: 4 (1 + 0.5); a ring of the leaders: 2 (1.5 + 0.5); back: 3.5.
    assert seconds(100.0, 0.5, 300.0, collective=groups) == pytest.approx(6.0 + 4.0 + 3.5)


def test_members_that_are_missing_leave_smaller_groups_and_empty_ones_take_no_part():
    wires = Wires(uniform(100.0, 0.5), 4, collective=GROUPS)
    assert wires.network.foresee_all_reduce_s([1, 2, 3], 300.0) == pytest.approx(4.0 + 4.0 + 3.5)
    assert wires.network.foresee_all_reduce_s([0, 1], 300.0) == pytest.approx(4.0)
    assert wires.network.foresee_all_reduce_s([0, 3], 300.0) == pytest.approx(4.0)


def test_a_star_through_a_node_with_narrow_links_shares_them_per_direction():
    # Hub h: each region has its own link; region a's is half as wide and has the longer delay.
    table = links("abc", ("a", "h", 50.0, 0.5), ("b", "h", 100.0, 0.25), ("c", "h", 100.0, 0.25))
    wires = Wires(table, 3, collective={"kind": "star", "hub": "h"})
    reduction = wires.reduce(100.0)
    assert reduction.end_s == pytest.approx(2 * (2.0 + 0.5))
    assert reduction.bits == 600.0


def test_a_star_whose_members_share_the_hub_s_link_queues_for_it():
    # Two members send to a over the one link h-a: V / (B / 2) in, and the same out.
    table = links("abc", ("a", "h", 100.0, 0.0), ("b", "h", 100.0, 0.0), ("c", "h", 100.0, 0.0))
    assert Wires(table, 3, collective={"kind": "star", "hub": "a"}).reduce(100.0).end_s == pytest.approx(4.0)


def test_the_fastest_star_is_chosen_where_no_hub_is_named():
    table = links("abc", ("a", "b", 100.0, 1.0), ("b", "c", 100.0, 1.0))
    wires = Wires(table, 3, collective="star")
    wires.reduce(100.0)
    assert {row["source"] for row in wires.rows("flow") if row["start_s"] == 0} == {"a", "c"}


def test_steps_are_barriers_on_unequal_links():
    # One slow hop holds up every step: 2 (M - 1) max(V / (M B) + l).
    table = links("abc", ("a", "b", 100.0, 0.1), ("b", "c", 50.0, 0.2), ("c", "a", 100.0, 0.25))
    terms = [100 / 100 + 0.1, 100 / 50 + 0.2, 100 / 100 + 0.25]
    assert Wires(table, 3).reduce(300.0).end_s == pytest.approx(4 * max(terms))


# -- order of the ring -------------------------------------------------------------------------------------------------


def random_hops(rng, num_members):
    times = rng.random((num_members, num_members))
    return lambda one, other, bits: float(times[ord(one) - 97, ord(other) - 97])


@given(seed=st.integers(0, 10**6), num_members=st.integers(2, 7))
def test_up_to_eight_members_no_order_has_a_faster_slowest_hop(seed, num_members):
    rng = np.random.default_rng(seed)
    members = [chr(97 + k) for k in range(num_members)]
    hop_s = random_hops(rng, num_members)

    def slowest(order):
        return max(hop_s(one, other, 1.0) for one, other in zip(order, (*order[1:], order[0]), strict=True))

    found = best_ring(members, 1.0, hop_s)
    assert sorted(found) == members
    assert slowest(found) == min(slowest(order) for order in itertools.permutations(members))


@given(seed=st.integers(0, 10**6), num_members=st.integers(2, 12), data=st.data())
def test_the_order_in_which_regions_are_given_changes_nothing(seed, num_members, data):
    members = [chr(97 + k) for k in range(num_members)]
    shuffled = data.draw(st.permutations(members))
    hop_s = random_hops(np.random.default_rng(seed), num_members)
    assert best_ring(shuffled, 1.0, hop_s) == best_ring(members, 1.0, hop_s)


def test_above_eight_members_the_heuristic_finds_the_circle_that_is_there():
    # Twelve regions on a circle: a hop to a neighbour takes 1, any other as long as it is far.
    members = [chr(97 + (5 * k) % 12) for k in range(12)]

    def hop_s(one, other, bits):
        apart = abs(ord(one) - ord(other))
        return float(min(apart, 12 - apart))

    order = best_ring(members, 1.0, hop_s)
    assert all(hop_s(one, other, 1.0) == 1.0 for one, other in zip(order, (*order[1:], order[0]), strict=True))


@pytest.mark.parametrize("capacity", [100e6, 1e9, 10e9])
def test_the_preset_s_ring_goes_round_the_pair_with_the_longest_delay(capacity):
    wires = Wires({"kind": "mesh", "preset": "four-clouds", "capacity_bit_per_s": capacity}, 4)
    reduction = wires.reduce(FULL)
    hops = {frozenset((row["source"], row["target"])) for row in wires.rows("flow")}
    assert hops == {
        frozenset(pair) for pair in (("us-west", "asia"), ("asia", "us-east"), ("us-east", "eu"), ("eu", "us-west"))
    }
    # Its slowest hop is us-east to asia, 90 ms, and not eu to asia, 115 ms.
    assert reduction.end_s == pytest.approx(6 * (FULL / 4 / capacity + 0.090), abs=1e-6)


@given(permutation=st.permutations(["us-west", "us-east", "eu", "asia"]))
def test_however_regions_are_numbered_the_ring_takes_as_long(permutation):
    table = {"kind": "mesh", "preset": "four-clouds", "regions": permutation, "capacity_bit_per_s": 1e9}
    assert Wires(table, 4).reduce(FULL).end_s == pytest.approx(6 * (1.2 + 0.090), abs=1e-9)


def test_in_the_given_order_a_ring_goes_round_as_regions_are_numbered():
    table = {"kind": "mesh", "preset": "four-clouds", "capacity_bit_per_s": 1e9}
    reduction = Wires(table, 4, collective={"kind": "ring", "order": "given"}).reduce(FULL)
    assert reduction.end_s == pytest.approx(6 * (1.2 + 0.115), abs=1e-9)


def test_rings_over_shared_links_are_foreseen_with_the_sharing():
    # a-b-c in a line: the hop c -> a passes b and shares both links, one direction each.
    table = links("abc", ("a", "b", 100.0, 0.0), ("b", "c", 100.0, 0.0))
    wires = Wires(table, 3)
    assert wires.network.foresee_all_reduce_s([0, 1, 2], 300.0) == pytest.approx(4 * 1.0)
    assert wires.reduce(300.0).end_s == pytest.approx(4.0)
    hub = links("abcd", *[(region, "h", 100.0, 0.0) for region in "abcd"])
    assert Wires(hub, 4, collective="tree").reduce(100.0).end_s == pytest.approx(4.0)


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("collective", "complaint"),
    [
        ({"kind": "star", "hub": "region-9"}, "unknown node 'region-9': did you mean 'region-"),
        ({"kind": "hierarchical", "groups": [["region-0", "regoin-1"]]}, "unknown region 'regoin-1'"),
        ({"kind": "hierarchical", "groups": [["region-0"]]}, "'region-1' is in no group"),
        ({"kind": "hierarchical", "groups": [["region-0", "region-1"], ["region-0"]]}, "'region-0' is in two"),
        ({"kind": "hierarchical", "groups": [["region-0", "region-1"], []]}, "a group is empty"),
    ],
)
def test_a_collective_that_names_who_is_not_there_is_refused(collective, complaint):
    with pytest.raises(ValueError, match=complaint):
        Wires(uniform(), 2, collective=collective)


def test_a_hub_that_members_cannot_reach_both_ways_is_refused_before_the_run():
    one_way = {"between": ("a", "h"), "both_ways": False, "capacity_bit_per_s": 1, "delay_s": 0}
    table = {
        "kind": "links",
        "regions": ["a", "b"],
        "links": [one_way, {"between": ("a", "b"), "capacity_bit_per_s": 1, "delay_s": 0}],
    }
    with pytest.raises(RequestError, match="no way leads from 'h' to 'a'"):
        Wires(table, 2, collective={"kind": "star", "hub": "h"})


def test_a_plan_of_a_ring_is_equal_steps_of_one_share_each():
    ((strand,),) = RingCollective().plan(["a", "b", "c"], 300.0, lambda *_: 1.0)
    assert len(strand) == 4
    assert set(strand) == {(("a", "b", 100.0), ("b", "c", 100.0), ("c", "a", 100.0))}
