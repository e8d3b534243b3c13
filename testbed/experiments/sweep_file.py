"""A sweep that can be resumed: what was asked for, beside the runs that are done.

`compare --out DIR` writes `DIR/sweep.json` before its first run and each run as it ends. A sweep that was killed is
planned again from that file; runs that are there are read, the others are made. A run's bytes depend on its settings,
its seed and the versions of what computes it, so a sweep is only resumed by the versions that began it.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from testbed.errors import RequestError
from testbed.experiments.overrides import Override, override_text
from testbed.experiments.result import RunResult
from testbed.experiments.run import versions
from testbed.experiments.scenario import Scenario
from testbed.experiments.store import is_run, load_run, run_id
from testbed.experiments.sweep import PlannedRun, Variation, plan_sweep
from testbed.experiments.target import Rule, check_rule, parse_target

__all__ = ["Sweep", "finished_runs", "reusable_runs"]

_FILE: Final = "sweep.json"
_FORMAT: Final = 1


@dataclass(frozen=True)
class Sweep:
    """What a sweep was asked for.

    Parameters
    ----------
    source : what the scenario was called on the command line.
    document : its tables.
    overrides : the settings of all its runs, in order.
    variations : what is varied.
    seeds : the root seeds.
    target, rule : when a run counts as having arrived; `none` for no target.
    """

    source: str
    document: Mapping[str, Any]
    overrides: tuple[Override, ...]
    variations: tuple[Variation, ...]
    seeds: tuple[int, ...]
    target: str
    rule: Rule

    @property
    def command(self) -> list[str]:
        """The words by which `testbed run` runs the scenario with the settings that all runs share."""
        settings = (word for override in self.overrides for word in ("--set", override_text(override)))
        return ["testbed", "run", self.source, *settings]

    def plan(self) -> list[PlannedRun]:
        """Return its runs, checked; see `plan_sweep`."""
        return plan_sweep(Scenario(self.document, self.overrides), self.variations, self.seeds)

    def save(self, root: Path) -> None:
        """Write `root/sweep.json`, whole or not at all.

        Raises
        ------
        RequestError : it cannot be written.
        """
        content = {"format": _FORMAT, "versions": versions(), "sweep": asdict(self)}
        partial = root / f".{_FILE}.partial-{os.getpid()}"
        try:
            root.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")
            partial.replace(root / _FILE)
        except OSError as error:
            raise RequestError(f"cannot write the sweep directory {root}: {error.strerror or error}") from None

    @classmethod
    def load(cls, root: Path) -> "Sweep":
        """Return the sweep of a directory.

        Raises
        ------
        RequestError : no sweep is there, it is damaged, or other versions began it; the message says which.
        """
        if not (root / _FILE).is_file():
            raise RequestError(f"{root} {_what_it_is(root)}")
        try:
            content = json.loads((root / _FILE).read_text(encoding="utf-8"))
            form, began = content["format"], content["versions"]
            fields = content["sweep"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RequestError(f"{root / _FILE} is damaged: {error!r}") from None
        if form != _FORMAT:
            raise RequestError(f"{root} was written in format {form}; this version resumes format {_FORMAT}")
        ours = versions()
        differing = [f"{name} {began.get(name)} (here {ours[name]})" for name in ours if began.get(name) != ours[name]]
        if differing:
            raise RequestError(
                f"{root} was begun by other versions: {', '.join(differing)}; runs of both would not be comparable. "
                "Resume it with those, or run the comparison anew"
            )
        try:
            return cls(
                source=str(fields["source"]),
                document=dict(fields["document"]),
                overrides=tuple((str(key), value) for key, value in fields["overrides"]),
                variations=tuple(Variation(v["key"], tuple(v["values"])) for v in fields["variations"]),
                seeds=tuple(int(seed) for seed in fields["seeds"]),
                target=_checked_target(fields["target"]),
                rule=check_rule(fields["rule"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise RequestError(f"{root / _FILE} is damaged: {error!r}") from None


def _checked_target(text: str) -> str:
    parse_target(text)
    return text


def _what_it_is(root: Path) -> str:
    if not root.is_dir():
        return "is a file, and a sweep is a directory" if root.exists() else "does not exist"
    if is_run(root):
        return "is one finished run: there is nothing to resume (a sweep is what compare --out makes)"
    names = sorted(entry.name for entry in root.iterdir())
    found = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "") if names else "nothing"
    return f"is not a sweep: it holds {found}, and no {_FILE}"


def finished_runs(planned: Sequence[PlannedRun], root: Path) -> dict[str, RunResult]:
    """Return those runs of a plan that are in `root` already, by name; damaged ones are not among them.

    Raises
    ------
    RequestError : a run of that name has other settings than the plan.
    """
    found = {}
    for run, result in _saved(planned, root):
        if not _has_settings_of(run, result):
            raise RequestError(f"{result.path} is a run of other settings than the sweep asks for; move it away first")
        found[run.name] = result
    return found


def reusable_runs(planned: Sequence[PlannedRun], root: Path) -> dict[str, RunResult]:
    """Return those runs of a plan that are in `root` already and would come out the same if made again, by name.

    They have the plan's settings and seed, were made by today's versions, and did not fail.
    """
    ours = versions()
    return {
        run.name: result
        for run, result in _saved(planned, root)
        if _has_settings_of(run, result) and result.meta.get("versions") == ours and not result.failed
    }


def _saved(planned: Sequence[PlannedRun], root: Path) -> Iterator[tuple[PlannedRun, RunResult]]:
    """Yield the runs that are in `root` by their names, whatever their settings; not the damaged ones."""
    for run in planned:
        directory = root / run.name
        if is_run(directory):
            with suppress(RequestError):  # damaged: it is made again
                yield run, load_run(directory)


def _has_settings_of(run: PlannedRun, result: RunResult) -> bool:
    return result.run_id == run_id(run.scenario.resolve().document, run.seed)
