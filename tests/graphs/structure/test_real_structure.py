"""What section 6.3 of the specification measured: molecules, proteins and social networks fall apart by structure."""

from pathlib import Path

import numpy as np
import pytest
from drawn_graphs import read_tu

from graphs.clustering import adjusted_rand_index, cluster_clients
from graphs.cosine import cosine_similarity
from graphs.structure import RwseDse

ROOT = "tudatasets"
NAMES = ("MUTAG", "PTC_MR", "NCI1", "ENZYMES", "PROTEINS", "IMDB-BINARY")
MOLECULES, PROTEINS, SOCIAL = [0, 1, 2], [3, 4], [5]
FAMILIES = np.array([0, 0, 0, 1, 1, 2])

tudatasets = pytest.mark.parametrize("data_dir", [ROOT], indirect=True)


def described(folder: Path, name: str, chunks: int, size: int) -> np.ndarray:
    """Vectors of disjoint random chunks of one set, as IID clients would have them."""
    rng, graphs = np.random.default_rng(0), read_tu(folder, name)
    order = rng.permutation(len(graphs))[: chunks * size]
    return np.stack([RwseDse().describe(graphs, chunk, rng) for chunk in np.array_split(order, chunks)])


@tudatasets
def test_six_data_sets_are_three_families(data_dir: Path) -> None:
    vectors = np.concatenate([described(data_dir / ROOT, name, 1, 200) for name in NAMES])
    three = cluster_clients(vectors, np.random.default_rng(0), 3)
    assert adjusted_rand_index(three.labels, FAMILIES) == 1.0
    two = cluster_clients(vectors, np.random.default_rng(0), 2)
    assert two.members == ((0, 1, 2), (3, 4, 5))
    cosines = cosine_similarity(vectors)
    assert cosines[0, 2] == pytest.approx(0.996, abs=0.01)  # MUTAG, NCI1
    assert cosines[3, 4] == pytest.approx(0.991, abs=0.01)  # ENZYMES, PROTEINS
    for first, second in ((MOLECULES, PROTEINS), (MOLECULES, SOCIAL), (PROTEINS, SOCIAL)):
        assert cosines[np.ix_(first, second)].max() < 0.8


@tudatasets
def test_iid_clients_of_three_data_sets_are_told_apart_without_a_mistake(data_dir: Path) -> None:
    names = ("PROTEINS", "IMDB-BINARY", "NCI1")
    vectors = np.concatenate([described(data_dir / ROOT, name, 4, 50) for name in names])
    origin = np.repeat(np.arange(3), 4)
    found = cluster_clients(vectors, np.random.default_rng(0), 3)
    assert adjusted_rand_index(found.labels, origin) == 1.0
    cosines, same = cosine_similarity(vectors), origin[:, None] == origin[None, :]
    assert cosines[same].min() > 0.89
    assert cosines[~same].max() < 0.74
    assert cluster_clients(vectors, np.random.default_rng(0)).num_clusters == 3
    assert cluster_clients(vectors, np.random.default_rng(0), 2).members == (tuple(range(8)), tuple(range(8, 12)))
