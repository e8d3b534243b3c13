import numpy as np
import pytest
from drawn_graphs import both_ways, cycle, graph_set

from graphs.structure import agreement_difference, attribute_agreement
from testbed.errors import RequestError

FEATURES = np.array([[1, 0], [1, 1], [0, 2], [0, 0]], dtype=np.float32)


def test_agreement_is_the_cosine_at_the_ends_of_every_edge_once() -> None:
    graphs = graph_set((4, both_ways([(0, 1), (0, 2), (2, 3)])), features=FEATURES)
    np.testing.assert_allclose(attribute_agreement(graphs, np.array([0])), [0.5**0.5, 0.0, 0.0], rtol=1e-12)
    one_way = graph_set((4, [(1, 0), (2, 0), (2, 3)]), features=FEATURES)
    np.testing.assert_array_equal(
        attribute_agreement(one_way, np.array([0])), attribute_agreement(graphs, np.array([0]))
    )


def test_members_come_in_their_order_and_no_member_has_no_edge() -> None:
    features = np.concatenate([np.ones((3, 1)), np.array([[1], [-1], [1]])]).astype(np.float32)
    graphs = graph_set(cycle(3), cycle(3), features=features)
    assert attribute_agreement(graphs, np.array([1, 0])).tolist() == [-1, 1, -1, 1, 1, 1]
    assert attribute_agreement(graphs, np.array([], dtype=np.int64)).shape == (0,)


def test_the_same_sample_does_not_differ_and_opposite_ones_do_by_a_whole_bit() -> None:
    same = agreement_difference(np.full(50, 0.3), np.full(70, 0.3))
    assert (same.jensen_shannon_bits, same.p_value, same.differs) == (0.0, 1.0, False)
    opposite = agreement_difference(np.ones(50), -np.ones(70))
    assert opposite.jensen_shannon_bits == 1.0
    assert opposite.differs
    with pytest.raises(RequestError, match="at least one edge"):
        agreement_difference(np.ones(3), np.empty(0))
