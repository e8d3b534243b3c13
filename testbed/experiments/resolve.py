"""Resolving a scenario: every table checked, every name looked up, every default written out.

`[scenario] [run] [data] [model] [training]` are known here; all other tables belong to the world that the scenario
names and are checked by its own settings. Settings of method K stand in `[algorithm.K]`: all that are present are
checked, only the selected one is used.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final, Protocol

from pydantic import Field, PositiveInt, field_validator, model_validator

from testbed import catalogue
from testbed.errors import RequestError, unknown_name
from testbed.experiments.overrides import Override, apply_overrides
from testbed.experiments.target import DEFAULT_RULE, Rule, parse_target
from testbed.experiments.training_settings import TrainingSettings
from testbed.learning.client_split import SplitFractions
from testbed.learning.datasets.dataset import DatasetSource
from testbed.learning.device import DeviceKind, check_device
from testbed.learning.models.architecture import Architecture
from testbed.learning.partition import Partition
from testbed.settings import Bytes, PositiveSeconds, Seconds, Settings, component, validated

__all__ = [
    "DataSettings",
    "Header",
    "ResolvedScenario",
    "RunSettings",
    "StopSettings",
    "TrainingSettings",
    "WorldSettings",
    "resolve",
]


class Header(Settings):
    """`[scenario]`: what it is called, which world it builds and what it asks."""

    name: str  # what its runs are called
    world: str  # which world it builds: a name of `testbed list world`
    question: str = ""  # what is to be found out, for reports


class StopSettings(Settings):
    """`[run.stop]`: end a run before its horizon, so long after it met a target.

    A run that stops early has fewer evaluations after the target than one that does not: compare times to the target,
    not final accuracies.
    """

    target: str  # as `compare --target` has it: accuracy>=0.8
    rule: Rule = DEFAULT_RULE  # when a target counts as met, as `compare --target-rule` has it
    margin_s: Seconds = 0.0  # how long the run goes on after the target's time [s]

    @field_validator("target")
    @classmethod
    def _is_target(cls, text: str) -> str:
        target = parse_target(text)
        if target is None:
            raise RequestError("run.stop needs a target, like accuracy>=0.8; leave the table out for none")
        return str(target)


# Of `[run]`: where something lies or is computed. The same run may be made with any of them.
_LOCATIONS: Final = {"data_dir", "store", "store_min_flop_per_byte", "store_max_bytes", "num_workers", "ray_address"}


class RunSettings(Settings):
    """`[run]`: how long, how often evaluated, by which arithmetic, where data and stored results lie.

    Length and evaluations are stated in simulated time or in rounds (global versions). With `horizon_rounds`,
    `horizon_s` is a bound for the case that the rounds take too long. What is None is not part of a run's identity.
    """

    horizon_s: PositiveSeconds | None = None  # simulated time at which the run ends [s]
    horizon_rounds: PositiveInt | None = None  # version with which it ends: rounds, or inner steps of regions
    evaluation_interval_s: PositiveSeconds | None = None  # simulated time between two evaluations [s]
    evaluation_interval_rounds: PositiveInt | None = None  # versions between two evaluations
    evaluates_validation: bool = False  # also on what every client validates with: the table client_validation
    kernel: str = "batched"  # arithmetic of training jobs: decides the bytes of a result
    placement: str = "inline"  # where jobs are computed: changes wall time and nothing else
    num_workers: PositiveInt | None = None  # at most so many compute; none: as many as the placement finds cores for
    ray_address: str | None = None  # of the cluster; none: the variable RAY_ADDRESS, else a cluster of this machine
    device: DeviceKind = "cpu"  # where jobs are computed, cuda for a GPU: a run's bytes depend on it
    num_threads: PositiveInt = 1  # intra-op threads of torch: a run's bytes depend on them
    stop: StopSettings | None = None  # whether to end before the horizon
    data_dir: Path | None = None  # a location only: what is in it is hashed into the record
    store: Path | None = None  # a location only, with what may be kept there: changes wall time and nothing else
    store_min_flop_per_byte: Annotated[float, Field(ge=0)] = 500.0  # see docs/how-to/resume-and-retime.md
    store_max_bytes: Bytes = 20e9  # the store grows no larger; what does not fit is not kept [byte]

    @model_validator(mode="after")
    def _check(self) -> "RunSettings":
        catalogue.find("kernel", self.kernel)
        catalogue.find("placement", self.placement)
        if self.horizon_s is None and self.horizon_rounds is None:
            raise RequestError("set horizon_s or horizon_rounds (with both, the run ends at whichever comes first)")
        if (self.evaluation_interval_s is None) == (self.evaluation_interval_rounds is None):
            raise RequestError("set exactly one of evaluation_interval_s and evaluation_interval_rounds")
        for unit in ("s", "rounds"):
            interval, horizon = (getattr(self, f"{name}_{unit}") for name in ("evaluation_interval", "horizon"))
            if interval is not None and horizon is not None and interval > horizon:
                raise RequestError(
                    f"evaluation_interval_{unit} = {interval:g} is longer than horizon_{unit} = {horizon:g}"
                )
        if self.stop is not None and (self.horizon_s is None or self.evaluation_interval_s is None):
            raise RequestError("run.stop watches a grid of times: set horizon_s and evaluation_interval_s")
        return self

    @field_validator("device")
    @classmethod
    def _is_here(cls, device: DeviceKind) -> DeviceKind:
        check_device(device)
        return device

    @property
    def longest_s(self) -> float:
        """The simulated time at which the run ends if nothing ends it before [s]; infinity if only rounds do."""
        return math.inf if self.horizon_s is None else self.horizon_s

    @property
    def length(self) -> str:
        """How long the run is, in words."""
        rounds = "" if self.horizon_rounds is None else f"{self.horizon_rounds} rounds"
        seconds = "" if self.horizon_s is None else f"{self.horizon_s:g} simulated s"
        return f"{rounds}, at most {seconds}" if rounds and seconds else rounds or seconds


class DataSettings(Settings):
    """`[data]`: what is learnt from and how it is dealt to the clients."""

    dataset: Annotated[DatasetSource, component("dataset")]  # what is learnt from
    partition: Annotated[Partition, component("partition")]  # how its training samples are dealt to the clients
    client_split: SplitFractions | None = None  # to test every client on some of its own samples; none: on a common set

    def document(self) -> dict[str, Any]:
        """Return what can change a result; a split that is not asked for is not stated."""
        unasked = {"client_split"} if self.client_split is None else set()
        return self.model_dump(mode="json", exclude=unasked)


class WorldSettings(Protocol):
    """What this module needs to know of a world's settings.

    A world whose methods say how many steps they take (`Segments.next_segment`) has `trains_in_segments = True` in its
    class of settings; `[training]` then has neither local_steps nor local_epochs.
    """

    algorithm: Any

    @property
    def num_clients(self) -> int:
        """How many shards the data is dealt into."""
        ...


@dataclass(frozen=True)
class ResolvedScenario:
    """A scenario with nothing left open; `document` states everything that can change a result, as JSON."""

    header: Header
    run: RunSettings
    data: DataSettings
    model: Architecture
    training: TrainingSettings
    learning_rate: float
    world: WorldSettings
    document: dict[str, Any]

    @property
    def algorithm(self) -> str:
        """Name of the selected method."""
        return str(self.world.algorithm.kind)

    @property
    def architecture(self) -> Architecture:
        """What is trained: the method's own architecture, if it has a setting `model`, else the scenario's."""
        own: Architecture | None = getattr(self.world.algorithm, "model", None)
        return self.model if own is None else own

    def with_horizon(self, horizon_s: float) -> "ResolvedScenario":
        """Return this scenario cut short, computed without a store of results."""
        run = self.run.model_copy(update={"horizon_s": horizon_s, "store": None})
        return replace(self, run=run, document=self.document | {"run": _run_document(run)})


class _ModelTable(Settings):
    model: Annotated[Architecture, component("model")]


_KNOWN_TABLES = ("scenario", "run", "data", "model", "training")


def resolve(document: Mapping[str, Any], overrides: Sequence[Override] = ()) -> ResolvedScenario:
    """Return the scenario that `document` (its tables) with `overrides` describes.

    Raises
    ------
    RequestError : an unknown key or name, or a value out of range; the message has the path and what is allowed.
    """
    tables = apply_overrides(document, overrides)
    missing = [name for name in _KNOWN_TABLES if name not in tables]
    if missing:
        raise RequestError(f"the scenario lacks the table {', '.join(f'[{name}]' for name in missing)}")
    header = validated(lambda: Header.model_validate(tables["scenario"]), "scenario")
    world_class = catalogue.load("world", header.world)
    run = validated(lambda: RunSettings.model_validate(tables["run"]), "run")
    data = validated(lambda: DataSettings.model_validate(tables["data"]), "data")
    model = validated(lambda: _ModelTable.model_validate({"model": tables["model"]})).model
    training = validated(lambda: TrainingSettings.model_validate(tables["training"]), "training")
    rest = {name: table for name, table in tables.items() if name not in _KNOWN_TABLES}
    rest["algorithm"] = _selected_algorithm(rest.get("algorithm"))
    _check_world(rest["algorithm"], header.world)
    world = validated(lambda: world_class.Settings.model_validate(rest))
    training.check_length(trains_in_segments=getattr(world, "trains_in_segments", False))
    learning_rate = _learning_rate(training, world.algorithm.kind)
    resolved = {
        "scenario": header.model_dump(),
        "run": _run_document(run),
        "data": data.document(),
        "model": model.model_dump(mode="json"),
        "training": training.document(learning_rate, run.horizon_rounds),
        **world.model_dump(mode="json"),
    }
    return ResolvedScenario(header, run, data, model, training, learning_rate, world, resolved)


def _run_document(run: RunSettings) -> dict[str, Any]:
    """Return what of `[run]` can change a result; what is not asked for is not stated."""
    fields = RunSettings.model_fields
    unasked = {name for name in ("evaluates_validation", "device") if getattr(run, name) == fields[name].default}
    # The placement changes no byte: wherever a run is computed, its name is that of the run that is computed here.
    return run.model_dump(exclude=_LOCATIONS | unasked, exclude_none=True) | {"placement": "inline"}


def _selected_algorithm(table: Any) -> Any:
    """Return the selected method as a part, after checking the settings of every method that has some."""
    if isinstance(table, str):
        table = {"kind": table}
    if not isinstance(table, Mapping) or not isinstance(table.get("kind"), str):
        known = ", ".join(catalogue.entries("algorithm"))
        raise RequestError(f"algorithm needs a kind, one of: {known}")
    selected = catalogue.find("algorithm", table["kind"]).name
    known_names = catalogue.entries("algorithm")
    parts = {}
    for name, settings in table.items():
        if name == "kind":
            continue
        if catalogue.canonical(name) not in known_names:
            raise unknown_name("algorithm", name, known_names)
        if not isinstance(settings, Mapping):
            raise RequestError(f"algorithm.{name} = {settings!r}: must be a table of that method's settings")
        parts[catalogue.canonical(name)] = _method(name, settings)
    return parts.get(selected) or _method(selected, {})


def _check_world(algorithm: Any, world: str) -> None:
    """Refuse a method of another world; one that names none is for a federation."""
    at_home = catalogue.canonical(getattr(algorithm, "world", "federation"))
    if at_home != catalogue.canonical(world):
        raise RequestError(f"algorithm.kind = {algorithm.kind!r} is a method for the world {at_home!r}, not {world!r}")


def _method(name: str, settings: Mapping[str, Any]) -> Any:
    part_class, kind = catalogue.load("algorithm", name), catalogue.canonical(name)
    return validated(lambda: part_class.from_table(kind, settings), f"algorithm.{name}")


def _learning_rate(training: TrainingSettings, algorithm: str) -> float:
    rates = training.learning_rate
    if not isinstance(rates, dict):
        return rates
    by_name = {catalogue.canonical(name): rate for name, rate in rates.items()}
    for name in by_name:
        catalogue.find("algorithm", name)
    if algorithm not in by_name:
        raise RequestError(
            f"training.learning_rate has no entry for {algorithm!r}; it has {', '.join(sorted(by_name))}"
        )
    return by_name[algorithm]
