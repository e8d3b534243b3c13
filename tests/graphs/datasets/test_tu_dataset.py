import zipfile
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from tu_files import LISTED, plain_text, tu_files, write_folder, write_zip

from graphs.datasets.tu_dataset import TuDataset
from graphs.graph_set import GraphSet
from testbed.errors import RequestError

tu_folder_there = pytest.mark.parametrize("data_dir", ["tudatasets"], indirect=True)


def read_zip(tmp_path: Path, files: dict[str, str]) -> GraphSet:
    write_zip(tmp_path / "tudatasets" / "OWN.zip", files, "OWN")
    return TuDataset(name="OWN").read(tmp_path)


def test_the_listed_graphs_come_out_as_listed(tmp_path: Path) -> None:
    graphs = read_zip(tmp_path, tu_files())
    assert graphs.name == "OWN"
    assert graphs.labels.tolist() == [1, 0, 1, 0]
    assert graphs.num_classes == (2,)
    assert graphs.num_nodes.tolist() == [3, 1, 4, 2]
    assert graphs.num_edges.tolist() == [6, 0, 4, 0]
    assert graphs.edges_of(2).T.tolist() == [[0, 3], [1, 3], [3, 0], [3, 1]]
    for graph, (_, tags, _) in enumerate(LISTED):
        assert graphs.features_of(graph).tolist() == [[float(tag == column) for column in (3, 4, 5)] for tag in tags]


def test_every_format_gives_equal_graphs(tmp_path: Path) -> None:
    zipped = read_zip(tmp_path / "zip", tu_files())
    write_folder(tmp_path / "folder" / "tudatasets" / "OWN", tu_files(), "OWN")
    write_folder(tmp_path / "raw" / "tudatasets" / "OWN" / "raw", tu_files(), "OWN")
    (tmp_path / "text" / "tudatasets").mkdir(parents=True)
    (tmp_path / "text" / "tudatasets" / "OWN.txt").write_text(plain_text())
    found = {form: TuDataset(name="OWN").read(tmp_path / form) for form in ("zip", "folder", "raw", "text")}
    assert {graphs.digest() for graphs in found.values()} == {zipped.digest()}
    assert list(found["zip"].sources) == ["OWN.zip"]
    assert list(found["text"].sources) == ["OWN.txt"]
    assert len(found["folder"].sources) == 4
    assert found["folder"].sources == found["raw"].sources


def test_a_set_is_read_once_a_process(tmp_path: Path) -> None:
    first = read_zip(tmp_path, tu_files())
    assert TuDataset(name="OWN").read(tmp_path) is first


def test_loops_and_repetitions_are_dropped(tmp_path: Path) -> None:
    files = tu_files()
    files["A"] += "\n1, 1\n" + files["A"].splitlines()[0]
    assert read_zip(tmp_path / "more", files).digest() == read_zip(tmp_path / "once", tu_files()).digest()


def test_without_node_labels_the_degree_is_the_feature_up_to_a_cap(tmp_path: Path) -> None:
    write_zip(tmp_path / "tudatasets" / "OWN.zip", tu_files(with_tags=False), "OWN")
    with pytest.raises(RequestError, match=r"no node labels.*state max_degree \(here the largest is 2\)"):
        TuDataset(name="OWN").read(tmp_path)
    graphs = TuDataset(name="OWN", max_degree=1).read(tmp_path)
    assert graphs.features_of(0).tolist() == [[0, 1]] * 3  # a triangle: degree 2, counted as 1
    assert graphs.features_of(1).tolist() == [[1, 0]]


def test_a_set_with_a_fixed_cap_has_inputs_of_one_size_whatever_its_degrees(tmp_path: Path) -> None:
    write_zip(tmp_path / "tudatasets" / "IMDB-BINARY.zip", tu_files(with_tags=False), "IMDB-BINARY")
    assert TuDataset(name="IMDB-BINARY").read(tmp_path).widths == (136,)


