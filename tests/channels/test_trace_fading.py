import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from one_cell import World
from pydantic import ValidationError

from channels.trace_fading import TraceFading, read_trace
from testbed.errors import RequestError

COMPLEX = np.array([[1 + 1j, 2 - 0.5j], [0.25j, -3], [0.5, 1e-9]])


def no_stream(block: int) -> np.random.Generator:
    raise AssertionError("a trace draws nothing")


def written(folder: Path, values: Any, name: str = "trace.npz") -> Path:
    path = folder / name
    if path.suffix == ".npz":
        np.savez(path, h=values)
    else:
        rows = [",".join(str(value).strip("()") for value in row) for row in values.tolist()]
        path.write_text("# measured\n\n" + "\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize("name", ["trace.npz", "trace.csv"])
@pytest.mark.parametrize("values", [COMPLEX, np.abs(COMPLEX)], ids=["complex", "amplitudes"])
def test_row_k_is_block_k_and_column_i_is_link_i(tmp_path: Path, name: str, values: np.ndarray) -> None:
    path = written(tmp_path, values, name)
    law = TraceFading(path=str(path))
    for block in range(3):
        np.testing.assert_array_equal(law.coefficients(block, 2, no_stream), values[block].astype(np.complex128))
    np.testing.assert_array_equal(law.coefficients(1, 1, no_stream), values[1, :1])
    assert law.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_only_array_of_a_file_needs_no_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", gains=COMPLEX)
    np.testing.assert_array_equal(read_trace(tmp_path / "a.npz"), COMPLEX)
    np.savez(tmp_path / "b.npz", time=[1.0], h=COMPLEX)
    np.testing.assert_array_equal(read_trace(tmp_path / "b.npz"), COMPLEX)


def test_a_resolved_trace_says_what_was_read_and_another_file_under_that_name_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, COMPLEX)
    table = TraceFading(path=str(path)).model_dump(mode="json")
    assert TraceFading.from_table("trace", {**table, "kind": "trace"}).sha256 == table["sha256"]
    written(tmp_path, 2 * COMPLEX)
    with pytest.raises(ValidationError, match=r"the file's sha256 is \w{64}, not"):
        TraceFading.from_table("trace", table)
    changed = TraceFading(path=str(path))
    np.testing.assert_array_equal(changed.coefficients(0, 2, no_stream), 2 * COMPLEX[0])


def test_a_trace_shorter_than_the_run_is_refused_at_set_up_with_both_lengths_unless_it_wraps(tmp_path: Path) -> None:
    path = written(tmp_path, np.ones((10, 6)))
    # Blocks last 0.3 s: ten of them are 3 s.
    World(fading=TraceFading(path=str(path)), horizon_s=3.0)
    for horizon_s, needs in ((3.1, "needs 11"), (np.inf, "has no end")):
        with pytest.raises(RequestError, match=f"10 coherence blocks, the run {needs}"):
            World(fading=TraceFading(path=str(path)), horizon_s=horizon_s)
        World(fading=TraceFading(path=str(path), on_end="wrap"), horizon_s=horizon_s)


def test_a_trace_that_wraps_starts_again(tmp_path: Path) -> None:
    law = TraceFading(path=str(written(tmp_path, COMPLEX)), on_end="wrap")
    np.testing.assert_array_equal(law.coefficients(10**6, 2, no_stream), COMPLEX[10**6 % 3])


@pytest.mark.parametrize(
    ("shape", "changes", "message"),
    [
        ((20, 5), {}, "has 5 links, the run has 6"),
        ((20, 6), {"num_antennas": 2, "combining": "mrc"}, "one antenna a link, the uplink has 2"),
    ],
)
def test_a_trace_without_all_links_or_antennas_is_refused(
    tmp_path: Path, shape: tuple[int, int], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        World(fading=TraceFading(path=str(written(tmp_path, np.ones(shape)))), horizon_s=3.0, **changes)


@pytest.mark.parametrize(
    ("values", "name", "message"),
    [
        (np.ones((2, 2, 2)), "a.npz", "got the shape"),
        (np.ones((0, 3)), "a.npz", "got the shape"),
        (np.array([[1.0, 0.0]]), "a.npz", "other than zero"),
        (np.array([[1.0, np.nan]]), "a.npz", "finite"),
        (np.array([[1.0, -1.0]]), "a.csv", "negative"),
        (np.array([["x", "y"]]), "a.csv", "cannot be read"),
        (np.array([["x", "y"]]), "a.npz", "holds numbers"),
        (np.zeros((0, 0)), "a.csv", "got the shape"),
        (np.ones((1, 1)), "a.txt", "a .npz or a .csv"),
    ],
)
def test_what_is_not_a_trace_is_refused(tmp_path: Path, values: np.ndarray, name: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        read_trace(written(tmp_path, values, name))
    with pytest.raises(ValidationError, match=message):
        TraceFading(path=str(tmp_path / name))


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValidationError, match="No such file"):
        TraceFading(path="nowhere.npz")
