"""The store: one directory per run, whole or absent.

    NAME/scenario.json       the resolved scenario
    NAME/<table>.parquet     one file per table of rows
    NAME/meta.json           run id, seed, versions, dates, wall-clock figures, SHA-256 of every other file

A run is written under a temporary name beside its place and renamed when it is whole, so a killed process
leaves nothing that looks like a run. Everything but `meta.json` has the same bytes whenever the rows are the
same.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from testbed.errors import RequestError
from testbed.experiments.describe import final_metrics
from testbed.experiments.result import RunResult
from testbed.experiments.table_files import SavedFile, sha256, write_table
from testbed.lazy_tables import LazyTables

if TYPE_CHECKING:
    from testbed.experiments.resolve import ResolvedScenario

__all__ = ["check_writable", "default_directory", "is_run", "list_runs", "load_run", "load_runs", "run_id", "save_run"]

_FORMAT: Final = 1
_META: Final = "meta.json"
_SCENARIO: Final = "scenario.json"
_TABLE: Final = ".parquet"


def run_id(resolved_scenario: Mapping[str, Any], seed: int) -> str:
    """Return the name of what a run computes: twelve hexadecimal digits of its settings and its seed.

    >>> run_id({"a": 1, "b": 2}, 0) == run_id({"b": 2, "a": 1}, 0)
    True
    """
    content = {"scenario": resolved_scenario, "seed": seed}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def default_directory(root: Path, scenario: "ResolvedScenario", seed: int) -> Path:
    """Return where a run is saved unless the user says otherwise: by what it is, and the start of its run id.

    The same settings under the same seed have the same place; any other setting has another, so that no run
    replaces a different one.
    """
    digits = run_id(scenario.document, seed)[:6]
    return root / f"{scenario.header.name}-{scenario.algorithm}-seed-{seed}-{digits}"


def is_run(directory: Path) -> bool:
    """Return whether `directory` looks like a saved run, damaged or not."""
    return (directory / _META).is_file() and not directory.name.startswith(".")


def check_writable(directory: Path | str, overwrite: bool = True) -> None:
    """Make sure, before a long run, that it can be saved in `directory`.

    Raises
    ------
    RequestError : nothing can be written there, or something is there that would have to be replaced.
    """
    directory = Path(directory).absolute()
    _check_place(directory, overwrite)
    ground = next(parent for parent in directory.parents if parent.exists())
    try:
        os.rmdir(tempfile.mkdtemp(prefix=".writable-", dir=ground))
    except OSError as error:
        raise _unwritable(directory, error) from None


def _check_place(directory: Path, overwrite: bool) -> None:
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return
    if not directory.is_dir() or not is_run(directory):
        raise RequestError(f"{directory} exists and is not a run directory; it will not be replaced")
    if not overwrite:
        raise RequestError(f"{directory} holds a finished run already")


def _unwritable(directory: Path, error: OSError) -> RequestError:
    return RequestError(f"cannot write the run directory {directory}: {error.strerror or error}")


def save_run(result: RunResult, directory: Path | str, overwrite: bool = False) -> Path:
    """Write a run as `directory` and return its path; on any failure nothing is left behind.

    Parameters
    ----------
    directory : the run's own directory; missing parents are made.
    overwrite : whether a finished run at that place is replaced, which happens in one step.

    Raises
    ------
    RequestError : the place is taken or cannot be written.
    """
    directory = Path(directory).absolute()
    _check_place(directory, overwrite)
    try:
        with _made(directory.parent):
            partial = directory.with_name(f".{directory.name}.partial-{os.getpid()}")
            try:
                shutil.rmtree(partial, ignore_errors=True)  # of a killed process that had this number
                _write(result, partial)
                _move_in(partial, directory)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
    except OSError as error:
        raise _unwritable(directory, error) from error
    return directory


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder and its missing parents, and remove what was made if the body fails."""
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for parent in missing:
            with suppress(OSError):
                parent.rmdir()
        raise


def _write(result: RunResult, folder: Path) -> None:
    folder.mkdir()
    (folder / _SCENARIO).write_bytes(_json_bytes(result.scenario))
    for name in result.tables:
        write_table(result.tables, name, folder / (name + _TABLE))
    meta = {
        "format": _FORMAT,
        "run_id": result.run_id,
        "seed": result.seed,
        "meta": dict(result.meta),
        "files": {entry.name: sha256(entry) for entry in folder.iterdir()},
    }
    (folder / _META).write_bytes(_json_bytes(meta))


def _json_bytes(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, sort_keys=True) + "\n").encode()


def _move_in(partial: Path, directory: Path) -> None:
    if not is_run(directory):
        os.rename(partial, directory)
        return
    replaced = directory.with_name(f".{directory.name}.replaced-{os.getpid()}")
    os.rename(directory, replaced)
    try:
        os.rename(partial, directory)
    except BaseException:
        os.rename(replaced, directory)
        raise
    shutil.rmtree(replaced, ignore_errors=True)


