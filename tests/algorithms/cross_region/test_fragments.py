import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.cross_region.fragments import Fragment, Pattern, fragment, units_of
from testbed.errors import RequestError
from testbed.layout import Layout
from testbed.learning.models.mlp import Mlp

PATTERNS: list[Pattern] = ["strided", "sequential", "balanced"]


def transformer(num_blocks: int, width: int = 2) -> Layout:
    tensors: list[tuple[str, tuple[int, ...]]] = [("wte.weight", (9, width)), ("wpe.weight", (4, width))]
    for i in range(num_blocks):
        tensors += [(f"blocks.{i}.attention.weight", (width, 3)), (f"blocks.{i}.mlp.0.weight", (width,))]
    return Layout([*tensors, ("norm.weight", (width,)), ("head.weight", (9, width))])


def unit_names(layout: Layout) -> list[list[str]]:
    return [[slot.name for slot in unit] for unit in units_of(layout)]


def num_units(fragments: tuple[Fragment, ...], layout: Layout) -> list[int]:
    units = [{slot.name for slot in unit} for unit in units_of(layout)]
    return [sum(unit <= set(piece.names) for unit in units) for piece in fragments]


def test_the_units_of_a_transformer_are_what_is_before_the_blocks_each_block_and_what_is_after() -> None:
    assert unit_names(transformer(2)) == [
        ["wte.weight", "wpe.weight"],
        ["blocks.0.attention.weight", "blocks.0.mlp.0.weight"],
        ["blocks.1.attention.weight", "blocks.1.mlp.0.weight"],
        ["norm.weight", "head.weight"],
    ]


def test_the_worked_example_of_twelve_blocks() -> None:
    layout = transformer(12)
    assert len(units_of(layout)) == 14
    assert num_units(fragment(layout, 4, "strided"), layout) == [4, 4, 3, 3]
    assert num_units(fragment(layout, 4, "sequential"), layout) == [4, 4, 4, 2]


def test_a_strided_fragment_takes_every_kth_unit_and_a_sequential_one_neighbours() -> None:
    layout = transformer(4)
    strided, sequential = fragment(layout, 3, "strided"), fragment(layout, 3, "sequential")
    assert {name.split(".")[1] for name in strided[0].names} == {"weight", "2"}  # before the blocks, and block 2
    assert sequential[1].names == tuple(
        f"blocks.{i}.{part}" for i in (1, 2) for part in ("attention.weight", "mlp.0.weight")
    )
    assert len(sequential[1].slices) == 1
    assert len(strided[0].slices) == 2


def test_without_numbered_blocks_a_unit_is_a_module() -> None:
    layout = Layout([("a.weight", (2, 2)), ("a.bias", (2,)), ("b.c.weight", (3,)), ("b.c.bias", (1,)), ("scale", (1,))])
    assert unit_names(layout) == [["a.weight", "a.bias"], ["b.c.weight", "b.c.bias"], ["scale"]]


def test_the_layers_of_a_shipped_mlp_are_units_of_weight_and_bias() -> None:
    module = Mlp(hidden=(16, 16)).build((8, 8), 10, 0)
    layout = Layout([(name, tuple(tensor.shape)) for name, tensor in module.state_dict().items()])
    assert [len(unit) for unit in units_of(layout)] == [2, 2, 2]
    assert len(fragment(layout, 3)) == 3


def test_a_tensor_between_two_blocks_belongs_to_the_block_before_it() -> None:
    layout = Layout([("encoder.0.w", (2,)), ("between", (1,)), ("decoder.0.w", (2,)), ("after", (1,))])
    assert unit_names(layout) == [["encoder.0.w", "between"], ["decoder.0.w"], ["after"]]


def test_balanced_fragments_take_the_largest_unit_first_and_are_numbered_by_their_first_unit() -> None:
    layout = Layout([("0.w", (1,)), ("1.w", (7,)), ("2.w", (5,)), ("3.w", (3,))])
    assert [piece.names for piece in fragment(layout, 2, "balanced")] == [("0.w", "1.w"), ("2.w", "3.w")]


@given(sizes=st.lists(st.integers(1, 30), min_size=1, max_size=12), data=st.data(), pattern=st.sampled_from(PATTERNS))
def test_every_entry_is_in_exactly_one_fragment_and_comes_back_from_it(
    sizes: list[int], data: st.DataObject, pattern: Pattern
) -> None:
    layout = Layout([(f"h.{i}.{part}", (size,)) for i, size in enumerate(sizes) for part in ("w", "b")])
    wanted = data.draw(st.integers(1, len(sizes)))
    try:
        fragments = fragment(layout, wanted, pattern)
    except RequestError:
        assert pattern == "sequential"
        assert -(-len(sizes) // wanted) * (wanted - 1) >= len(sizes)  # the last ones would be empty
        return
    assert [piece.index for piece in fragments] == list(range(wanted))
    vector = np.random.default_rng(0).normal(size=layout.size)
    copy = np.full(layout.size, np.nan)
    for piece in fragments:
        part = piece.gather(vector)
        assert part.shape == (piece.size,)
        assert piece.size > 0
        for name, tensor in zip(piece.names, piece.tensors, strict=True):
            np.testing.assert_array_equal(part[tensor], layout.view(vector, name))
        assert not np.shares_memory(part, vector)
        assert np.isnan(piece.gather(copy)).all()
        piece.scatter(copy, part)
    np.testing.assert_array_equal(copy, vector)
    assert sum(piece.size for piece in fragments) == layout.size


@given(sizes=st.lists(st.integers(1, 100), min_size=4, max_size=20))
def test_balanced_fragments_differ_by_one_unit_at_most(sizes: list[int]) -> None:
    layout = Layout([(f"h.{i}.w", (size,)) for i, size in enumerate(sizes)])
    found = [piece.size for piece in fragment(layout, 4, "balanced")]
    assert max(found) - min(found) <= max(sizes)


@pytest.mark.parametrize("num_fragments", [0, 5])
def test_more_fragments_than_units_are_refused(num_fragments: int) -> None:
    with pytest.raises(RequestError, match=r"has 4 units .* from 1 to 4 fragments"):
        fragment(transformer(2), num_fragments)


def test_a_pattern_that_leaves_fragments_empty_is_refused_with_those_that_do_not() -> None:
    with pytest.raises(RequestError, match=r"leaves 1 of 4 fragments empty, .* 5 units; 'strided' and 'balanced'"):
        fragment(transformer(3), 4, "sequential")


def test_an_unknown_pattern_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RequestError, match="did you mean 'strided'"):
        fragment(transformer(2), 2, "stride")  # type: ignore[arg-type]


def test_a_part_of_another_size_is_refused() -> None:
    piece = fragment(transformer(2), 2)[0]
    with pytest.raises(ValueError, match="entries"):
        piece.scatter(np.zeros(transformer(2).size), np.zeros(piece.size + 1))
