"""All sides in turn, again and again in one go, each on as many cores as the one it is compared with.

    python tests/benchmarks/compare.py --models mlp cnn --sides bare ours

Prints a table of medians, and of each ratio the median and the range over the repeats, a repeat being one run of every
side; with `--out` everything is kept as JSON. It fails if two sides did not learn the same.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from workload import MODELS

HERE: Final = Path(__file__).parent
LOSS_TOLERANCE: Final = 0.1  # of the larger; what differs is who is asked, and in which order samples come
ACCURACY_TOLERANCE: Final = 0.1


@dataclass(frozen=True)
class Side:
    """A script, the environment it needs (none: this one) and the cores it runs on, one process each."""

    script: str
    cores: int = 1
    peer: str | None = None
    arguments: tuple[str, ...] = ()


SIDES: Final = {
    "bare": Side("bare.py"),
    "ours": Side("ours.py"),
    "kernel": Side("kernel_alone.py"),
    "pfl": Side("pfl_research.py", peer="pfl"),
    "bare-2": Side("bare.py", cores=2),
    "ours-2": Side("ours.py", cores=2),
    "flower-2": Side("flower.py", cores=2, peer="flower"),
}

# What is divided by what: how many times as long the first takes as the second.
RATIOS: Final = (
    ("bare", "ours"),
    ("pfl", "ours"),
    ("ours", "kernel"),
    ("bare-2", "ours-2"),
    ("flower-2", "ours-2"),
)

Line = dict[str, Any]
Lines = dict[tuple[str, str], list[Line]]  # by side and model, one a repeat


def main() -> int:
    """Run the comparison that the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(description="Compare the speed of a round of federated averaging.")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rounds", type=int, help="timed rounds of each model, for all sides")
    parser.add_argument("--peers", type=Path, default=Path(".peers"), help="folder of the peers' environments")
    parser.add_argument("--placement", default="processes", help="where ours computes on two cores")
    parser.add_argument("--small", action="store_true", help="20 clients: to see that it works")
    parser.add_argument("--out", type=Path, help="a JSON file for every figure")
    arguments = parser.parse_args()
    missing = [name for name in arguments.sides if not _interpreter(SIDES[name], arguments.peers).exists()]
    if missing:
        parser.error(f"no environment for {', '.join(missing)} in {arguments.peers}: `make bench-peers` makes them")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < max(SIDES[name].cores for name in arguments.sides):
        parser.error(f"only {len(cores)} core is allowed to this process, and some sides need two")
    lines = _run_all(arguments, cores)
    complaints = list(_disagreements(lines, arguments.models))
    _write(_table(lines, arguments.models))
    if arguments.out is not None:
        arguments.out.write_text(json.dumps([line for group in lines.values() for line in group], indent=1) + "\n")
    for complaint in complaints:
        _write(complaint)
    return 1 if complaints else 0


def _run_all(arguments: argparse.Namespace, cores: Sequence[int]) -> Lines:
    lines: Lines = {}
    for repeat in range(arguments.repeats):
        # Each repeat begins with another side, so that none always comes after the same one.
        first = repeat % len(arguments.sides)
        for name in arguments.sides[first:] + arguments.sides[:first]:
            _write(f"repeat {repeat + 1} of {arguments.repeats}: {name}")
            for line in _run(name, SIDES[name], arguments, cores):
                lines.setdefault((name, line["model"]), []).append(line | {"side": name, "repeat": repeat})
    return lines


def _run(name: str, side: Side, arguments: argparse.Namespace, cores: Sequence[int]) -> Iterable[Line]:
    """Return the lines of one run of a side on the first so many cores."""
    command = [str(_interpreter(side, arguments.peers)), str(HERE / side.script), "--processes", str(side.cores)]
    command += ["--models", *arguments.models, *side.arguments]
    command += ["--rounds", str(arguments.rounds)] if arguments.rounds else []
    command += ["--small"] if arguments.small else []
    command += ["--placement", arguments.placement] if name == "ours-2" else []
    # A peer's environment must not see this one's packages; libraries are told about threads before they start any.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    if side.peer is not None:
        environment.pop("PYTHONPATH", None)
    os.sched_setaffinity(0, cores[: side.cores])  # what is started inherits it
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    finally:
        os.sched_setaffinity(0, cores)
    if done.returncode:
        raise SystemExit(f"{name} failed with exit code {done.returncode}:\n{done.stderr}")
    return [json.loads(text) for text in done.stdout.splitlines() if text.startswith("{")]


def _interpreter(side: Side, peers: Path) -> Path:
    return Path(sys.executable) if side.peer is None else peers / side.peer / "bin" / "python"


def _disagreements(lines: Lines, models: Sequence[str]) -> Iterable[str]:
    """Yield a sentence for every side that did not train what the first one did."""
    for model in models:
        (reference, first), *others = [(name, group[0]) for (name, of), group in lines.items() if of == model]
        for name, line in others:
            of = f"{model}: {name} and {reference} differ in"
            if line["num_parameters"] != first["num_parameters"]:
                yield f"{of} parameters, {line['num_parameters']} and {first['num_parameters']}"
            if abs(line["loss"] - first["loss"]) > LOSS_TOLERANCE * max(line["loss"], first["loss"]):
                yield f"{of} loss, {line['loss']:.4f} and {first['loss']:.4f}"
            if abs(line["accuracy"] - first["accuracy"]) > ACCURACY_TOLERANCE:
                yield f"{of} accuracy, {line['accuracy']:.3f} and {first['accuracy']:.3f}"


def _table(lines: Lines, models: Sequence[str]) -> str:
    """Return the medians and ratios as a table in Markdown."""
    rows = ["", "| model | side | cores | ms a round | CPU ms | clients/s | peak MB | loss |", "|---" * 8 + "|"]
    for (name, model), group in sorted(lines.items(), key=lambda item: models.index(item[0][1])):
        middle = {
            key: _median(group, key) for key in ("seconds_per_round", "clients_per_second", "peak_rss_mb", "loss")
        }
        cpu = "" if group[0]["processes"] > 1 else f"{1e3 * _median(group, 'cpu_seconds_per_round'):.1f}"
        rows.append(
            f"| {model} | {name} | {group[0]['cores']} | {1e3 * middle['seconds_per_round']:.1f} | {cpu} "
            f"| {middle['clients_per_second']:.0f} | {middle['peak_rss_mb']:.0f} | {middle['loss']:.4f} |"
        )
    rows += ["", "| model | ratio | by the wall: median (range) | by CPU time |", "|---" * 4 + "|"]
    for model in models:
        for slow, fast in RATIOS:
            if (slow, model) in lines and (fast, model) in lines:
                slower, faster = lines[slow, model], lines[fast, model]
                wall, cpu = _ratio(slower, faster, "seconds_per_round"), ""
                if slower[0]["processes"] == 1:
                    cpu = _ratio(slower, faster, "cpu_seconds_per_round")
                rows.append(f"| {model} | {slow} / {fast} | {wall} | {cpu} |")
    return "\n".join(rows) + "\n"


def _ratio(slower: Sequence[Mapping[str, Any]], faster: Sequence[Mapping[str, Any]], key: str) -> str:
    """Return the median and the range of the ratio of two sides, repeat by repeat."""
    ratios = [slow[key] / fast[key] for slow, fast in zip(slower, faster, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def _median(group: Sequence[Mapping[str, Any]], key: str) -> float:
    return statistics.median(line[key] for line in group)


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
