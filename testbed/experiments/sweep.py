"""Sweeps: every combination of some settings under every seed, on the same luck."""

import itertools
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from testbed.errors import RequestError
from testbed.experiments.labels import setting_name, value_labels
from testbed.experiments.overrides import Override, override_text, parse_value
from testbed.experiments.pool import Crash, Outcome, Task, compute, compute_side_by_side
from testbed.experiments.refusals import Words, refusal
from testbed.experiments.result import RunResult
from testbed.experiments.run import Observer
from testbed.experiments.scenario import Scenario
from testbed.experiments.store import check_writable, run_id, save_run

__all__ = ["PlannedRun", "Variation", "parse_seeds", "parse_variation", "plan_sweep", "prefixed", "run_sweep"]


_MOST_SEEDS: Final = 10_000


@dataclass(frozen=True)
class Variation:
    """One setting and its alternatives, in the order in which they were given."""

    key: str
    values: tuple[object, ...]

    @property
    def labels(self) -> list[str]:
        """What the alternatives are called, one by one."""
        return value_labels(self.values)


@dataclass(frozen=True)
class PlannedRun:
    """One run of a sweep: a name fit for a directory, the scenario with its settings, the seed, what was varied."""

    name: str
    scenario: Scenario
    seed: int
    varied: tuple[Override, ...] = ()
    words: Words = ()  # the same for a person

    @property
    def options(self) -> list[str]:
        """What `testbed run` is told, beside what the whole sweep was told, to run this one alone."""
        settings = [word for override in self.varied for word in ("--set", override_text(override))]
        return [*settings, "--seed", str(self.seed)]


def parse_variation(text: str) -> Variation:
    """Return the variation of `key=a,b,c`; commas inside brackets or quotes do not separate.

    Raises
    ------
    RequestError : no '=' or no alternative.

    >>> parse_variation("devices.count=10,20").values
    (10, 20)
    """
    key, separator, alternatives = text.partition("=")
    values = tuple(parse_value(value.strip()) for value in _split(alternatives) if value.strip())
    if not separator or not key.strip() or not values:
        raise RequestError(f"{text!r} is not a variation: write table.key=a,b,c")
    return Variation(key.strip(), values)


def _split(text: str) -> list[str]:
    """Return the pieces between commas outside brackets and quotes; a quote opens only where a value does."""
    pieces, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'" and not pieces[-1].strip(" [{,="):
            quote = letter
        else:
            depth = max(0, depth + (letter in "[{") - (letter in "]}"))
        if letter == "," and depth == 0 and not quote:
            pieces.append("")
        else:
            pieces[-1] += letter
    return pieces


def parse_seeds(text: str) -> tuple[int, ...]:
    """Return the seeds of `0-4`, `0,2,5` or a mixture, each once, in order.

    Raises
    ------
    RequestError : not numbers, a negative one, an empty range, or a seed twice.

    >>> parse_seeds("0-2,7")
    (0, 1, 2, 7)
    """
    seeds: list[int] = []
    for piece in text.split(","):
        first, dash, last = piece.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise RequestError(f"seeds = {text!r}: write seeds of at least 0 like 0-4 or 0,2,5")
        found = range(int(first), int(last if dash else first) + 1)
        if not 0 < len(found) <= _MOST_SEEDS:
            raise RequestError(f"seeds = {text!r}: the range {piece.strip()} must hold 1 to {_MOST_SEEDS} seeds")
        seeds.extend(found)
    if len(set(seeds)) < len(seeds):
        raise RequestError(f"seeds = {text!r}: a seed is given twice")
    return tuple(seeds)


