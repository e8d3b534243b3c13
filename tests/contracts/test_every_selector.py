"""The contract of every selector: a candidate, by the histories alone, and the lower index of equals."""

from typing import Any

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.selectors import Change, History, Selector

MANY = settings(max_examples=40, deadline=None)


@st.composite
def histories(draw: st.DrawFn) -> History:
    previous = draw(st.integers(0, 20))
    last = previous + draw(st.integers(1, 20))
    norm = draw(st.floats(0, 10))
    size = draw(st.integers(1, 9))
    change = Change(norm * size**0.5, norm, size, draw(st.integers(1, 9)))
    return draw(st.sampled_from([History(), History(last, previous), History(last, previous, change)]))


many = st.lists(histories(), min_size=1, max_size=6)


@pytest.fixture(scope="module", params=examples("selector"), ids=str)
def selector(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


@MANY
@given(known=many, step=st.integers(40, 80), data=st.data())
def test_the_choice_is_a_candidate_and_others_do_not_matter(
    selector: Selector, known: list[History], step: int, data: st.DataObject
) -> None:
    candidates = sorted(data.draw(st.sets(st.sampled_from(range(len(known))), min_size=1)))
    chosen = selector.choose(step, candidates, known)
    assert chosen in candidates
    assert selector.choose(step, candidates, known) == chosen
    others = [history if p in candidates else data.draw(histories()) for p, history in enumerate(known)]
    assert selector.choose(step, candidates, others) == chosen


@MANY
@given(history=histories(), num_fragments=st.integers(1, 6), step=st.integers(40, 80), data=st.data())
def test_of_equals_the_lower_index_goes(
    selector: Selector, history: History, num_fragments: int, step: int, data: st.DataObject
) -> None:
    candidates = sorted(data.draw(st.sets(st.sampled_from(range(num_fragments)), min_size=1)))
    assert selector.choose(step, candidates, [history] * num_fragments) == candidates[0]
