"""Which part of Caesar earns what: each replaced, against the whole, paired over seeds; then compressed far."""

from collections.abc import Mapping
from typing import Final

from testbed.experiments.finding import Finding
from testbed.experiments.result import RunResult
from testbed.reproductions.caesar.alternatives import Changes, caesar, run_all
from testbed.reproductions.caesar.costs import columns_of, rows_of
from testbed.reproductions.caesar.harder import FURTHER, HARDER, target_of
from testbed.reproductions.caesar.methods import FULL, METHODS
from testbed.reproductions.outline import Section, Setting

__all__ = ["HARDER_SECTION", "SECTION"]

_TARGET: Final = 0.9
_WHOLE: Final = "as it is"
_PARTS: Final[dict[str, Changes]] = {
    _WHOLE: caesar(),
    "no staleness: the round's mean for all": caesar(download="mean"),
    "no recovery: signs times a mean": caesar(side_info="none"),
    "the copy is what was received": caesar(side_info="received-model"),
    "no importance: the mean for all": caesar(upload="mean"),
    "no batch optimisation": caesar(batches="equal"),
    "error feedback": caesar(error_feedback=True),
    "staleness over 20 rounds": caesar(staleness_window=20),
}
_FINER: Final[dict[str, Changes]] = {
    "8 levels down": caesar(num_levels=8),
    "largest over all tensors": caesar(per="vector"),
}


def find(setting: Setting) -> Finding:
    """Return costs and accuracy with each part replaced, beside those of the whole."""
    return _finding("digits", run_all("ablations", setting, {**_PARTS, **_FINER}), _TARGET)


def find_harder(setting: Setting) -> Finding:
    """Return the same where 0.9 is the largest fraction both ways; the target is that of `harder`."""
    alternatives = {FULL: METHODS[FULL]} | {label: {**changes, **FURTHER} for label, changes in _PARTS.items()}
    by_label = run_all("ablations-harder", setting, alternatives, HARDER)
    return _finding("Fashion-MNIST, fractions to 0.9", by_label, target_of(by_label[FULL]))


def _finding(where: str, by_label: Mapping[str, list[RunResult]], target: float) -> Finding:
    return Finding(
        title=f"{where}: Caesar with one part replaced; to {target:.1%}, last accuracy; {len(by_label[_WHOLE])} seeds",
        columns=columns_of("Caesar", "as it is", "as it is"),
        rows=rows_of(by_label, _WHOLE, _WHOLE, target),
        notes=(
            "Means over seeds with 95 % intervals; differences are paired. The model error is the mean relative "
            "squared error of what clients recovered.",
        ),
    )


SECTION: Final = Section("ablations", "Which part of Caesar earns what?", 1.5, find)
HARDER_SECTION: Final = Section(
    "ablations-harder", "And where compression costs accuracy?", 1.5, find_harder, needs_data=("fashion-mnist",)
)