def test_a_label_that_all_nodes_share_counts_as_none_in_both_formats(tmp_path: Path) -> None:
    same = [(label, [7] * len(tags), edges) for label, tags, edges in LISTED]
    write_zip(tmp_path / "zip" / "tudatasets" / "OWN.zip", tu_files(same), "OWN")
    (tmp_path / "text" / "tudatasets").mkdir(parents=True)
    (tmp_path / "text" / "tudatasets" / "OWN.txt").write_text(plain_text(same))
    zipped, text = (TuDataset(name="OWN", max_degree=2).read(tmp_path / form) for form in ("zip", "text"))
    assert zipped.digest() == text.digest()
    assert zipped.widths == (3,)


def test_attributes_stand_beside_the_labels_and_degrees_between_them(tmp_path: Path) -> None:
    files = tu_files() | {"node_attributes": "\n".join(f"{node / 4}, -1.5" for node in range(10))}
    write_zip(tmp_path / "tudatasets" / "OWN.zip", files, "OWN")
    plain = TuDataset(name="OWN").read(tmp_path)
    graphs = TuDataset(name="OWN", node_attributes=True, max_degree=1).read(tmp_path)
    assert (plain.widths, graphs.widths) == ((3,), (7,))
    np.testing.assert_array_equal(graphs.features[0][:, :3], plain.features[0])
    assert graphs.features[0][:, 5].tolist() == [node / 4 for node in range(10)]
    assert graphs.features[0][4].tolist() == [1, 0, 0, 0, 1, 1.0, -1.5]
    with pytest.raises(RequestError, match="node_attributes = true, and BARE has none"):
        write_zip(tmp_path / "tudatasets" / "BARE.zip", tu_files(), "BARE")
        TuDataset(name="BARE", node_attributes=True).read(tmp_path)


@pytest.mark.parametrize(
    ("part", "text", "reason"),
    [
        ("A", "1, 2\n2, 1\n1,", "cannot be read as a TU data set"),  # cut inside a line
        ("A", "1, 2\n2, 1\n2, 3", "edge from node 1 to node 2 .* has none back"),  # cut between two lines
        ("A", "1, 4\n4, 1", "an end that is no node of its graph"),
        ("A", "1, 2\n2, 1\n1, 4", "an end that is no node of its graph"),
        ("A", "9, 11\n11, 9", "cannot be read as a TU data set|no node of its graph"),
        ("A", "0, 1\n1, 0", "an end that is no node of its graph"),
        ("A", "one, two", "cannot be read as a TU data set"),
        ("A", "", "cannot be read as a TU data set"),
        ("graph_labels", "1\n-1\n1", "4 graphs and 3 graph labels"),
        ("graph_indicator", "1\n1\n1\n2\n3\n3\n3\n3\n4", "9 nodes and 10 node labels"),
        ("graph_indicator", "1\n1\n1\n3\n3\n3\n3\n3\n4\n4", "count the graphs upwards, leaving out none"),
        ("graph_indicator", "2\n1\n1\n2\n3\n3\n3\n3\n4\n4", "must start at 1"),
        ("graph_indicator", "", "must start at 1"),
        ("graph_indicator", "1\nx", "not a column of integers"),
        ("node_labels", "3\n3\n5", "10 nodes and 3 node labels|cannot be read"),
    ],
)
def test_damaged_files_are_refused_with_the_reason(tmp_path: Path, part: str, text: str, reason: str) -> None:
    with pytest.raises(RequestError, match=f"(OWN.zip|OWN): .*({reason})"):
        read_zip(tmp_path, tu_files() | {part: text})


def test_a_zip_that_ends_early_or_lacks_a_file_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "tudatasets" / "OWN.zip", tu_files(), "OWN")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(RequestError, match=r"OWN\.zip: is not a whole zip archive"):
        TuDataset(name="OWN").read(tmp_path)
    files = tu_files()
    del files["graph_labels"]
    write_zip(tmp_path / "tudatasets" / "LESS.zip", files, "LESS")
    with pytest.raises(RequestError, match=r"there is no LESS_graph_labels\.txt in it"):
        TuDataset(name="LESS").read(tmp_path)


