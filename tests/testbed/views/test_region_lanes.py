import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from regions import NAMES, regions_run
from synthetic import SPAN_COLUMNS, grouped_run, table

from testbed.views.region_lanes import coverage, entity_names, fragments_of, link_names, region_names

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), max_size=10)


def test_regions_have_their_names_and_a_federation_has_none() -> None:
    assert region_names(regions_run(num_steps=10)) == dict(enumerate(NAMES))
    assert region_names(grouped_run()) == entity_names(grouped_run()) == {}


def test_links_are_in_the_order_of_regions_whatever_hyphens_their_names_have() -> None:
    links = link_names(regions_run(num_steps=40))
    assert list(links) == ["wan-us-west-us-east", "wan-us-east-eu", "wan-eu-asia", "wan-asia-us-west"]
    assert list(links.values()) == ["us-west → us-east", "us-east → eu", "eu → asia", "asia → us-west"]


def test_a_link_without_rows_of_flows_keeps_its_name() -> None:
    rows = [(0, "wan-x-y", "transmit", 0.0, 1.0, -1)]
    run = regions_run(num_steps=10)
    assert link_names(replace(run, tables={"span": table(SPAN_COLUMNS, rows)})) == {"wan-x-y": "x-y"}


def test_a_collective_has_the_fragment_that_it_synchronised() -> None:
    run = regions_run(num_steps=85)
    frame = run.frame("span")
    done = frame[frame["kind"] == "all-reduce"]
    found = fragments_of(run)
    pairs = zip(done["start_s"], done["end_s"], strict=True)
    assert [found[pair] for pair in pairs] == [0, 1, 2, 3, 0, 1, 2, 3]


@given(SPANS)
def test_spans_cover_of_each_interval_what_lies_in_it(drawn: list[tuple[int, int]]) -> None:
    edges_s = np.array([3.0, 4.0, 8.0, 20.0, 30.0])
    start_s = np.array([start for start, _ in drawn], dtype=np.float64)
    end_s = start_s + np.array([length for _, length in drawn], dtype=np.float64)
    expected = [
        min(1.0, sum(max(0.0, min(e, b) - max(s, a)) for s, e in zip(start_s, end_s, strict=True)) / (b - a))
        for a, b in itertools.pairwise(edges_s)
    ]
    assert coverage(start_s, end_s, edges_s) == pytest.approx(expected, abs=1e-9)
