import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.errors import RequestError
from testbed.layout import Layout

PATIENT = settings(deadline=None)

shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)
tensors = st.lists(st.tuples(st.text("abc.", min_size=1, max_size=4), shapes), unique_by=lambda pair: pair[0])
MLP = Layout([("0.weight", (3, 2)), ("0.bias", (3,)), ("2.weight", (1, 3)), ("2.bias", (1,)), ("scale", ())])


@PATIENT
@given(tensors)
def test_the_views_of_a_vector_put_together_are_the_vector(described):
    layout = Layout(described)
    vector = np.random.default_rng(0).random(layout.size)
    views = [layout.view(vector, slot.name) for slot in layout]
    assert [view.shape for view in views] == [shape for _, shape in described]
    assert np.array_equal(np.concatenate([np.empty(0), *(view.ravel() for view in views)]), vector)


@PATIENT
@given(tensors)
def test_slots_follow_each_other_without_gap_in_the_given_order(described):
    layout = Layout(described)
    bounds = [0, *(slot.stop for slot in layout)]
    assert [slot.start for slot in layout] == bounds[:-1]
    assert bounds[-1] == layout.size == sum(math.prod(shape) for _, shape in described)
    assert [slot.name for slot in layout] == [name for name, _ in described]


@PATIENT
@given(tensors)
def test_equal_descriptions_are_equal_layouts(described):
    assert Layout(described) == Layout([(name, list(shape)) for name, shape in described])
    assert hash(Layout(described)) == hash(Layout(described))


@pytest.mark.parametrize("other", [
    [("a", (2, 3)), ("c", (2,))],
    [("a", (3, 2)), ("b", (2,))],
    [("b", (2,)), ("a", (2, 3))],
    [("a", (2, 3))],
])  # fmt: skip
def test_another_name_shape_or_order_is_another_layout(other):
    assert Layout([("a", (2, 3)), ("b", (2,))]) != Layout(other)


def test_a_layout_is_not_the_list_it_was_made_from():
    assert Layout([("a", (1,))]) != [("a", (1,))]


@pytest.mark.parametrize(
    "vector", [np.zeros(MLP.size), np.zeros((MLP.size, 2), np.float32)[:, 1]], ids=["dense", "strided"]
)
def test_writing_into_a_view_writes_into_the_vector(vector):
    MLP.view(vector, "2.weight")[0, 1] = 5.0
    MLP.view(vector, "scale")[...] = 7.0
    assert vector.nonzero()[0].tolist() == [10, 13]
    assert MLP.view(vector, "2.weight").dtype == vector.dtype


def test_a_matrix_lies_in_row_major_order():
    assert MLP.view(np.arange(14.0), "0.weight").tolist() == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]


@pytest.mark.parametrize(("pattern", "slices"), [
    ("*", [slice(0, 6), slice(6, 9), slice(9, 12), slice(12, 13), slice(13, 14)]),
    ("*.bias", [slice(6, 9), slice(12, 13)]),
    ("0.*", [slice(0, 6), slice(6, 9)]),
    ("[!0-9]*", [slice(13, 14)]),
    ("?.weight", [slice(0, 6), slice(9, 12)]),
    ("scale", [slice(13, 14)]),
])  # fmt: skip
def test_a_pattern_selects_the_tensors_it_matches_in_order(pattern, slices):
    assert MLP.select(pattern) == slices


@PATIENT
@given(tensors.filter(len))
def test_everything_selected_is_the_whole_vector(described):
    layout = Layout(described)
    entries = np.arange(layout.size)
    assert np.array_equal(np.concatenate([entries[part] for part in layout.select("*")]), entries)


@pytest.mark.parametrize("pattern", ["1.weight", "0.Weight", "bias", ""])
def test_a_pattern_that_matches_nothing_is_refused_with_the_names_there_are(pattern):
    with pytest.raises(RequestError, match=r"known: 0\.bias, 0\.weight, 2\.bias, 2\.weight, scale"):
        MLP.select(pattern)


def test_an_unknown_tensor_is_refused_with_the_nearest_names():
    with pytest.raises(RequestError, match=r"unknown tensor '0\.weigth': did you mean '0\.weight'"):
        MLP.view(np.zeros(14), "0.weigth")


@pytest.mark.parametrize("shape", [(13,), (15,), (14, 1), ()])
def test_a_vector_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"has the shape \(14,\)"):
        MLP.view(np.zeros(shape), "0.bias")


def test_two_tensors_of_one_name_are_refused():
    with pytest.raises(ValueError, match="same name"):
        Layout([("a", (1,)), ("a", (2,))])


def test_an_empty_layout_has_no_entries():
    assert Layout([]).size == 0
    assert list(Layout([])) == []


def test_a_layout_needs_no_torch():
    subprocess.run([sys.executable, "-c", "import sys, testbed.layout; sys.exit('torch' in sys.modules)"], check=True)
