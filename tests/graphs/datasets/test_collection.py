from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from tu_files import LISTED, plain_text, tu_files, write_zip

from graphs.datasets.collection import COLLECTIONS, GraphCollection
from graphs.datasets.tu_dataset import TuDataset
from testbed.errors import RequestError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("PROTEINS", "NCI1", "MUTAG"):
        write_zip(tmp_path / "tudatasets" / f"{name}.zip", tu_files(), name)
    (tmp_path / "tudatasets" / "IMDB-BINARY.txt").write_text(
        plain_text([(label, [0] * len(tags), edges) for label, tags, edges in LISTED])
    )
    return tmp_path


def test_every_set_is_a_domain_in_the_order_given(folder: Path) -> None:
    graphs = GraphCollection(names=("MUTAG", "IMDB-BINARY")).read(folder)
    assert graphs.name == "MUTAG+IMDB-BINARY"
    assert graphs.domains == ("MUTAG", "IMDB-BINARY")
    assert graphs.domain_of.tolist() == [0] * 4 + [1] * 4
    assert graphs.widths == (3, 136)
    assert sorted(graphs.sources) == ["IMDB-BINARY.txt", "MUTAG.zip"]
    alone = TuDataset(name="IMDB-BINARY").read(folder)
    np.testing.assert_array_equal(graphs.features[1], alone.features[0])
    np.testing.assert_array_equal(graphs.edges_of(6), alone.edges_of(2))
    assert GraphCollection(names=("MUTAG", "IMDB-BINARY")).read(folder) is graphs


def test_a_named_collection_has_its_sets(folder: Path) -> None:
    graphs = GraphCollection(collection="mix-small").read(folder)
    assert (graphs.name, graphs.domains) == ("mix-small", ("PROTEINS", "IMDB-BINARY", "NCI1"))


def test_a_set_that_is_missing_is_refused_with_those_that_are_there(folder: Path) -> None:
    there = "There are: IMDB-BINARY, MUTAG, NCI1, PROTEINS"
    with pytest.raises(RequestError, match=f"'graph-collection': .* has no IMDB-MULTI. {there}; leave_out_missing"):
        GraphCollection(collection="social").read(folder)
    with pytest.raises(RequestError, match=f"has no MUTAGG. did you mean 'MUTAG'. {there}$"):
        GraphCollection(names=("MUTAGG", "NCI1")).read(folder)
    with pytest.raises(RequestError, match="'graph-collection' is read from 'tudatasets'"):
        GraphCollection(collection="mix-small").read(None)


def test_what_is_left_out_is_in_the_name_and_everything_cannot_be(folder: Path) -> None:
    graphs = GraphCollection(collection="social", leave_out_missing=True).read(folder)
    assert (graphs.name, graphs.domains) == ("social without IMDB-MULTI", ("IMDB-BINARY",))
    (folder / "tudatasets" / "IMDB-BINARY.txt").unlink()
    with pytest.raises(RequestError, match="has no IMDB-BINARY, IMDB-MULTI"):
        GraphCollection(collection="social", leave_out_missing=True).read(folder)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({}, "needs either names or a collection"),
        ({"names": ["MUTAG"], "collection": "mix"}, "needs either names or a collection"),
        ({"names": ["MUTAG", "MUTAG"]}, "every set may stand in it once"),
        ({"names": ["MUTAG"], "leave_out_missing": True}, "is for a named collection"),
        ({"collection": "mixed"}, "Input should be 'molecules'"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(table: dict[str, Any], reason: str) -> None:
    with pytest.raises((ValidationError, RequestError), match=reason):
        GraphCollection(**table)


def test_the_named_collections_grow_and_have_no_set_twice() -> None:
    assert set(COLLECTIONS["molecules"]) < set(COLLECTIONS["biochem"]) < set(COLLECTIONS["mix"])
    assert all(len(set(names)) == len(names) for names in COLLECTIONS.values())
    assert [len(COLLECTIONS[name]) for name in ("molecules", "biochem", "mix")] == [7, 10, 13]


@pytest.mark.slow
@pytest.mark.parametrize("data_dir", ["tudatasets"], indirect=True)
def test_the_published_files_make_the_small_mix(data_dir: Path) -> None:
    graphs = GraphCollection(collection="mix-small").read(data_dir)
    assert np.bincount(graphs.domain_of).tolist() == [1113, 1000, 4110]
    assert graphs.widths == (3, 136, 37)
