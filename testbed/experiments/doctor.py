"""A look at the installation: what a run depends on and what could get in its way."""

import os
import platform
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any, Final

from testbed.errors import RequestError
from testbed.experiments.scenario import DATA_VARIABLE

__all__ = ["Finding", "examine"]

_OWN_NAMES: Final = ("testbed", "channels", "algorithms", "graphs")
_DATA_SETS: Final = {"mnist": "mnist", "fashion_mnist": "fashion-mnist"}


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `level` is ok, note or error."""

    subject: str
    level: str
    text: str

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON has them."""
        return asdict(self)


def examine(data_dir: Path | None = None, store: Path | None = None) -> list[Finding]:
    """Return the findings on Python, torch, threads, package names, the data folder and, if named, a store."""
    found = [_python(), _torch(), _threads(), *_name_clashes(), _data(data_dir)]
    return found if store is None else [*found, _store(store)]


def _python() -> Finding:
    level = "ok" if sys.version_info >= (3, 11) else "error"
    return Finding("python", level, f"{platform.python_version()} (needs 3.11 or newer)")


def _torch() -> Finding:
    import torch

    cuda = "with CUDA" if torch.cuda.is_available() else "on the CPU"
    return Finding("torch", "ok", f"{torch.__version__}, {cuda}, {torch.backends.cpu.get_cpu_capability()}")


def _threads() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Finding("threads", "ok", f"{cores} cores here; a run uses run.num_threads torch threads, 1 by default")


def _name_clashes() -> list[Finding]:
    """Return whether another distribution installs a package under one of our top-level names."""
    owners = packages_distributions()
    clashes = {name: sorted(set(owners.get(name, [])) - {"airwan"}) for name in _OWN_NAMES}
    found = [
        Finding("packages", "error", f"the name {name!r} is also installed by {', '.join(others)}")
        for name, others in clashes.items()
        if others
    ]
    return found or [Finding("packages", "ok", f"{', '.join(_OWN_NAMES)} belong to airwan alone")]


def _store(directory: Path) -> Finding:
    from testbed.learning.result_store import store_size

    try:
        num_entries, num_bytes = store_size(directory)
    except RequestError as error:
        return Finding("store", "error", str(error))
    return Finding("store", "ok", f"{directory} holds the results of {num_entries} chunks in {num_bytes / 1e6:.1f} MB")


def _data(data_dir: Path | None) -> Finding:
    folder = data_dir or (Path(os.environ[DATA_VARIABLE]) if os.environ.get(DATA_VARIABLE) else None)
    if folder is None:
        text = f"no folder given (--data or {DATA_VARIABLE}); digits needs none, mnist and fashion-mnist do"
        return Finding("data", "note", text)
    if not folder.is_dir():
        return Finding("data", "error", f"{folder} is not a folder")
    present = [name for sub, name in _DATA_SETS.items() if (folder / sub).is_dir()]
    return Finding("data", "ok", f"{folder} holds {', '.join(present) or 'none of ' + ', '.join(_DATA_SETS.values())}")
