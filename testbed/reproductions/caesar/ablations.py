"""Which part of Caesar earns what: each replaced, against the whole, paired over seeds."""

from typing import Final

from testbed.experiments.finding import Finding
from testbed.reproductions.caesar.alternatives import Changes, caesar, run_all
from testbed.reproductions.caesar.costs import columns_of, rows_of
from testbed.reproductions.outline import Section, Setting

__all__ = ["SECTION"]

_TARGET: Final = 0.9
_WHOLE: Final = "as it is"
_ALTERNATIVES: Final[dict[str, Changes]] = {
    _WHOLE: caesar(),
    "no staleness: the round's mean for all": caesar(download="mean"),
    "no recovery: signs times a mean": caesar(side_info="none"),
    "the copy is what was received": caesar(side_info="received-model"),
    "no importance: the mean for all": caesar(upload="mean"),
    "no batch optimisation": caesar(batches="equal"),
    "error feedback": caesar(error_feedback=True),
    "staleness over 20 rounds": caesar(staleness_window=20),
    "8 levels down": caesar(num_levels=8),
    "largest over all tensors": caesar(per="vector"),
}


def find(setting: Setting) -> Finding:
    """Return costs and accuracy with each part replaced, beside those of the whole."""
    by_label = run_all("ablations", setting, _ALTERNATIVES)
    return Finding(
        title=f"Caesar with one part replaced: costs to {_TARGET:.0%}, last accuracy; {len(by_label[_WHOLE])} seeds",
        columns=columns_of("Caesar", "as it is", "as it is"),
        rows=rows_of(by_label, _WHOLE, _WHOLE, _TARGET),
        notes=(
            "Means over seeds with 95 % intervals; differences are paired. The model error is the mean relative "
            "squared error of what clients recovered.",
        ),
    )


SECTION: Final = Section("ablations", "Which part of Caesar earns what?", 6.0, find)
