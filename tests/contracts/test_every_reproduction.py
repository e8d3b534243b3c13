"""What every reproduction promises: it runs, at reduced size, section by section, and says what it left out."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from data_sets import data_folder

from testbed import catalogue
from testbed.errors import RequestError
from testbed.experiments.result import RunResult
from testbed.experiments.store import run_id
from testbed.experiments.sweep import PlannedRun
from testbed.reproductions.outline import Reproduction, Section, Setting

ROOT = Path(__file__).parents[2]
PAPERS: list[tuple[str, Reproduction]] = [
    (name, catalogue.load("reproduction", name)) for name in catalogue.entries("reproduction")
]
SECTIONS = [
    pytest.param(name, section, id=f"{name}-{section.name}") for name, paper in PAPERS for section in paper.sections
]
# Those that plan runs, and not only check formulas.
FORMULAS = ("errors", "closed-forms", "recovery")
PLANNED = [case for case in SECTIONS if case.values[1].name not in FORMULAS]  # type: ignore[union-attr]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "section"), SECTIONS)
def test_a_section_gives_a_whole_table_at_reduced_size(name: str, section: Section) -> None:
    finding = section.carry_out(Setting(quick=True))
    assert finding.title and finding.rows
    assert all(row[0] for row in finding.rows)
    json.dumps(finding.to_json(), allow_nan=False)


class Planned(Exception):
    """Raised with the runs that a section is about to make."""


class Planning(Setting):
    """Makes no run."""

    def run(self, section: str, planned: Sequence[PlannedRun]) -> list[RunResult]:
        raise Planned(planned)


@pytest.mark.parametrize("quick", [True, False])
@pytest.mark.parametrize(("name", "section"), PLANNED)
def test_runs_of_a_section_have_names_and_settings_of_their_own(name: str, section: Section, quick: bool) -> None:
    try:
        finding = section.carry_out(Planning(quick=quick, data_dir=data_folder()))
    except Planned as stopped:
        (planned,) = stopped.args
        ids = {run_id(run.scenario.resolve().document, run.seed) for run in planned}
        assert len({run.name for run in planned}) == len(ids) == len(planned)
    else:
        pytest.skip(finding.left_out[0])


@pytest.mark.parametrize(("name", "section"), [case for case in SECTIONS if case.values[1].needs_data])  # type: ignore[union-attr]
def test_a_section_without_its_data_is_left_out_and_says_so(
    name: str, section: Section, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = section.carry_out(Setting(quick=True, data_dir=tmp_path))
    assert any(data in what for data in section.needs_data for what in finding.left_out)


@pytest.mark.parametrize(("name", "paper"), PAPERS, ids=[name for name, _ in PAPERS])
def test_sections_have_names_of_their_own_and_can_be_asked_for(name: str, paper: Reproduction) -> None:
    names = [section.name for section in paper.sections]
    assert len(set(names)) == len(names)
    assert paper.chosen(None) == paper.sections
    assert [section.name for section in paper.chosen(f"{names[-1]}, {names[0]}")] == [names[0], names[-1]]
    with pytest.raises(RequestError, match=names[0]):
        paper.chosen(names[0] + "x")


@pytest.mark.parametrize(("name", "paper"), PAPERS, ids=[name for name, _ in PAPERS])
def test_a_paper_has_a_page_that_names_every_section(name: str, paper: Reproduction) -> None:
    page = (ROOT / "docs" / "papers" / f"{name}.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## .*`(\w[\w-]*)`", page, re.MULTILINE)
    assert headings == [section.name for section in paper.sections]
    assert f"testbed reproduce {name}" in page
