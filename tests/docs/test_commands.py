"""The commands of a page run, in order and in one folder, as a reader would type them: here at reduced size."""

from pathlib import Path

import pytest
from documents import DOCS, commands, save_files
from typer.testing import CliRunner

from testbed.cli import app

REDUCED = ["--set", "devices.count=8", "--set", "run.horizon_s=450", "--set", "run.evaluation_interval_s=25"]
NAMING_FILES = ("--out", "--png", "--html", "--heatmap", "--perfetto")

# Whose commands need nothing but the page: no data folder, no package, no figures of a whole run.
PAGES = ("tutorial", "how-to/read-a-timeline", "how-to/share-a-report", "how-to/use-a-device-trace")
TRACKING = "how-to/watch-in-tensorboard"


def carry_out(page: Path) -> list[list[str]]:
    """Run every command of a page in the current folder; a failure, or a file that is not there after it, raises."""
    save_files(page)
    done = []
    for verb, *words in commands(page):
        reduced = REDUCED if verb in ("run", "compare") else []
        answer = CliRunner().invoke(app, [verb, *reduced, *words], catch_exceptions=False)
        assert answer.exit_code == 0, (verb, words, answer.output)
        files = [words[at + 1] for at, word in enumerate(words) if word in NAMING_FILES]
        assert all(Path(file).exists() for file in files), (verb, words)
        done.append([verb, *words])
    return done


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_the_commands_of_a_page_run_one_after_another(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert carry_out(DOCS / f"{name}.md")


@pytest.mark.slow
def test_the_commands_that_track_run_and_their_event_files_are_where_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard", reason="the package tensorboard is not installed")
    monkeypatch.chdir(tmp_path)
    carry_out(DOCS / f"{TRACKING}.md")
    assert list(Path("runs/tensorboard/one").glob("*tfevents*"))
    assert len(list(Path("runs/methods/tensorboard").glob("*/*tfevents*"))) == 4
