"""The documentation is true: its columns, settings, code, commands and links are those of today's code."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from documents import DOCS, FENCE, PAGES, ROOT, blocks, commands, save_files
from examples import examples
from personal import fitting
from small import of_world, small_experiment, small_regions, small_scenario
from small_split import split_experiment
from typer.main import get_command
from typer.testing import CliRunner

from algorithms.worlds.regions_settings import RegionsSettings, VirtualSize
from algorithms.worlds.settings import ChannelSettings, FederationSettings
from algorithms.worlds.split_settings import AccessLinks, SplitSettings
from channels.uplink import UplinkSettings
from channels.wan.faults import NetworkFault
from channels.wan.link import LinkSettings
from channels.wan.settings import NetworkSettings
from testbed import catalogue
from testbed.cli import DEFAULT_SCENARIO, app
from testbed.devices.availability import FaultSettings
from testbed.devices.fleet import FleetSettings
from testbed.experiments.blamed_path import BLAMED
from testbed.experiments.explanation import explain
from testbed.experiments.overrides import parse_override
from testbed.experiments.resolve import DataSettings, Header, RunSettings, TrainingSettings, resolve
from testbed.experiments.result import COSTS
from testbed.experiments.run import prepare
from testbed.experiments.scenario import Scenario
from testbed.experiments.sweep import parse_seeds, parse_variation, plan_sweep
from testbed.experiments.target import Rule, check_rule, parse_target
from testbed.records import SPAN, Recorder, Schema
from testbed.settings import Settings

LINK = re.compile(r"\]\(([^)\s]+)\)")

every_page = pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)


def section(page: Path, heading: str) -> str:
    """Return what stands under a heading, up to the next one."""
    pieces = re.split(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))[heading]


def table(text: str) -> dict[str, list[str]]:
    """Return the first table of a text: what is in backticks in the first column -> the other cells."""
    lines = text[text.index("\n|") + 1 :].split("\n\n")[0].strip().splitlines()[2:]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines]
    return {name: row[1:] for row in rows for name in re.findall(r"`([^`]+)`", row[0])}


# -- metrics.md --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorders() -> list[Recorder]:
    """What a run of every algorithm recorded, and one with every kind of uplink."""
    found: list[Recorder] = []
    for example in examples("algorithm"):
        algorithm = {"kind": example.name, example.name: dict(example.settings)}
        if example.name in of_world("federation"):
            experiment = small_experiment(algorithm=algorithm, run__horizon_s=60.0, **fitting(example.name))
        elif example.name in of_world("split"):
            experiment = split_experiment(algorithm__kind=example.name)
        else:
            resolved = small_regions(algorithm=algorithm, run__kernel="none").resolve()
            experiment = prepare(resolved, 0, resolved.data.dataset.load(None))
        experiment.run()
        found.append(experiment.simulation.records)
    nodes: dict[str, Any] = {
        "data__dataset": "karate-club",
        "data__partition": "iid",
        "model": "gcn",
        "training__batch_size": "full",
        "run__evaluates_validation": True,
    }
    of_nodes = small_experiment(devices__count=2, algorithm__kind="fedavg", run__horizon_s=60.0, **nodes)
    found.append(of_nodes.simulation.records)
    followed = {"channel__uplink__hold": "block", "channel__uplink__csi": "per-block"}
    return [*found, small_experiment(**followed).simulation.records]


@pytest.fixture(scope="module")
def schemas(recorders: list[Recorder]) -> dict[str, Schema]:
    """The tables that were opened."""
    return {name: schema for records in recorders for name, schema in records.schemas.items()}


def test_every_column_is_documented_with_its_unit_and_no_other_is(schemas: dict[str, Schema]) -> None:
    metrics = DOCS / "metrics.md"
    headings = re.findall(r"^### `(\w+)`$", metrics.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert sorted(headings) == sorted(schemas)
    for name, schema in schemas.items():
        documented = table(section(metrics, f"`{name}`"))
        assert list(documented) == [column.name for column in schema.columns], name
        for column in schema.columns:
            unit = re.search(r"\[([\w/]+)\](;|$)", column.meaning)
            assert unit is None or documented[column.name][1] == unit[1], (name, column.name)


def test_whoever_does_whatever_is_named_by_the_schema_of_spans_and_on_the_page(recorders: list[Recorder]) -> None:
    page = section(DOCS / "metrics.md", "`span`")
    meaning = {column.name: column.meaning for column in SPAN.columns}
    found = {(row["entity"].partition("-")[0], row["kind"]) for records in recorders for row in records.rows("span")}
    assert {"device", "group", "uplink", "collective", "wan"} <= {who for who, _ in found}
    for who, what in found:
        assert re.search(rf"\b{who}\b", meaning["entity"]), who
        assert re.search(rf"\b{what}\b", meaning["kind"]), what
        assert re.search(rf"^\| {who}(-a-b)? \| `{what}` \|", page, re.MULTILINE), (who, what)


def test_every_derived_metric_is_documented_and_no_other_is() -> None:
    metrics = DOCS / "metrics.md"
    run = small_scenario(run__horizon_s=100.0).run(0)
    regions = small_regions(run__horizon_rounds=6).run(0)
    assert set(table(section(metrics, "Indicators"))) == set(explain(run)) | set(explain(regions))
    assert set(table(section(metrics, "Costs"))) == set(COSTS)
    assert set(table(section(metrics, "Blame"))) == set(BLAMED)
    assert set(table(section(metrics, "Time to a target"))) == set(get_args(Rule))
    text = {"kind": "pydoc-topics", "context": 8, "max_test_windows": 5}
    words = small_scenario(data__dataset=text, data__partition="iid", model={"kind": "gpt", "width": 4})
    recorded = [
        name for one in (run, words.set("run.horizon_s", 50.0).run(0)) for name in one.column("evaluation", "metric")
    ]
    names = {re.sub(r"_\d+$", "_k", name) for name in recorded}
    assert set(table(section(metrics, "Metrics of a version"))) == names


# -- settings ----------------------------------------------------------------------------------------------------------


def flat_defaults(part: Settings, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield (dotted name, default as a page writes it) of every setting; a part is written as its kind."""
    for name in type(part).model_fields:
        value = getattr(part, name)
        if name == "kind":
            continue
        if isinstance(value, Settings):
            yield prefix + name, str(getattr(value, "kind", "a table"))
            yield from flat_defaults(value, f"{prefix}{name}.")
        elif isinstance(value, bool):
            yield prefix + name, str(value).lower()
        elif isinstance(value, float | int):
            yield prefix + name, f"{value:g}"
        else:
            yield prefix + name, "none" if value is None else str(value)


