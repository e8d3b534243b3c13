"""The contracts of every law of bandwidth, every topology and every collective."""

import math
from functools import partial
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from examples import Example, examples
from hypothesis import given, settings
from hypothesis import strategies as st
from wires import Wires, uniform

from channels.wan.bandwidth import Bandwidth, Course, LinkNature
from channels.wan.collectives.plan import Collective, Plan
from channels.wan.data_folder import DataFolder
from channels.wan.link import LinkSettings
from channels.wan.topology import Topology
from testbed.errors import RequestError
from testbed.streams import Purpose, stream

MANY = settings(max_examples=25, deadline=None)
HORIZON_S = 500.0


# -- bandwidth ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=examples("bandwidth"), ids=str)
def bandwidth(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


def course(law: Bandwidth, link: int = 0, seed: int = 0, capacity_bit_per_s: float = 1e6) -> Course:
    return law.course(
        LinkNature(
            capacity_bit_per_s=capacity_bit_per_s,
            files=DataFolder(None),
            stream=partial(stream, seed, Purpose.BANDWIDTH, link),
            horizon_s=HORIZON_S,
        )
    )


@MANY
@given(times_s=st.lists(st.floats(0.0, HORIZON_S), min_size=1, max_size=20), seed=st.integers(0, 99))
def test_a_capacity_is_a_function_of_link_and_time_whatever_was_asked_before(
    bandwidth: Bandwidth, times_s: list[float], seed: int
) -> None:
    asked = course(bandwidth, seed=seed)
    answers = [asked.at(time_s) for time_s in times_s]
    again = course(bandwidth, seed=seed)
    assert [again.at(time_s) for time_s in reversed(times_s)] == answers[::-1]
    for time_s, (rate, until_s) in zip(times_s, answers, strict=True):
        assert rate >= 0
        assert math.isfinite(rate)
        assert until_s > time_s
        middle_s = min(until_s, HORIZON_S) / 2 + time_s / 2
        if time_s <= middle_s < until_s:
            assert asked.at(middle_s) == (rate, until_s)


def test_planning_expects_something_and_a_course_is_not_for_ever_without_capacity(bandwidth: Bandwidth) -> None:
    found = course(bandwidth)
    assert 0 < found.nominal_bit_per_s < math.inf
    now_s, most = 0.0, 0.0
    while now_s < HORIZON_S:
        rate, now_s = found.at(now_s)
        most = max(most, rate)
    assert most > 0


# -- topology ----------------------------------------------------------------------------------------------------------

every_topology = pytest.mark.parametrize("example", examples("topology"), ids=str)
FROM_FILES = ("cloud", "graphml", "pings")


@pytest.fixture
def folder(example: Example, request: pytest.FixtureRequest) -> Path | None:
    """The data folder, for topologies that read files."""
    return request.getfixturevalue("data_dir") if example.name in FROM_FILES else None


@every_topology
def test_a_topology_has_a_node_for_each_region_links_with_capacity_and_ways_between_all(
    example: Example, folder: Path | None
) -> None:
    topology: Topology = example.build()
    plan = built(topology, folder)
    assert len(set(plan.names)) == 3
    assert set(plan.names) <= set(plan.graph)
    assert nx.is_strongly_connected(plan.graph)
    for _, _, link in plan.graph.edges(data="link"):
        assert isinstance(link, LinkSettings)
        assert 0 < link.capacity_bit_per_s < math.inf
        assert 0 <= link.delay_s < math.inf
    again = topology.build(3, DataFolder(folder))
    assert again.names == plan.names
    assert dict(again.graph.edges) == dict(plan.graph.edges)


@every_topology
def test_a_topology_refuses_more_regions_than_it_has(example: Example, folder: Path | None) -> None:
    topology = example.build()
    built(topology, folder)
    if example.name != "uniform":
        with pytest.raises(RequestError, match="regions, the run has 9"):
            topology.build(9, DataFolder(folder))


@every_topology
def test_what_a_network_of_any_topology_sends_arrives(example: Example, folder: Path | None) -> None:
    built(example.build(), folder)
    wires = Wires({"kind": example.name, **example.settings}, 3, data_dir=folder)
    answers = [wires.transfer(0.1 * k, k, (k + 1) % 3, 1e6) for k in range(3)]
    reduction = wires.reduce(3e6)
    assert all(delivery.end_s >= 0.1 * k for k, (delivery,) in enumerate(answers))
    rows = wires.rows("flow")
    assert sum(row["bits"] for row in rows) == pytest.approx(3e6 + reduction.bits, rel=1e-12)
    assert reduction.end_s >= wires.network.foresee_all_reduce_s([0, 1, 2], 3e6) * (1 - 1e-9)


def built(topology: Topology, folder: Path | None) -> Any:
    """Return the plan for three regions; skip where the data is missing."""
    try:
        return topology.build(3, DataFolder(folder))
    except RequestError as error:
        if "cannot be read" in str(error):
            pytest.skip(str(error))
        raise


# -- collective --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=examples("collective"), ids=str)
def collective(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


MEMBERS = [f"region-{number}" for number in range(4)]


def hop_s(source: str, target: str, bits: float) -> float:
    return bits / 1e6 + abs(int(source[-1]) - int(target[-1]))


def sums_after(plan: Plan, members: list[str]) -> dict[str, set[str]]:
    """Return whose vectors have reached each node when a plan is played; shares of a ring go round together."""
    known = {member: {member} for member in members}
    for phase in plan:
        after = {node: set(found) for node, found in known.items()}
        for strand in phase:
            local = {node: set(found) for node, found in known.items()}
            for step in strand:
                sent = [(send.target, set(local.get(send.source, ()))) for send in step]
                for target, found in sent:
                    local.setdefault(target, set()).update(found)
            for node, found in local.items():
                after.setdefault(node, set()).update(found)
        known = after
    return {member: known[member] for member in members}


@pytest.mark.parametrize("num_members", [2, 3, 4])
def test_after_the_plan_everybody_has_something_of_everybody(collective: Collective, num_members: int) -> None:
    members = MEMBERS[:num_members]
    plan = collective.plan(members, 1e6, hop_s)
    assert all(found == set(members) for found in sums_after(plan, members).values())
    sends = [send for phase in plan for strand in phase for step in strand for send in step]
    assert all(send.bits > 0 and send.source != send.target for send in sends)
    # A vector must leave every member but one, and reach every member but one.
    assert sum(send.bits for send in sends) >= 2 * (num_members - 1) * 1e6 * (1 - 1e-12)
    assert collective.plan(members, 1e6, hop_s) == plan


@pytest.mark.parametrize("num_members", [2, 4])
def test_on_the_clock_a_collective_takes_what_was_foreseen_and_twice_the_bits_never_less(
    collective: Collective, num_members: int
) -> None:
    times_s = []
    for bits in (1e3, 2e3):
        wires = Wires(uniform(), 4, collective=collective.model_dump())  # type: ignore[attr-defined]
        reduction = wires.reduce(bits, range(num_members))
        assert reduction.end_s == pytest.approx(wires.network.foresee_all_reduce_s(range(num_members), bits), rel=1e-9)
        assert reduction.bits == pytest.approx(sum(row["bits"] for row in wires.rows("flow")), rel=1e-12)
        times_s.append(reduction.end_s)
    assert times_s[1] > times_s[0]
