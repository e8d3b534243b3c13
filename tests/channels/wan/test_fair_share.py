import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from channels.wan.fair_share import fill, max_min_rates


def random_network(rng):
    """Return routes, capacities and caps of a random network of at most 8 flows on at most 6 links."""
    num_links, num_flows = int(rng.integers(1, 7)), int(rng.integers(1, 9))
    capacities = {link: float(rng.choice([0.0, 1.0, 2.0, 5.0]) + rng.random()) for link in range(num_links)}
    sizes = rng.integers(1, num_links + 1, num_flows)
    routes = [tuple(int(link) for link in rng.permutation(num_links)[:size]) for size in sizes]
    caps = [float(rng.random() * 2) if rng.random() < 0.3 else math.inf for _ in routes]
    return routes, capacities, caps


def lexicographic_rates(routes, capacities, caps):
    """Return the max-min fair rates by linear programs: raise the least rate, fix who cannot have more, go on."""
    num_flows = len(routes)
    fixed = {}
    on = np.array([[link in route for route in routes] for link in capacities], dtype=float)
    limits = np.array(list(capacities.values()))

    def best(weights, floor):
        """Return the greatest weights @ (rates, level), each free rate at least the level, that at least `floor`."""
        free = [flow for flow in range(num_flows) if flow not in fixed]
        raised = [[-float(flow == f) for f in range(num_flows)] + [1.0] for flow in free]
        upper = np.vstack([np.hstack([on, np.zeros((len(on), 1))]), *raised])
        most = [None if math.isinf(cap) else cap for cap in caps]
        bounds = [(fixed[f], fixed[f]) if f in fixed else (0, most[f]) for f in range(num_flows)]
        room = np.concatenate([limits * (1 + 1e-12) + 1e-12, np.zeros(len(raised))])
        answer = linprog(-np.asarray(weights), A_ub=upper, b_ub=room, bounds=[*bounds, (floor, None)], method="highs")
        assert answer.status == 0, answer.message
        return -answer.fun

    level = 0.0
    while len(fixed) < num_flows:
        level = best([0.0] * num_flows + [1.0], max(0.0, level - 1e-9))
        free = [flow for flow in range(num_flows) if flow not in fixed]
        alone = {flow: [float(flow == f) for f in range(num_flows)] + [0.0] for flow in free}
        stuck = [flow for flow in free if best(alone[flow], level - 1e-9) < level + 1e-6]
        assert stuck
        fixed.update(dict.fromkeys(stuck, level))
    return [fixed[flow] for flow in range(num_flows)]


def poured_rates(routes, capacities, caps):
    """Return the max-min fair rates by pouring, in exact fractions: all rates that can rise do so by the same step."""
    rates = [Fraction(0)] * len(routes)
    rising = set(range(len(routes)))
    limits = {link: Fraction(capacity) for link, capacity in capacities.items()}
    while rising:
        steps = [Fraction(caps[flow]) - rates[flow] for flow in rising if not math.isinf(caps[flow])]
        loads = {link: sum(rates[flow] for flow, route in enumerate(routes) if link in route) for link in limits}
        left = {link: limits[link] - loads[link] for link in limits}
        num_rising = {link: sum(link in routes[flow] for flow in rising) for link in limits}
        steps += [left[link] / num_rising[link] for link in limits if num_rising[link]]
        step = min(steps)
        full = {link for link in limits if num_rising[link] and left[link] == step * num_rising[link]}
        for flow in rising:
            rates[flow] += step
        below = {flow for flow in rising if rates[flow] < caps[flow]}
        rising = {flow for flow in below if not full & set(routes[flow])}
    return [float(rate) for rate in rates]


def test_rates_are_those_of_exact_pouring_on_500_random_networks():
    for seed in range(500):
        network = random_network(np.random.default_rng(seed))
        assert max_min_rates(*network) == pytest.approx(poured_rates(*network), rel=1e-12, abs=1e-15), seed


def test_rates_are_those_of_lexicographic_linear_programs():
    for seed in range(40):
        network = random_network(np.random.default_rng(seed))
        assert max_min_rates(*network) == pytest.approx(lexicographic_rates(*network), abs=1e-5), seed


@given(seed=st.integers(0, 10**6), num_flows=st.integers(1, 60), num_links=st.integers(1, 20))
def test_every_flow_sends_at_its_cap_or_is_among_the_fastest_on_a_full_link(seed, num_flows, num_links):
    rng = np.random.default_rng(seed)
    capacities = dict(enumerate(rng.random(num_links) * 10))
    routes = [tuple(rng.permutation(num_links)[: rng.integers(1, 5)]) for _ in range(num_flows)]
    caps = [float(c) if c < 0.5 else math.inf for c in rng.random(num_flows)]
    room = dict(capacities)
    rates, bottlenecks = fill(routes, caps, room)
    loads = {link: sum(r for r, route in zip(rates, routes, strict=True) if link in route) for link in capacities}
    assert all(loads[link] <= capacities[link] * (1 + 1e-9) for link in capacities)
    for flow, link in enumerate(bottlenecks):
        if link is None:
            assert rates[flow] == caps[flow]
        else:
            assert link in routes[flow]
            assert loads[link] == pytest.approx(capacities[link], rel=1e-9)
            fastest = max(rate for rate, route in zip(rates, routes, strict=True) if link in route)
            assert rates[flow] >= fastest * (1 - 1e-9)
        assert all(room[link] == pytest.approx(capacities[link] - loads[link], abs=1e-9) for link in routes[flow])


def test_the_textbook_line_gives_long_flows_the_least_common_share():
    # One flow over both links, one on the narrow link, two on the wide one.
    rates = max_min_rates([("narrow", "wide"), ("narrow",), ("wide",), ("wide",)], {"narrow": 1.0, "wide": 4.0})
    assert rates == [0.5, 0.5, 1.75, 1.75]


def test_nothing_flows_over_a_link_without_capacity_and_the_others_share_what_is_left():
    assert max_min_rates(["a", "ab", "b"], {"a": 6.0, "b": 0.0}) == [6.0, 0.0, 0.0]


def test_more_capacity_never_lowers_the_least_rate():
    rng = np.random.default_rng(1)
    for _ in range(100):
        routes, capacities, caps = random_network(rng)
        wider = {link: capacity + rng.random() for link, capacity in capacities.items()}
        assert min(max_min_rates(routes, wider, caps)) >= min(max_min_rates(routes, capacities, caps)) - 1e-12
