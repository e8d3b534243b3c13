"""All methods: traffic and time to one accuracy, and final accuracy against full precision, paired over seeds."""

from collections.abc import Mapping
from typing import Final

from testbed.experiments.finding import Finding
from testbed.experiments.result import RunResult
from testbed.reproductions.caesar.alternatives import Changes, caesar, run_all
from testbed.reproductions.caesar.costs import columns_of, rows_of
from testbed.reproductions.caesar.spending import less_percent, megabytes_to
from testbed.reproductions.outline import Section, Setting

__all__ = ["EQUAL", "FULL", "METHODS", "NOTE", "OWN", "SECTION", "fic", "note_on_equal_batches"]

OWN: Final = "caesar"
EQUAL: Final = "caesar, equal batches"
FULL: Final = "full precision"
NOTE: Final = (
    "MB (up and down) and s until the smoothed accuracy is there: means over seeds with 95 % intervals, as accuracies. "
    "Differences are paired over seeds; all runs meet the same data, devices and rates."
)
_TARGET: Final = 0.9


def fic(down: float, up: float) -> Changes:
    """Return the changes that compress everybody alike."""
    return {
        "algorithm.kind": "fic",
        "algorithm.fic.download_fraction": down,
        "algorithm.fic.upload_fraction": up,
    }


METHODS: Final[dict[str, Changes]] = {
    OWN: caesar(),
    EQUAL: caesar(batches="equal"),
    FULL: fic(0.0, 0.0),
    "fic 0.35": fic(0.35, 0.35),
    "fic 0.6": fic(0.6, 0.6),
    "gm-fic 0.6 (down only)": fic(0.6, 0.0),
    "lg-fic 0.6 (up only)": fic(0.0, 0.6),
    "cac": {"algorithm.kind": "cac"},
    "flexcom": {"algorithm.kind": "flexcom"},
    "prowd": {"algorithm.kind": "prowd"},
    "pyramidfl": {"algorithm.kind": "pyramidfl"},
    "fedavg (weighted)": {"algorithm.kind": "fedavg"},
}


def note_on_equal_batches(by_method: Mapping[str, list[RunResult]], own: str, target: float) -> str:
    """Return how much less `own`, Caesar without batches to finish together, sends than each method without them."""
    mine = [megabytes_to(run, target) for run in by_method[own]]
    others = {label: runs for label, runs in by_method.items() if not label.startswith("caesar")}
    less = (
        f"{label} {less_percent(mine, [megabytes_to(run, target) for run in runs])}"
        for label, runs in others.items()
        if not any(run.failed for run in (*runs, *by_method[own]))
    )
    return f"{own}, sends less than: " + ", ".join(less) + "."


def find(setting: Setting) -> Finding:
    """Return what each method had sent and how long it had taken at 90 %, and what it came to."""
    by_method = run_all("methods", setting, METHODS)
    return Finding(
        title=f"Traffic and time to {_TARGET:.0%}, and accuracy after the last round; {len(by_method[OWN])} seeds",
        columns=columns_of("method", "Caesar", FULL),
        rows=rows_of(by_method, OWN, FULL, _TARGET),
        notes=(
            NOTE,
            note_on_equal_batches(by_method, EQUAL, _TARGET),
            "The paper: 25.54 to 37.88 % less traffic than compression-based baselines at equal accuracy, and 0.68 % "
            "less accuracy than with full precision, on other data and devices.",
        ),
        left_out=("The paper's platforms, data sets and networks: 80 Jetson kits and 40 phones.",),
    )


SECTION: Final = Section("methods", "How much less traffic, and at what loss of accuracy?", 1.5, find)