@pytest.mark.parametrize("name", catalogue.entries("algorithm"))
def test_every_method_has_a_page_with_every_setting_and_its_default(name: str) -> None:
    text = section(DOCS / f"methods/{name}.md", "Settings")
    documented: dict[str, list[str]] = {}
    for chunk in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        documented |= table("\n" + chunk)
    expected = dict(flat_defaults(catalogue.load("algorithm", name)()))
    assert {setting: cells[0].strip("`") for setting, cells in documented.items()} == expected


SCENARIO_TABLES = (
    Header, RunSettings, DataSettings, TrainingSettings, FleetSettings, UplinkSettings, ChannelSettings, FaultSettings,
    FederationSettings, RegionsSettings, SplitSettings, AccessLinks, VirtualSize, NetworkSettings, NetworkFault,
)  # fmt: skip


def test_every_setting_of_a_scenario_is_documented() -> None:
    text = (DOCS / "how-to/write-a-scenario.md").read_text(encoding="utf-8")
    for settings in SCENARIO_TABLES:
        missing = [name for name in settings.model_fields if not re.search(rf"\b{name}\b", text)]
        assert not missing, settings.__name__


def default_in_words(settings: type[Settings], name: str) -> str:
    """Return the default of a setting as a table of settings has it: empty if there is none."""
    field = settings.model_fields[name]
    if field.is_required():
        return ""
    default = field.get_default(call_default_factory=True)
    return str(getattr(default, "kind", None) or ("none" if default in (None, ()) else default))


