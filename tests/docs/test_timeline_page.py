"""The example of the page on timelines is what the command prints today."""

import re
from pathlib import Path

import pytest
from rich.console import Console

from testbed.experiments.blame import blame
from testbed.experiments.scenario import Scenario
from testbed.views.blame import blame_tables

PAGE = Path(__file__).resolve().parents[2] / "docs/how-to/read-a-timeline.md"


@pytest.mark.parametrize("position, algorithm", [(0, "air-fedga"), (1, "fedavg")])
def test_the_tables_on_the_page_are_those_of_the_shipped_scenario(position: int, algorithm: str) -> None:
    examples = re.findall(r"^```text\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    console = Console(width=80, color_system=None)
    # No method of the example decides by trained values: without training the rows of time are the same.
    scenario = Scenario.load("air-fedga").set("algorithm.kind", algorithm).set("run.kernel", "none")
    with console.capture() as capture:
        console.print(blame_tables(blame(scenario.run(seed=0))))
    assert examples[position].split() == capture.get().split()
