import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.wan.fair_share import max_min_rates
from channels.wan.flow_engine import Flow, FlowEngine, LinkState

MANY = settings(max_examples=60)


class Watched:
    """An engine whose every state is checked against a computation from scratch, and whose bits are counted apart."""

    def __init__(self, capacities, fifo=()):
        self.links = [LinkState(number, capacity, number in fifo) for number, capacity in enumerate(capacities)]
        self.engine = FlowEngine()
        self.now_s = 0.0
        self.flows = {}  # in order of arrival -> bits that the rates have moved
        self.asked = {}
        self.done = {}

    def start(self, route, bits, cap=math.inf):
        flow = Flow([self.links[link] for link in route], bits, cap)
        self.engine.add(flow, self.now_s)
        self.flows[flow], self.asked[flow] = 0.0, bits
        return flow

    def settle(self):
        self.engine.rebalance(self.now_s)
        served = [flow for flow in self.flows if self.is_served(flow)]
        rates = max_min_rates(
            [flow.links for flow in served],
            {link: link.capacity_bit_per_s for link in self.links},
            [flow.cap_bit_per_s for flow in served],
        )
        expected = dict(zip(served, rates, strict=True))
        for flow in self.flows:
            assert flow.rate_bit_per_s == pytest.approx(expected.get(flow, 0.0), rel=1e-8, abs=1e-12)

    def is_served(self, flow):
        before = list(self.flows)[: list(self.flows).index(flow)]
        return not any(link.is_fifo and link in other.links for other in before for link in flow.links)

    def go_to(self, time_s):
        for flow in self.flows:
            self.flows[flow] += flow.rate_bit_per_s * (time_s - self.now_s)
        self.now_s = time_s
        for flow in self.engine.finished(time_s):
            self.done[flow] = self.flows.pop(flow)

    def finish(self):
        while self.engine.next_finish_s() < math.inf:
            self.go_to(self.engine.next_finish_s())
            self.settle()


@MANY
@given(
    seed=st.integers(0, 10**6), num_links=st.integers(1, 12), num_fifo=st.integers(0, 3), num_steps=st.integers(1, 60)
)
def test_rates_after_every_event_are_those_computed_from_scratch_and_every_bit_sent_arrives(
    seed, num_links, num_fifo, num_steps
):
    rng = np.random.default_rng(seed)
    world = Watched(rng.choice([1.0, 2.0, 3.5, 10.0], num_links), fifo=range(num_fifo))
    for _ in range(num_steps):
        match rng.integers(4):
            case 0 | 1:
                route = rng.permutation(num_links)[: rng.integers(1, min(4, num_links) + 1)]
                cap = float(rng.random() * 2) + 0.01 if rng.random() < 0.2 else math.inf
                world.start(route, float(rng.random() * 5) + 0.01, cap)
            case 2:
                link = world.links[rng.integers(num_links)]
                world.engine.set_capacity(link, float(rng.choice([0.0, 0.5, 1.0, 4.0])))
            case _:
                next_s = world.engine.next_finish_s()
                later_s = world.now_s + float(rng.random())
                world.go_to(min(next_s, later_s))
        world.settle()
    for link in world.links:
        world.engine.set_capacity(link, 1.0)
    world.settle()
    world.finish()
    assert not world.flows
    for flow, moved in world.done.items():
        assert moved == pytest.approx(world.asked[flow], rel=1e-9)
    assert not any(link.present or link.sending or link.limited for link in world.links)


def test_a_change_far_away_touches_no_flow_that_shares_nothing_with_it():
    world = Watched([1.0] * 100)
    flows = [world.start([link], 1.0) for link in range(100) for _ in range(2)]
    world.settle()
    epochs = [flow.epoch for flow in flows]
    world.start([7], 1.0)
    world.settle()
    assert [number for number, flow in enumerate(flows) if flow.epoch != epochs[number]] == [14, 15]


def test_a_newcomer_within_the_slack_of_its_links_changes_nobody():
    # The wide link has room: the newcomer is limited elsewhere.
    world = Watched([10.0, 1.0])
    old = [world.start([0], 1.0, cap=2.0), world.start([0, 1], 1.0)]
    world.settle()
    world.start([0], 1.0, cap=3.0)
    world.settle()
    assert [flow.epoch for flow in old] == [1, 1]


def test_a_first_come_first_served_link_serves_one_flow_after_the_other_in_order_of_arrival():
    world = Watched([2.0], fifo=[0])
    first, second, third = (world.start([0], bits) for bits in (4.0, 2.0, 6.0))
    world.settle()
    assert [flow.rate_bit_per_s for flow in (first, second, third)] == [2.0, 0.0, 0.0]
    times_s = []
    while world.flows:
        world.go_to(world.engine.next_finish_s())
        world.settle()
        times_s.append(world.now_s)
    assert times_s == [2.0, 3.0, 6.0]
    assert list(world.done) == [first, second, third]


def test_a_flow_in_line_holds_up_those_behind_it_and_leaves_the_rest_of_its_route_to_others():
    # The second waits on link 0, so the third waits on link 1 behind it; link 2 is the fourth's alone meanwhile.
    world = Watched([1.0, 1.0, 1.0], fifo=[0, 1])
    flows = [world.start(route, 1.0) for route in ([0], [0, 1, 2], [1], [2])]
    world.settle()
    assert [flow.rate_bit_per_s for flow in flows] == [1.0, 0.0, 0.0, 1.0]
    world.go_to(1.0)
    world.settle()
    assert [flow.rate_bit_per_s for flow in flows] == [0.0, 1.0, 0.0, 0.0]


def test_a_capacity_that_stops_and_returns_costs_exactly_the_time_in_between():
    world = Watched([1.0])
    flow = world.start([0], 3.0)
    world.settle()
    world.go_to(1.0)
    world.engine.set_capacity(world.links[0], 0.0)
    world.settle()
    assert world.engine.next_finish_s() == math.inf
    assert flow.bits_left_at(5.0) == 2.0
    world.go_to(11.0)
    world.engine.set_capacity(world.links[0], 1.0)
    world.settle()
    assert world.engine.next_finish_s() == 13.0