@pytest.mark.parametrize(
    ("page", "before"), [("how-to/write-a-scenario.md", "\n`[network]`"), ("networks.md", "\n## Settings")]
)
def test_every_setting_of_a_network_is_in_the_tables_with_its_default(page: str, before: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8").partition(before)[2]
    found = {name: cells[0].strip("`") for name, cells in table(text).items() if name in NetworkSettings.model_fields}
    assert found == {name: default_in_words(NetworkSettings, name) for name in NetworkSettings.model_fields}


def test_every_setting_of_a_link_is_on_the_page_of_networks() -> None:
    assert list(table(section(DOCS / "networks.md", "A link"))) == list(LinkSettings.model_fields)


def test_every_component_is_documented_with_its_settings() -> None:
    documented = table("\n" + section(DOCS / "how-to/write-a-scenario.md", "Components").split("```")[2])
    for kind in set(catalogue.KINDS) - {
        "scenario",
        "algorithm",
        "world",
        "kernel",
        "placement",
        "reproduction",
        "tracker",
    }:
        (row,) = documented["profile" if kind == "device" else kind.replace("-", "_")]
        for name in catalogue.entries(kind):
            fields = [field for field in catalogue.load(kind, name).model_fields if field != "kind"]
            words = fields if kind == "device" else [name, *fields]
            assert all(f"`{word}`" in row for word in words), (kind, name)


# -- code, commands, links -----------------------------------------------------------------------------------------


@every_page
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page run in order, in one namespace, as a reader would type them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(catalogue, "_registered", dict(catalogue._registered))
    namespace: dict[str, Any] = {"__name__": "docs"}
    for line, code in blocks(page, "python"):
        if "# not run" not in code:
            exec(compile("\n" * line + code, str(page), "exec"), namespace)


@every_page
def test_toml_blocks_are_scenarios_or_tables_of_one(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_files(page)
    for _, text in blocks(page, "toml"):
        tables = tomllib.loads(text)
        if "project" in tables:
            continue
        base = {} if "scenario" in tables else dict(Scenario.load(DEFAULT_SCENARIO).document)
        base["channel"] = {**base.get("channel", {}), **tables.pop("channel", {})}
        resolve({**base, **tables})


@every_page
def test_commands_are_accepted(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_files(page)
    written: dict[str, str] = {}  # files that `testbed new` wrote, and the scenario they started from
    for verb, *words in commands(page):
        options = {word.partition("=")[0] for word in words if word.startswith("--")}
        usage = CliRunner().invoke(app, [verb, "--help"]).output
        assert not [option for option in options if not re.search(rf"{option}\b", usage)], (verb, words)
        given = get_command(app).commands[verb].make_context(verb, list(words)).params  # type: ignore[attr-defined]
        if verb == "new":
            written[str(given["file"])] = given["source"]
        check_names(given, written)


def check_names(given: Mapping[str, Any], written: Mapping[str, str]) -> None:
    """Refuse arguments that the verb would refuse once it reads them."""
    if given.get("kind"):
        catalogue.entries(given["kind"])
    if given.get("source"):
        Scenario.load(given["source"]).resolve()
    if "scenario" not in given:
        return
    scenario = Scenario.load(written.get(given["scenario"], given["scenario"]))
    for text in given["set_"] or []:
        scenario = scenario.set(*parse_override(text))
    for key in ("kernel", "placement"):
        scenario = scenario if given.get(key) is None else scenario.set(f"run.{key}", given[key])
    scenario.resolve()
    if "vary" in given:
        plan_sweep(scenario, [parse_variation(text) for text in given["vary"]], parse_seeds(given["seeds"]))
        parse_target(given["target"] or "none")
        check_rule(given["target_rule"])


def anchors(page: Path) -> set[str]:
    """Return the fragments that the page's headings make."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_page
def test_relative_links_resolve(page: Path) -> None:
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"\w+:", link):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not fragment or fragment in anchors(target), link


def test_every_page_is_in_the_table_of_contents() -> None:
    contents = DOCS / "README.md"
    linked = {(DOCS / link.partition("#")[0]).resolve() for link in LINK.findall(contents.read_text(encoding="utf-8"))}
    assert not set(PAGES.values()) - linked - {contents, ROOT / "README.md"}
