import shutil
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from graphs.datasets.karate_club import KarateClub
from graphs.datasets.planetoid import Planetoid
from graphs.datasets.planetoid_digests import PLANETOID_DIGESTS
from testbed.errors import RequestError

planetoid_there = pytest.mark.parametrize("data_dir", ["planetoid"], indirect=True)


@planetoid_there
def test_cora_has_its_published_counts(data_dir: Path) -> None:
    cora = Planetoid().read(data_dir)
    assert (len(cora), cora.edges.shape[1], cora.width) == (2708, 2 * 5278, 1433)
    assert sorted(np.bincount(cora.labels), reverse=True) == [818, 426, 418, 351, 298, 217, 180]
    same = cora.labels[cora.edges[0]] == cora.labels[cora.edges[1]]
    assert round(float(same.mean()), 3) == 0.810
    assert dict(cora.sources) == PLANETOID_DIGESTS["cora"]
    assert Planetoid(name="cora").read(data_dir) is cora


@planetoid_there
def test_papers_of_citeseer_without_words_and_topic_are_left_out_and_isolated_ones_are_kept(data_dir: Path) -> None:
    citeseer = Planetoid(name="citeseer").read(data_dir)
    assert (len(citeseer), citeseer.edges.shape[1], citeseer.width) == (3327 - 15, 2 * 4536, 3703)
    assert citeseer.features.any(axis=1).all()
    assert (citeseer.degrees == 0).sum() == 48
    assert np.bincount(citeseer.labels).tolist() == [264 - 15, 590, 668, 701, 596, 508]


@planetoid_there
def test_a_file_that_is_not_the_published_one_is_never_unpickled(data_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "planetoid"
    shutil.copytree(data_dir / "planetoid", folder)
    (folder / "ind.cora.ty").chmod(0o644)
    (folder / "ind.cora.ty").write_bytes(b"cos\nsystem\n(S'exit'\ntR.")
    with pytest.raises(RequestError, match=r"ind\.cora\.ty: is not the published file"):
        Planetoid().read(tmp_path)
    folder.chmod(0o755)
    (folder / "ind.cora.graph").unlink()
    with pytest.raises(RequestError, match=r"ind\.cora\.graph: cannot be read \(No such file or directory\)"):
        Planetoid().read(tmp_path)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="'planetoid' is read from 'planetoid' in a data folder, and none is given"):
        Planetoid().read(None)
    with pytest.raises(RequestError, match="'planetoid' is not there"):
        Planetoid().read(tmp_path)


def test_the_karate_club_is_that_of_networkx() -> None:
    club, graph = KarateClub().read(None), nx.karate_club_graph()
    assert (len(club), club.edges.shape[1]) == (34, 2 * 78)
    assert club.degrees.tolist() == [degree for _, degree in graph.degree()]
    assert nx.utils.graphs_equal(nx.Graph(club.edges.T.tolist()), nx.Graph(list(graph.edges)))
    assert np.bincount(club.labels).tolist() == [17, 17]
    assert (club.labels[0], club.labels[33]) == (0, 1)  # Mr. Hi, the officer
    np.testing.assert_array_equal(club.features, np.eye(34))
    assert KarateClub().read(None) is club