def plan_sweep(scenario: Scenario, variations: Sequence[Variation], seeds: Sequence[int]) -> list[PlannedRun]:
    """Return the runs of a sweep, alternative by alternative, the settings of each checked before any is run.

    Raises
    ------
    RequestError : alternatives that are no valid scenarios, two that are the same, or a setting varied twice.
    """
    keys = [variation.key for variation in variations]
    if len(set(keys)) < len(keys):
        raise RequestError("a setting is varied twice: write its alternatives in one list")
    planned: list[PlannedRun] = []
    alternatives: list[Words] = []
    refused: list[tuple[Words, str]] = []
    for values, labels in zip(
        itertools.product(*(variation.values for variation in variations)),
        itertools.product(*(variation.labels for variation in variations)),
        strict=True,
    ):
        words = tuple(f"{setting_name(key)}={label}" for key, label in zip(keys, labels, strict=True))
        alternatives.append(words)
        alternative = scenario
        for key, value in zip(keys, values, strict=True):
            alternative = alternative.set(key, value)
        try:
            algorithm = alternative.resolve().algorithm
        except RequestError as error:
            refused.append((words, str(error)))
            continue
        name = "_".join(map(_word, keys, labels)) or algorithm
        varied = tuple(zip(keys, values, strict=True))
        planned += [PlannedRun(f"{name}-seed-{seed}", alternative, seed, varied, words) for seed in seeds]
    names = [run.name for run in planned]
    if len(set(names)) < len(names):
        raise RequestError("two alternatives of the sweep are the same")
    if refused:
        raise refusal(refused, alternatives)
    return planned


def prefixed(planned: Sequence[PlannedRun], words: str) -> list[PlannedRun]:
    """Return a plan with words before the names of its runs, so that it can be put together with others."""
    return [replace(run, name=f"{_fit_for_a_name(words)}_{run.name}") for run in planned]


def _fit_for_a_name(text: str) -> str:
    return "".join(letter if letter.isalnum() or letter in ".-" else "-" for letter in text)


def _word(key: str, label: str) -> str:
    text = _fit_for_a_name(label.replace(" (", "-").removesuffix(")"))
    return text if key.endswith("algorithm.kind") else f"{key.rpartition('.')[2]}-{text}"


def run_sweep(
    planned: Sequence[PlannedRun],
    *,
    root: Path | None = None,
    data_dir: Path | None = None,
    observer: Callable[[str], Observer | None] = lambda name: None,
    num_processes: int = 1,
    done: Mapping[str, RunResult] | None = None,
) -> list[RunResult]:
    """Run a plan and return the results in its order; with `root`, save each in it by name as it ends.

    Those that are `done`, by name, are not run again.

    A run that fails does not stop the others: it is returned as failed, with its error; one that has no rows (a
    refusal, an error of the program, a process that died) is not saved. How many processes there are changes no result.

    Raises
    ------
    RequestError : the directory cannot be accepted; or every run was refused.
    ValueError : two runs of one name.
    """
    names = [run.name for run in planned]
    if len(set(names)) < len(names):
        raise ValueError(f"two runs of the plan have one name: {max(names, key=names.count)!r}")
    outcomes: dict[str, Outcome] = dict(done or {})
    missing = [run for run in planned if run.name not in outcomes]
    if root is not None:
        for run in missing:
            check_writable(root / run.name)
    tasks = [Task(run.scenario, run.seed, data_dir) for run in missing]
    observers = [observer(run.name) for run in missing]
    with closing(_outcomes(tasks, observers, num_processes)) as ended:
        for position, outcome in ended:
            name = missing[position].name
            if root is not None and isinstance(outcome, RunResult):
                save_run(outcome, root / name, overwrite=True)
            outcomes[name] = outcome
    refusals = [outcome.error for outcome in outcomes.values() if isinstance(outcome, Crash) and outcome.is_refusal]
    if refusals and len(refusals) == len(planned):
        raise RequestError(refusals[0])
    return [_result(run, outcomes[run.name]) for run in planned]


def _outcomes(
    tasks: Sequence[Task], observers: Sequence[Observer | None], num_processes: int
) -> Generator[tuple[int, Outcome]]:
    if num_processes > 1 and len(tasks) > 1:
        yield from compute_side_by_side(tasks, num_processes, observers)
        return
    for position, (task, observe) in enumerate(zip(tasks, observers, strict=True)):
        yield position, compute(task, observe)


def _result(run: PlannedRun, outcome: Outcome) -> RunResult:
    """Return the outcome as a result: a crash is a failed run without rows."""
    if isinstance(outcome, RunResult):
        return outcome
    document = run.scenario.resolve().document
    meta = {"status": "failed", "ended_by": "crash", "error": outcome.error, "trace": outcome.trace}
    return RunResult(run_id(document, run.seed), document, run.seed, meta, {})
