import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tu_files import plain_text, tu_files

from graphs.datasets.plain_text import parse_plain_text
from graphs.datasets.tu_archive import parse_tu_files
from testbed.errors import RequestError

FEW = settings(max_examples=25, deadline=None)


@st.composite
def a_graph(draw: st.DrawFn) -> tuple[int, list[int], list[tuple[int, int]]]:
    tags = draw(st.lists(st.integers(-2, 4), min_size=1, max_size=6))
    pairs = [(one, other) for one in range(len(tags)) for other in range(one)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    return draw(st.integers(-1, 3)), tags, edges


@FEW
@given(graphs=st.lists(a_graph(), min_size=2, max_size=6))
def test_a_common_list_gives_equal_graphs_in_either_format(
    graphs: list[tuple[int, list[int], list[tuple[int, int]]]],
) -> None:
    graphs = [(0, [0, 9], [(0, 1)]), *graphs]  # an edge and two tags, at least
    text = parse_plain_text(plain_text(graphs), "text").graph_set("both", {})
    files = {part: content.encode() for part, content in tu_files(graphs).items()}
    archive = parse_tu_files(files, "both", "archive", node_attributes=False).graph_set("both", {})
    assert text.digest() == archive.digest()
    assert len(text) == len(graphs)
    assert text.num_edges.tolist() == [2 * len(edges) for _, _, edges in graphs]


def test_labels_are_numbered_in_their_order() -> None:
    raw = parse_plain_text("3\n1 2\n0 0\n1 0\n1 0\n1 7\n0 0\n", "x")
    assert raw.labels.tolist() == [2, 0, 7]
    assert raw.graph_set("x", {}).labels.tolist() == [1, 0, 2]


def test_empty_lines_do_not_count() -> None:
    text = plain_text()
    spaced = parse_plain_text("\n" + text.replace("\n", "\n\n"), "x")
    np.testing.assert_array_equal(spaced.edges, parse_plain_text(text, "x").edges)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "x, line 1: expected the number of graphs, found the end of the file"),
        ("2\n1 0\n0 0\n", "x, line 4: expected nodes and label of a graph, found the end of the file"),
        ("1\n2 0\n0 0\n", "line 4: expected a tag, a degree and so many neighbours, found the end of the file"),
        ("1\n2 0\n0 1 1\n0 2 0\n", "line 4: expected a tag, a degree and so many neighbours, found 0 2 0"),
        ("1\n2 0\n0 1 2\n0 1 0\n", "line 3: expected neighbours from 0 to 1, found 0 1 2"),
        ("1\n1 0\n0 0\n1 0\n", "line 4: expected the end after 1 graphs, found 1 0"),
        ("1\n1 0 0\n0 0\n", "line 2: expected nodes and label of a graph, found 1 0 0"),
        ("1\n1 0\n0 zero\n", "line 3: '0 zero' is not a row of integers"),
        ("-1\n", "line 1: expected the number of graphs, found -1"),
    ],
)
def test_a_line_that_is_not_as_it_should_be_is_refused_by_its_number(text: str, reason: str) -> None:
    with pytest.raises(RequestError, match=reason):
        parse_plain_text(text, "x")


def test_an_edge_that_only_one_end_lists_is_refused() -> None:
    with pytest.raises(RequestError, match="has none back"):
        parse_plain_text("1\n2 0\n0 1 1\n1 0\n", "x").graph_set("x", {})


def test_no_graph_is_refused() -> None:
    with pytest.raises(RequestError, match="there is no graph"):
        parse_plain_text("0\n", "x").graph_set("x", {})