def load_run(path: Path | str) -> RunResult:
    """Return the run saved in the directory `path`, whole and unchanged.

    Raises
    ------
    RequestError : not a run directory, a half-written one, or a damaged one; the message says what was found.
    """
    path = Path(path)
    if ".partial-" in path.name and path.name.startswith("."):
        raise RequestError(f"{path} is a half-written run: its process was killed before it was whole")
    if not path.is_dir():
        what = "is a file, and a run is a directory" if path.exists() else "does not exist"
        raise RequestError(f"{path} {what}")
    document = _read_meta(path)
    names = [name for name in document["files"] if name != _SCENARIO]
    return _result(path, document, names)


def _result(path: Path, document: Mapping[str, Any], names: Iterable[str]) -> RunResult:
    """Return the run with the tables of the files `names`, each checked now and read when somebody asks for it."""
    files = {name: SavedFile(path / name, document["files"].get(name)) for name in (_SCENARIO, *names)}
    for file in files.values():
        file.check()
    scenario = _parse_json(path, _SCENARIO, files.pop(_SCENARIO).content())
    tables = LazyTables({name.removesuffix(_TABLE): file for name, file in files.items()})
    return RunResult(document["run_id"], scenario, document["seed"], document["meta"], tables, path)


def load_runs(paths: Sequence[Path | str]) -> list[RunResult]:
    """Return the runs in directories, in this order; one that holds runs at any depth stands for them, by name.

    Raises
    ------
    RequestError : a directory that is or holds no run, a damaged run, or one run in two places.
    """
    found: dict[Path, Path] = {}
    for path in map(Path, paths):
        inside = [] if is_run(path) or not path.is_dir() else sorted(_find_runs(path))
        for directory in inside or [path]:
            found.setdefault(directory.resolve(), directory)
    runs = [load_run(directory) for directory in found.values()]
    places: dict[str, RunResult] = {}
    for run in runs:
        other = places.setdefault(run.run_id, run)
        if other is not run:
            raise RequestError(f"{other.path} and {run.path} are the same run, {run.run_id}: give one of them")
    return runs


def _read_meta(path: Path) -> dict[str, Any]:
    if not is_run(path):
        names = sorted(entry.name for entry in path.iterdir())
        found = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "") if names else "nothing"
        raise RequestError(f"{path} is not a run directory: it holds {found}, and no {_META}")
    document = _parse_json(path, _META, (path / _META).read_bytes())
    kinds = {"format": int, "run_id": str, "seed": int, "meta": dict, "files": dict}
    wrong = [key for key, kind in kinds.items() if not isinstance(document.get(key), kind)]
    if wrong:
        raise RequestError(f"{path} is damaged: {_META} does not state {', '.join(wrong)}")
    if document["format"] != _FORMAT:
        raise RequestError(f"{path} was written in format {document['format']}; this version reads format {_FORMAT}")
    return document


def _parse_json(path: Path, name: str, content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError as error:
        raise RequestError(f"{path} is damaged: {name} is not JSON ({error})") from None
    if not isinstance(document, dict):
        raise RequestError(f"{path} is damaged: {name} holds no table of settings")
    return document


def list_runs(root: Path | str) -> list[dict[str, Any]]:
    """Return one row per run below `root`, sorted by name.

    A row has name (the path below `root`), run_id, scenario, algorithm, seed, status, horizon_s, horizon_rounds,
    final_accuracy (mean of the last five evaluations), final_metric (what sums the run up: accuracy, or of language
    models perplexity; None if nothing was evaluated), final (its mean likewise) and error. A damaged run has the status
    "damaged", the error says how, and the rest is None.

    Raises
    ------
    RequestError : `root` is not a directory.
    """
    root = Path(root)
    if not root.is_dir():
        raise RequestError(f"{root} is not a directory of runs")
    found = [root] if is_run(root) else list(_find_runs(root))
    rows = [_listing(path, path.relative_to(root).as_posix() if path != root else root.name) for path in found]
    return sorted(rows, key=lambda row: str(row["name"]))


def _find_runs(folder: Path) -> Iterator[Path]:
    for entry in folder.iterdir():
        if entry.name.startswith(".") or entry.is_symlink() or not entry.is_dir():
            continue
        if is_run(entry):
            yield entry
        else:
            yield from _find_runs(entry)


def _listing(path: Path, name: str) -> dict[str, Any]:
    fields = (
        "run_id", "scenario", "algorithm", "seed", "status", "horizon_s", "horizon_rounds", "final_accuracy",
        "final_metric", "final", "error",
    )  # fmt: skip
    row: dict[str, Any] = {"name": name, **dict.fromkeys(fields)}
    try:
        run = _load_evaluations(path)
    except RequestError as error:
        return {**row, "status": "damaged", "error": str(error)}
    status = run.meta.get("status", "done")
    metric = final_metrics(run)[0]
    values = (
        run.run_id,
        run.name,
        run.algorithm,
        run.seed,
        status,
        run.horizon_s,
        run.horizon_rounds,
        run.final("accuracy"),
        metric if metric in run.column("evaluation", "metric") else None,
        run.final(metric),
        run.error or None,
    )
    return {**row, **dict(zip(fields, values, strict=True))}


def _load_evaluations(path: Path) -> RunResult:
    """Return the run with its evaluations alone: a listing needs no more, and the spans may be large."""
    document = _read_meta(path)
    return _result(path, document, {"evaluation" + _TABLE} & document["files"].keys())
