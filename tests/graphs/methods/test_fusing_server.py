"""The server of FedGCF without a clock: its fusions, who is in them, what it does without somebody."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs.fusion_ratio import Bandit, Fixed
from graphs.methods.cluster_shares import ClusterShares
from graphs.methods.fusing_server import FusingServer
from graphs.methods.node_choice import NodeChoice
from graphs.methods.received import Received
from graphs.node_selection import Everybody, SimilarPaths

FEW = settings(max_examples=25, deadline=None)
LUCK = np.random.default_rng(0)


def server(
    clusters: list[int], width: int = 3, *, ratio: Any = None, per: Any = "cluster", **choice: Any
) -> FusingServer:
    """Return a server before its first round, with a model of zeros."""
    labels = np.array(clusters)
    shares = ClusterShares(ratio or Fixed(share=0.7), per, labels, LUCK)
    rule = NodeChoice(**({"rule": SimilarPaths()} | choice))
    return FusingServer(labels, np.zeros(width, np.float32), shares, rule)


def received(
    models: Any, *, clients: list[int] | None = None, sizes: Any = None, accuracies: Any = None, num_clusters: int = 2
) -> Received:
    """Return uploads of clients who had all been sent zeros."""
    models = np.asarray(models, dtype=np.float32)
    count = len(models)
    return Received(
        clients=tuple(range(count)) if clients is None else tuple(clients),
        data_sizes=np.full(count, 10) if sizes is None else np.asarray(sizes),
        models=models,
        starts=np.zeros_like(models),
        accuracies=np.full(count, 0.5) if accuracies is None else np.asarray(accuracies),
        traffic_bytes=np.full(num_clusters, 100.0),
    )


class Given:
    """A rule that chooses clients 1 and 2."""

    def select(self, similarity: Any, clusters: Any, data_sizes: Any, rng: Any) -> Any:
        from graphs.node_selection import Selected

        return Selected((1, 2))


def test_the_worked_example() -> None:
    """F2 of the specification."""
    fused = server([0, 0, 1, 1], 2, rule=Given()).take_in(
        received([[1, 2], [3, 0], [-1, 4], [0, 1]], sizes=[10, 30, 20, 40]), LUCK
    )
    np.testing.assert_allclose(fused.models, [[2.17, 0.83], [0.186667, 1.88]], atol=1e-6)
    assert fused.node_clients == (1, 2)


def test_identical_clients_are_wholly_alike_and_get_the_same_model() -> None:
    fused = server([0, 0, 1, 1, 2]).take_in(received([[1.0, -2.0, 3.0]] * 5, num_clusters=3), LUCK)
    assert fused.similarity is not None
    assert (fused.similarity == 1.0).all()
    np.testing.assert_allclose(fused.models, [[1.0, -2.0, 3.0]] * 3, rtol=1e-15)


@FEW
@given(seed=st.integers(0, 1000), scale=st.sampled_from([0.25, 2.0]), shift=st.sampled_from([-2.0, 0.5]))
def test_fusion_is_affine(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    models, sizes = rng.normal(size=(5, 4)).astype(np.float32), rng.integers(1, 50, 5)
    clusters = [0, 1, 0, 1, 1]
    plain = server(clusters, 4, rule=Everybody()).take_in(received(models, sizes=sizes), LUCK).models
    moved = server(clusters, 4, rule=Everybody()).take_in(received(scale * models + shift, sizes=sizes), LUCK).models
    np.testing.assert_allclose(moved, scale * plain + shift, atol=1e-5)


@FEW
@given(seed=st.integers(0, 1000))
def test_relabelling_clients_permutes_what_comes_out_and_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    models, sizes = rng.normal(size=(6, 5)).astype(np.float32), rng.integers(1, 50, 6)
    clusters, order = np.array([0, 1, 2, 0, 1, 2]), rng.permutation(6)
    first = server(clusters.tolist(), 5).take_in(received(models, sizes=sizes, num_clusters=3), LUCK)
    other = server(clusters[order].tolist(), 5).take_in(
        received(models[order], sizes=sizes[order], num_clusters=3), LUCK
    )
    np.testing.assert_allclose(other.models, first.models, rtol=1e-12, atol=1e-12)
    assert sorted(order[list(other.node_clients)].tolist()) == list(first.node_clients)


def test_a_cluster_from_which_nothing_arrived_keeps_its_model_and_its_share() -> None:
    fusing = server([0, 0, 1, 1], ratio=Bandit())
    first = fusing.take_in(received(np.eye(4, 3)), LUCK)
    kept, before = fusing.structural[1].copy(), first.shares[1]
    second = fusing.take_in(received(np.eye(2, 3) * 9, clients=[0, 1]), LUCK)
    assert np.array_equal(fusing.structural[1], kept)
    assert second.shares[1] == before
    assert second.shares[0] != first.shares[0]
    assert math.isnan(second.accuracies[1])
    assert second.num_arrived.tolist() == [2, 0]
    assert set(second.node_clients) <= {0, 1}


def test_where_some_are_missing_clients_and_paths_go_by_their_own_numbers() -> None:
    uploads = received([[1.0, 0.0], [1.0, 0.2], [1.0, 0.4]], clients=[1, 3, 4])
    fused = server([0, 0, 0, 0, 1], 2).take_in(uploads, LUCK)
    assert fused.selected is not None
    assert fused.selected.paths == ((1, 3, 4),)
    assert fused.selected.clients == fused.node_clients == (1, 3, 4)


def test_a_cluster_that_never_sent_anything_has_the_initial_model() -> None:
    fusing = server([0, 0, 1, 1], rule=Everybody())
    fused = fusing.take_in(received([[1.0, 1.0, 1.0]], clients=[0]), LUCK)
    assert fusing.structural[1].tolist() == [0.0, 0.0, 0.0]
    np.testing.assert_allclose(fused.models[1], 0.3)  # of the node model, which is client 0's


def test_the_node_model_stays_if_none_of_its_clients_arrived_between_two_choices() -> None:
    fusing = server([0, 0, 1, 1], rule=Given(), every=2)
    fusing.take_in(received(np.eye(4, 3)), LUCK)
    before = fusing.node.copy()
    fused = fusing.take_in(received(np.ones((2, 3)), clients=[0, 3]), LUCK)
    assert (fused.selected, fused.similarity, fused.node_clients) == (None, None, ())
    assert np.array_equal(fusing.node, before)


def test_the_first_round_teaches_nothing() -> None:
    fusing = server([0, 0, 1, 1], ratio=Bandit(coarse=(0.2, 0.8)))
    shares = [fusing.take_in(received(np.eye(4, 3)), LUCK).shares.tolist() for _ in range(2)]
    assert shares == [[0.2, 0.2], [0.8, 0.8]]


def test_a_share_is_told_the_mean_accuracy_by_graphs() -> None:
    told: list[tuple[int, float, float]] = []

    class Listening:
        def start(self, num_clusters: int, rng: Any) -> "Listening":
            return self

        def play(self, cluster: int) -> float:
            return 0.5

        def learn(self, cluster: int, accuracy: float, traffic_bytes: float) -> None:
            told.append((cluster, accuracy, traffic_bytes))

    sample = received(np.eye(4, 3), sizes=[10, 30, 20, 20], accuracies=[1.0, 0.0, 0.5, 0.7])
    for per in ("cluster", "federation"):
        fusing = server([0, 0, 1, 1], ratio=Listening(), per=per)
        for _ in range(2):
            fusing.take_in(sample, LUCK)
    assert [cluster for cluster, _, _ in told] == [0, 1, 0]
    assert [accuracy for _, accuracy, _ in told] == pytest.approx([0.25, 0.6, 34 / 80])
    assert [traffic for _, _, traffic in told] == [100.0, 100.0, 200.0]


@pytest.mark.parametrize(("similarity", "alike"), [("updates", 0.0), ("models", 1.0)])
def test_updates_are_measured_against_what_each_client_was_sent(similarity: Any, alike: float) -> None:
    uploads = received([[2.0, 0.0], [2.0, 0.0]])
    uploads.starts[:] = [[1.0, 0.0], [3.0, 0.0]]  # so their updates are opposite
    fused = server([0, 1], 2, similarity=similarity).take_in(uploads, LUCK)
    assert fused.similarity is not None
    assert fused.similarity[0, 1] == alike
