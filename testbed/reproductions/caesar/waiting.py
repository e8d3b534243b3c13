"""What batches to finish together do to waiting at the barrier, and to rounds."""

from typing import Final

import numpy as np

from testbed.experiments.finding import Cell, Finding
from testbed.experiments.result import RunResult
from testbed.reproductions.caesar.alternatives import Changes, caesar, run_all
from testbed.reproductions.caesar.spending import final_percent, less_percent, with_interval
from testbed.reproductions.outline import Section, Setting

__all__ = ["SECTION", "waiting_s"]

_EQUAL: Final = "equal batches"
_LINKS_ALIKE: Final[Changes] = {
    "channel.uplink.own_links": {"low_bit_per_s": 5.5e5, "high_bit_per_s": 5.5e5},
    "channel.downlink": {"kind": "own-links", "low_bit_per_s": 1.1e6, "high_bit_per_s": 1.1e6},
}
_ALTERNATIVES: Final[dict[str, Changes]] = {
    _EQUAL: caesar(batches="equal"),
    "batches to finish together": caesar(),
    "equal batches, links alike": {**caesar(batches="equal"), **_LINKS_ALIKE},
    "together, links alike": {**caesar(), **_LINKS_ALIKE},
}


def waiting_s(run: RunResult) -> tuple[float, float]:
    """Return a participant's mean waiting between its upload and the end of its round, and the mean round [s]."""
    ends_s = run.column("version", "time_s")
    uploads_s = run.column("transfer", "end_s")[run.column("transfer", "target") == "server"]
    which = np.searchsorted(ends_s, uploads_s * (1 - 1e-12))
    done = which < len(ends_s)
    return float(np.mean(ends_s[which[done]] - uploads_s[done])), float(np.mean(np.diff(ends_s, prepend=0.0)))


def find(setting: Setting) -> Finding:
    """Return waiting and rounds with each choice of batches."""
    by_label = run_all("waiting", setting, _ALTERNATIVES)
    rows: list[tuple[Cell, ...]] = []
    labels = list(by_label)
    for at, (label, runs) in enumerate(by_label.items()):
        waits, rounds = zip(*(waiting_s(run) for run in runs), strict=True)
        before = [waiting_s(run)[0] for run in by_label[labels[at - at % 2]]]
        idle = 100.0 * np.divide(waits, rounds)
        less = less_percent(waits, before) if at % 2 else ""
        finals = with_interval([final_percent(run) for run in runs], 1)
        rows.append((label, with_interval(waits, 2), with_interval(rounds, 2), with_interval(idle, 0), less, finals))
    return Finding(
        title=f"Waiting of a participant at the end of a round; {len(by_label[_EQUAL])} seeds",
        columns=("batches", "waiting [s]", "round [s]", "idle [%]", "less waiting", "accuracy [%]"),
        rows=tuple(rows),
        notes=(
            "Means over seeds with 95 % intervals. Idle is waiting over the round.",
            "A batch changes only the time of computing: who needs longer for its transfers alone than the fastest "
            "needs for everything stays the last, whatever its batch.",
        ),
    )


SECTION: Final = Section("waiting", "How much waiting do batches to finish together save?", 0.5, find)