def test_a_zip_with_a_changed_byte_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "tudatasets" / "OWN.zip", tu_files(), "OWN")
    with zipfile.ZipFile(path) as archive:
        offset = archive.getinfo("OWN/OWN_A.txt").header_offset + 30 + len("OWN/OWN_A.txt")
    content = bytearray(path.read_bytes())
    content[offset + 4] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(RequestError, match=r"OWN\.zip: is not a whole zip archive"):
        TuDataset(name="OWN").read(tmp_path)


def test_a_set_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="'tu-dataset' is read from 'tudatasets' in a data folder, and none is"):
        TuDataset(name="OWN").read(None)
    with pytest.raises(RequestError, match="'tu-dataset' is not there"):
        TuDataset(name="OWN").read(tmp_path)
    write_zip(tmp_path / "tudatasets" / "OWN.zip", tu_files(), "OWN")
    (tmp_path / "tudatasets" / "README.md").write_text("no set")
    with pytest.raises(RequestError, match=r"unknown TU data set 'OWNN': did you mean 'OWN'. known: OWN "):
        TuDataset(name="OWNN").read(tmp_path)


@pytest.mark.parametrize("name", ["../OWN", "a/b", "", "OWN.zip"])
def test_a_name_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="should match pattern"):
        TuDataset(name=name)


def test_a_set_is_fetched_into_the_folder_that_the_scenario_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch_geometric.datasets import TUDataset

    write_zip(tmp_path / "publisher" / "OWN.zip", tu_files(), "OWN")
    monkeypatch.setattr(TUDataset, "url", str(tmp_path / "publisher"))
    source = TuDataset(name="OWN", download_dir=str(tmp_path / "own"))
    graphs = source.read(None)
    assert graphs.digest() == read_zip(tmp_path, tu_files()).digest()
    (tmp_path / "publisher" / "OWN.zip").unlink()
    assert source.read(None) is graphs
    with pytest.raises(RequestError, match="the TU data set 'GONE' could not be downloaded into"):
        TuDataset(name="GONE", download_dir=str(tmp_path / "own")).read(None)
    # What the data folder has is not fetched.
    assert TuDataset(name="OWN", download_dir=str(tmp_path / "other")).read(tmp_path).digest() == graphs.digest()
    assert not (tmp_path / "other").exists()


@tu_folder_there
@pytest.mark.parametrize(
    ("name", "classes", "mean_nodes", "mean_edges", "max_degree", "width"),
    [
        ("MUTAG", [63, 125], 17.93, 19.79, 4, 7),
        ("PTC_MR", [192, 152], 14.29, 14.69, 4, 18),
        ("PROTEINS", [663, 450], 39.06, 72.82, 25, 3),
        ("ENZYMES", [100] * 6, 32.63, 62.14, 9, 3),
        ("IMDB-BINARY", [500, 500], 19.77, 96.53, 135, 136),
    ],
)
def test_published_sets_have_the_published_counts(
    data_dir: Path,
    name: str,
    classes: list[int],
    mean_nodes: float,
    mean_edges: float,
    max_degree: int,
    width: int,
) -> None:
    graphs = TuDataset(name=name).read(data_dir)
    assert np.bincount(graphs.labels).tolist() == classes
    assert round(graphs.num_nodes.mean(), 2) == mean_nodes
    assert round(graphs.num_edges.mean() / 2, 2) == mean_edges
    assert graphs.widths == (width,)
    degrees = [np.bincount(graphs.edges_of(graph)[0], minlength=1).max() for graph in range(len(graphs))]
    assert max(degrees) == max_degree
    assert (graphs.features[0].sum(axis=1) == 1).all()
