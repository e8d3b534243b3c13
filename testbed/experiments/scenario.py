"""The scenario as users hold it: load, override, run.

    result = Scenario.load("air-fedga").set("run.horizon_s", 300).run(seed=0)

The command line is a thin skin over this class. A user's own module and data go in through
`run(model=..., dataset=...)`.
"""

import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testbed import catalogue
from testbed.errors import RequestError, RunFailure, unknown_name
from testbed.experiments.overrides import Override
from testbed.experiments.resolve import ResolvedScenario, resolve
from testbed.experiments.result import RunResult
from testbed.experiments.run import Observer, execute
from testbed.experiments.store import check_writable, save_run
from testbed.learning.datasets.dataset import AnyDataset

if TYPE_CHECKING:
    from torch import nn

__all__ = ["DATA_VARIABLE", "Scenario", "data_folder", "data_location", "read_scenario"]

DATA_VARIABLE = "AIRWAN_DATA"


class Scenario:
    """An experiment: tables as in a scenario file, and overrides on top.

    >>> scenario = Scenario.load("air-fedga").set("algorithm.kind", "fedavg")
    >>> scenario.resolve().algorithm
    'fedavg'
    """

    def __init__(self, document: Mapping[str, Any], overrides: Sequence[Override] = ()) -> None:
        self.document = document
        self.overrides = tuple(overrides)

    @classmethod
    def load(cls, name_or_path: str | Path) -> "Scenario":
        """Return a shipped scenario by name, or the one in a TOML file.

        Raises
        ------
        RequestError : no such name or file, or a file that is not TOML.
        """
        text, where = read_scenario(str(name_or_path))
        try:
            return cls(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise RequestError(f"{where} is not a TOML file: {error}") from None

    def set(self, key: str, value: Any) -> "Scenario":
        """Return this scenario with one setting changed: `set("algorithm.kind", "fedavg")`."""
        return Scenario(self.document, (*self.overrides, (key, value)))

    def resolve(self) -> ResolvedScenario:
        """Return the scenario checked against the catalogues, with nothing left open.

        Raises
        ------
        RequestError : an unknown key or name, or a value out of range.
        """
        return resolve(self.document, self.overrides)

    def run(
        self,
        seed: int = 0,
        *,
        model: "nn.Module | Callable[[], nn.Module] | None" = None,
        dataset: AnyDataset | None = None,
        data_dir: str | Path | None = None,
        out: str | Path | None = None,
        observe: Observer | None = None,
    ) -> RunResult:
        """Run once and return the rows; with `out`, save them in that directory.

        Parameters
        ----------
        seed : root of all luck, at least 0.
        model : the user's own module instead of `[model]`, or a function that makes it.
        dataset : the user's own data instead of `data.dataset`.
        data_dir : where data sets lie; else `run.data_dir`, else the variable AIRWAN_DATA.
        out : directory to be made for this run; replaced if it holds one already.
        observe : called with the progress at every global version.

        Raises
        ------
        RequestError : the scenario, the data or the directory cannot be accepted.
        RunFailure : the run failed on the way; it is saved, as failed, before this is raised.
        """
        scenario = self.resolve()
        if out is not None:
            check_writable(Path(out))
        folder = data_folder(data_dir, scenario)
        result = execute(scenario, seed, data_dir=folder, model=model, dataset=dataset, observe=observe)
        if out is not None:
            save_run(result, Path(out), overwrite=True)
        if result.meta["status"] == "failed":
            raise RunFailure(result.meta["error"])
        return result


def data_folder(given: str | Path | None, scenario: ResolvedScenario) -> Path | None:
    """Return where data sets lie: what was given, else the scenario's folder, else the variable AIRWAN_DATA."""
    return data_location(given or scenario.run.data_dir)


def data_location(given: str | Path | None) -> Path | None:
    """Return where data sets lie for those who have no scenario: what was given, else the variable AIRWAN_DATA."""
    chosen = given or os.environ.get(DATA_VARIABLE)
    return Path(chosen) if chosen else None


def read_scenario(name_or_path: str) -> tuple[str, str]:
    """Return the text of a shipped scenario or of a file, and the words by which messages call it.

    Raises
    ------
    RequestError : no such name or file, or a file that is not text.
    """
    shipped = catalogue.entries("scenario")
    name = catalogue.canonical(name_or_path)
    if name in shipped:
        entry = catalogue.find("scenario", name)
        package, _, file = entry.target.partition(":")
        try:
            return resources.files(package).joinpath(file).read_text(encoding="utf-8"), name_or_path
        except (ImportError, OSError) as error:
            raise RequestError(f"cannot read the scenario {name!r} of the package {entry.origin}: {error}") from error
    path = Path(name_or_path)
    if path.suffix != ".toml" and not path.is_file():
        raise unknown_name("scenario", name_or_path, shipped)
    try:
        return path.read_text(encoding="utf-8"), str(path)
    except UnicodeDecodeError:
        raise RequestError(f"{path} is not a TOML file: it is not text") from None
    except OSError as error:
        raise RequestError(f"cannot read the scenario {path}: {error.strerror}") from None
