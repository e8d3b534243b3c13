"""The package of docs/how-to/add-a-power-control.md, as it stands on the page: installed, used and broken."""

import importlib
import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testbed import catalogue
from testbed.cli import main
from testbed.experiments.store import load_run

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/how-to/add-a-power-control.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)

PROJECT = next(text for language, text in BLOCKS if language == "toml")
RULE = next(text for language, text in BLOCKS if language == "python")
COMMANDS = [line for language, text in BLOCKS if language == "bash" for line in text.splitlines()]
REFUSALS = [" ".join(text.split()) for language, text in BLOCKS if language == "text"]

PACKAGE = tomllib.loads(PROJECT)["project"]["name"]
((NAME, TARGET),) = tomllib.loads(PROJECT)["project"]["entry-points"]["airwan.power_control"].items()
MODULE = TARGET.partition(":")[0]

BUDGET_J = 10.0  # of the scenario that the page runs
BUDGET_FRACTION = 0.5  # the default of the rule on the page

Command = Callable[..., tuple[int, str, str]]


# -- installed ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment that sees the packages of this one, with the package of the page installed in it."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    interpreter = folder / "bin" / "python"
    # A virtual environment made inside another sees the base's packages at most; a path file shows it this one's.
    own = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})["purelib"]
    Path(own, "parent.pth").write_text(f"{ROOT}\n{sysconfig.get_paths()['purelib']}\n")
    source = tmp_path_factory.mktemp("source") / PACKAGE
    source.mkdir()
    (source / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (source / f"{MODULE}.py").write_text(RULE, encoding="utf-8")
    offline = ["--no-index", "--no-build-isolation", "--no-deps", "--quiet", "--disable-pip-version-check"]
    subprocess.run([interpreter, "-m", "pip", "install", *offline, source], check=True)
    return interpreter


@pytest.mark.slow
def test_the_package_of_the_page_is_listed_as_its_own_and_used_by_the_commands_of_the_page(
    python: Path, tmp_path: Path
) -> None:
    outputs = {}
    for line in COMMANDS:
        program, *words = line.split()
        if program == "testbed":
            answer = subprocess.run(
                [python, "-m", "testbed.cli", *words],
                cwd=tmp_path,
                env={**os.environ, "COLUMNS": "200"},
                check=True,
                capture_output=True,
                text=True,
            )
            outputs[line] = answer.stdout
    listed = next(line for line in outputs["testbed list power-control"].splitlines() if NAME in line)
    assert f"(our choice) [{PACKAGE}]" in listed
    assert "budget_fraction" in outputs[f"testbed list power-control {NAME}"]
    (saved,) = tmp_path.glob("runs/*")
    run = load_run(saved)
    assert run.setting("algorithm.power_control.kind") == NAME
    assert run.setting("channel.uplink.energy_budget_j") == BUDGET_J
    air, transfers = run.frame("aggregation"), run.frame("transfer")
    # Unbiased, where the scenario's own rule shrinks; and whoever sets the amplitude spends its fraction.
    assert len(air) > 0
    assert air.alignment.to_numpy() == pytest.approx(1.0)
    loudest_j = transfers[transfers.energy_tx_j > 0].groupby("start_s").energy_tx_j.max()
    assert loudest_j.to_numpy() == pytest.approx(BUDGET_FRACTION * BUDGET_J)


# -- broken ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Put the package of the page on the path, with something replaced in its module or its entry point."""

    def install(old: str, new: str) -> None:
        info = tmp_path / f"{MODULE}-0.1.0.dist-info"
        info.mkdir()
        point = f"{NAME} = {TARGET}"
        assert old in RULE + point
        point = point.replace(old, new)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 0.1.0\n")
        (info / "entry_points.txt").write_text(f"[airwan.power_control]\n{point}\n")
        (tmp_path / f"{MODULE}.py").write_text(RULE.replace(old, new), encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, MODULE, raising=False)
        importlib.invalidate_caches()
        catalogue._plugged_entries.cache_clear()

    yield install
    sys.modules.pop(MODULE, None)
    catalogue._plugged_entries.cache_clear()


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command line; return its exit code, its output and its message."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["testbed", *arguments])
        with pytest.raises(SystemExit) as ended:  # anything else would be a traceback
            main()
        output = capsys.readouterr()
        return int(str(ended.value.code)), output.out, " ".join(output.err.split())

    return run


BREAKS = {
    "an import that fails": ("from dataclasses import replace", "import scipi", NAME),
    "an object that is not there": (":GentleInversion", ":Gentle", NAME),
    "no part": ("GentleInversion(Part)", "GentleInversion", NAME),
    "a member that is missing": ("    signal_model", "    signals", NAME),
    "a method that takes other arguments": ("self, channel, statistics, weights", "self, channel, weights", NAME),
    "a name that is shipped": (f"{NAME} =", "ideal =", "ideal"),
}
CASES = [(number, *change) for number, change in enumerate(BREAKS.values())]
every_break = pytest.mark.parametrize(("number", "old", "new", "name"), CASES, ids=BREAKS)


@every_break
def test_a_broken_part_is_refused_with_the_message_of_the_page(
    installed: Callable[..., None], command: Command, number: int, old: str, new: str, name: str
) -> None:
    installed(old, new)
    code, _, message = command("validate", "air-fedga", "--set", f"algorithm.power_control={name}")
    assert code == 2
    assert message.endswith(REFUSALS[number])


@every_break
def test_a_broken_part_is_listed_as_broken_and_the_others_as_ever(
    installed: Callable[..., None], command: Command, number: int, old: str, new: str, name: str
) -> None:
    before = json.loads(command("list", "power-control", "--json")[1])["power-control"]
    installed(old, new)
    code, output, _ = command("list", "power-control", "--json")
    lines = {line["name"]: line for line in json.loads(output)["power-control"]}
    assert code == 0
    assert REFUSALS[number].endswith(lines.pop(name)["problem"])
    assert list(lines.values()) == [line for line in before if line["name"] != name]
    assert "broken: " in command("list", "power-control")[1]
    assert command("validate", "air-fedga")[0] == 0


def test_every_refusal_on_the_page_is_tested() -> None:
    assert len(REFUSALS) == len(BREAKS)
