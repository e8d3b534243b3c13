"""What a reproduction is made of: sections that are run one after another and give tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed import catalogue
from testbed.errors import RequestError, unknown_name
from testbed.experiments.finding import Finding
from testbed.experiments.result import RunResult
from testbed.experiments.scenario import data_location
from testbed.experiments.sweep import PlannedRun, run_sweep
from testbed.experiments.sweep_file import reusable_runs
from testbed.learning.datasets.dataset import DatasetSource
from testbed.views.progress import progress_bar

__all__ = ["Reproduction", "Section", "Setting"]


@dataclass(frozen=True)
class Setting:
    """How a reproduction is carried out.

    Parameters
    ----------
    seeds : the root seeds of sections that repeat over luck.
    num_processes : runs side by side.
    quick : at a reduced size, to see that everything works: the figures mean nothing.
    data_dir : where data sets lie, or None.
    out : where runs are saved, one folder a section, or None; what is there and would come out the same is reused.
    tell : is told how many runs were reused.
    """

    seeds: Sequence[int] = (0, 1, 2)
    num_processes: int = 1
    quick: bool = False
    data_dir: Path | None = None
    out: Path | None = None
    tell: Callable[[str], None] = lambda words: None

    def run(self, section: str, planned: Sequence[PlannedRun]) -> list[RunResult]:
        """Return the results of a plan, in its order; a failed one has its error."""
        root = None if self.out is None else self.out / section
        done = {} if root is None else reusable_runs(planned, root)
        if done:
            self.tell(f"{section}: {len(done)} of {len(planned)} runs are reused from {root}")
        with progress_bar(len(planned) - len(done)) as progress:
            return run_sweep(
                planned,
                root=root,
                data_dir=self.data_dir,
                observer=progress.observer,
                num_processes=self.num_processes,
                done=done,
            )


@dataclass(frozen=True)
class Section:
    """A part of a reproduction that can be asked for alone.

    Attributes
    ----------
    name : what `--only` calls it.
    question : what it asks, in one line.
    minutes : about how long it takes at full size in two processes.
    find : does the work.
    needs_data : the data sets it reads from the data folder; a name of the catalogue, or of a TU set.
    """

    name: str
    question: str
    minutes: float
    find: Callable[[Setting], Finding]
    needs_data: tuple[str, ...] = ()

    def carry_out(self, setting: Setting) -> Finding:
        """Return what was found; where a data set is absent, that the section was left out, and which one it was."""
        for name in self.needs_data:
            try:
                _source(name).load(data_location(setting.data_dir))
            except RequestError as error:
                reason = f"all of it, which needs {name}: {error}"
                return Finding(self.question, ("section",), ((self.name,),), left_out=(reason,))
        return self.find(setting)


def _source(name: str) -> DatasetSource:
    """Return a data set that needs no settings, or the TU set of this name."""
    known = name in catalogue.entries("dataset")
    source: DatasetSource = (
        catalogue.load("dataset", name)() if known else catalogue.load("dataset", "tu-dataset")(name=name)
    )
    return source


@dataclass(frozen=True)
class Reproduction:
    """A paper and the sections that look at its claims."""

    paper: str
    sections: tuple[Section, ...]

    def chosen(self, only: str | None) -> tuple[Section, ...]:
        """Return the sections that `only`, names between commas, asks for; all by default.

        Raises
        ------
        RequestError : no such section.
        """
        if only is None:
            return self.sections
        by_name = {section.name: section for section in self.sections}
        wanted = [name.strip() for name in only.split(",") if name.strip()]
        for name in wanted:
            if name not in by_name:
                raise unknown_name("section", name, by_name)
        return tuple(section for section in self.sections if section.name in wanted)
