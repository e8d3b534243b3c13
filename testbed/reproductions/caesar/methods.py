"""All methods: traffic and time to one accuracy, and final accuracy against full precision, paired over seeds."""

from typing import Final

from testbed.experiments.finding import Finding
from testbed.reproductions.caesar.alternatives import Changes, caesar, run_all
from testbed.reproductions.caesar.costs import columns_of, rows_of
from testbed.reproductions.outline import Section, Setting

__all__ = ["FULL", "METHODS", "NOTE", "OWN", "SECTION", "fic"]

OWN: Final = "caesar"
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
    "caesar, equal batches": caesar(batches="equal"),
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


def find(setting: Setting) -> Finding:
    """Return what each method had sent and how long it had taken at 90 %, and what it came to."""
    by_method = run_all("methods", setting, METHODS)
    return Finding(
        title=f"Traffic and time to {_TARGET:.0%}, and accuracy after the last round; {len(by_method[OWN])} seeds",
        columns=columns_of("method", "Caesar", FULL),
        rows=rows_of(by_method, OWN, FULL, _TARGET),
        notes=(
            NOTE,
            "The paper: 25.54 to 37.88 % less traffic than compression-based baselines at equal accuracy, and 0.68 % "
            "less accuracy than with full precision, on other data and devices.",
        ),
        left_out=("The paper's platforms, data sets and networks: 80 Jetson kits and 40 phones.",),
    )


SECTION: Final = Section("methods", "How much less traffic, and at what loss of accuracy?", 6.0, find)
