"""Notebooks run from top to bottom, at reduced size, and are kept without outputs."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = {path.name: path for path in sorted(FOLDER.glob("*.ipynb"))}

# name -> what its parameters become here; a run at these sizes takes seconds.
REDUCED: dict[str, dict[str, Any]] = {
    "01_air_fedga.ipynb": {
        "SEEDS": (0,),
        "HORIZON_S": 120.0,
        "GRID_HORIZON_S": 60.0,
        "POWER_CONTROLS": ("ideal", "full-power"),
        "GROUPINGS": ("single", {"kind": "tier", "num_groups": 2}),
    },
    "02_comparing.ipynb": {
        "SEEDS": (0, 1),
        "GRID_SEEDS": (0,),
        "HORIZON_S": 150.0,
        "POWER_CONTROLS": ("air-fedga", "ideal"),
        "GROUPINGS": ("single", {"kind": "tier", "num_groups": 2}),
    },
    "03_reading_a_timeline.ipynb": {
        "HORIZON_S": 250.0,
        "NUM_ASKED": (40, 39),
        "BANDWIDTHS_HZ": (3.6e3, 36e3),
        "SHOWN_S": 100.0,
    },
    "04_cross_region.ipynb": {
        "STEPS": 48,
        "METHODS": ("diloco", "streaming-diloco"),
        "CAPACITIES": ("1 Gbit/s",),
        "SHOWN_S": 80.0,
    },
    "05_graphs.ipynb": {
        "ROUNDS": 4,
        "METHODS": ("fedgcf", "fedavg", "local-only"),
        "SETTINGS": {"model.width": 8, "run.evaluation_interval_rounds": 2},
        "SHOWN_S": 0.1,
    },
    "06_traffic.ipynb": {"ROUNDS": 6, "METHODS": ("caesar", "fic"), "SPLIT_S": 20.0},
}

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS.values(), ids=NOTEBOOKS)


def parameters(notebook: Any) -> Any:
    """Return the cell of the parameters: the one with the tag by which papermill knows it too."""
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    return cell


def execute(notebook: Any, folder: Path) -> Any:
    """Run every cell in a fresh kernel that starts in `folder`; an error in a cell raises."""
    resources = {"metadata": {"path": str(folder)}}
    return NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()


def test_there_is_a_reduced_size_for_every_notebook_and_for_no_other() -> None:
    assert NOTEBOOKS and set(REDUCED) == set(NOTEBOOKS)


@every_notebook
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code and not [cell.id for cell in code if cell.outputs or cell.execution_count is not None]


@every_notebook
def test_parameters_are_the_first_code_and_the_reduced_ones_are_among_them(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert first is parameters(notebook)
    defined: dict[str, Any] = {}
    exec(first.source, defined)
    assert set(REDUCED[path.name]) <= set(defined)


@pytest.mark.slow
@every_notebook
def test_a_notebook_runs_from_top_to_bottom_and_every_figure_is_drawn(path: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    reduced = "\n".join(f"{name} = {value!r}" for name, value in REDUCED[path.name].items())
    position = notebook.cells.index(parameters(notebook))
    notebook.cells.insert(position + 1, nbformat.v4.new_code_cell(reduced))
    done = execute(notebook, tmp_path)
    plots = [cell for cell in done.cells if cell.cell_type == "code" and "plot_" in cell.source.splitlines()[-1]]
    assert plots
    for cell in plots:
        assert any("image/png" in output.get("data", {}) for output in cell.outputs), cell.id
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_error_in_a_cell_is_not_passed_over(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        execute(notebook, tmp_path)
