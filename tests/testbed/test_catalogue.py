import importlib
import re
import subprocess
import sys
import tomllib
from importlib import resources
from importlib.metadata import EntryPoint

import pytest

from channels.fading import RicianFading, StaticFading
from testbed import catalogue
from testbed.catalogue import KINDS, Entry, canonical, entries, examined, find, load, register
from testbed.devices.profiles import CUSTOM, EFFECTIVE_FRACTION, HARDWARE
from testbed.errors import RequestError
from testbed.plugins import load_target, shortcoming
from testbed.settings import Part

TABLES = ["testbed.parts", "channels.parts", "algorithms.parts", "graphs.parts"]
LITERAL = [
    pytest.param(table, kind, name, id=f"{kind}-{name}")
    for table in TABLES
    for kind, names in importlib.import_module(table).PARTS.items()
    for name in names
]
# Their objects are not settings that do the work themselves.
NOT_PARTS = {"scenario", "world", "kernel", "placement", "reproduction"}


@pytest.fixture
def registry(monkeypatch):
    """What is registered in a test is forgotten after it."""
    monkeypatch.setattr(catalogue, "_registered", {})


@pytest.fixture
def others(monkeypatch):
    """Another distribution brings some names."""
    brought = {
        "airwan.fading": [
            EntryPoint("Rician_K", "channels.fading:RicianFading", "airwan.fading"),
            EntryPoint("rayleigh", "channels.fading:RicianFading", "airwan.fading"),
            EntryPoint("counter", "collections:Counter", "airwan.fading"),
        ]
    }
    monkeypatch.setattr(catalogue, "entry_points", lambda group: brought.get(group, []))
    catalogue._plugged_entries.cache_clear()
    yield
    catalogue._plugged_entries.cache_clear()


@pytest.mark.parametrize(("table", "kind", "name"), LITERAL)
def test_every_literal_entry_is_complete(table, kind, name):
    target, text = importlib.import_module(table).PARTS[kind][name]
    assert kind in KINDS
    assert name == canonical(name)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    assert re.fullmatch(r"[\w.]+:[\w.-]+", target)
    assert text.strip() == text and text and "\n" not in text
    entry = find(kind, name)
    assert (entry.kind, entry.name, entry.target, entry.help, entry.origin) == (
        kind,
        name,
        target,
        text,
        "airwan",
    )


@pytest.mark.parametrize(("table", "kind", "name"), LITERAL)
def test_every_literal_entry_can_be_loaded(table, kind, name):
    module, _, attribute = find(kind, name).target.partition(":")
    if kind == "scenario":
        document = tomllib.loads(resources.files(module).joinpath(attribute).read_text(encoding="utf-8"))
        assert document["scenario"]["name"] == name
    else:
        assert load(kind, name) is getattr(importlib.import_module(module), attribute)


@pytest.mark.parametrize(("table", "kind", "name"), [p for p in LITERAL if p.values[1] not in NOT_PARTS])
def test_every_literal_entry_that_a_scenario_configures_is_a_part(table, kind, name):
    part = load(kind, name)
    assert issubclass(part, Part)
    assert part.model_config["frozen"]
    assert part.model_config["extra"] == "forbid"
    assert part.__doc__ and part.__doc__ != Part.__doc__


@pytest.mark.parametrize(
    ("table", "kind", "name"), [p for p in LITERAL if p.values[1] not in ("scenario", "reproduction")]
)
def test_every_literal_entry_is_what_a_part_of_another_package_must_be(table, kind, name):
    required = [load_target(target) for target in catalogue._requirements(kind)]
    assert [shortcoming(load(kind, name), one) for one in required] == [""] * len(required)


def test_every_kind_of_part_but_a_device_has_a_protocol():
    # A device is a table of numbers, a world is given its settings, and a reproduction is an object.
    protocols = {kind for table in TABLES for kind in importlib.import_module(table).PROTOCOLS}
    assert protocols == set(KINDS) - {"scenario", "world", "device", "reproduction"}


def test_the_devices_are_the_table_of_profiles_and_their_lines_say_its_speed():
    listed = {name: entry.help for name, entry in entries("device").items() if name != CUSTOM}
    assert set(listed) == set(HARDWARE)
    for name, hardware in HARDWARE.items():
        gflop_per_s = EFFECTIVE_FRACTION * hardware.peak_flop_per_s / 1e9
        speeds = (f"{gflop_per_s:.0f} GFLOP/s", f"{gflop_per_s / 1e3:.1f} TFLOP/s", f"{gflop_per_s / 1e3:.0f} TFLOP/s")
        assert any(f"{speed} effective" in listed[name] for speed in speeds), name


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_has_its_line_and_can_be_listed(kind):
    assert KINDS[kind]
    assert list(entries(kind)) == sorted(entries(kind))


def test_listing_everything_imports_no_part_and_nothing_heavy(registry):
    program = """
import sys
import testbed.catalogue as catalogue
known = [entry for kind in catalogue.KINDS for entry in catalogue.entries(kind).values()]
modules = {entry.target.partition(":")[0] for entry in known if entry.kind != "scenario"}
heavy = {"torch", "numpy", "scipy", "sklearn", "pandas", "pyarrow", "simpy", "networkx", "pydantic"}
print(len(known), *sorted((modules | heavy) & set(sys.modules)))
"""
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert answer.stdout.split() == [str(sum(len(entries(kind)) for kind in KINDS))]


@pytest.mark.parametrize(("kind", "nearest"), [("fadin", "fading"), ("fadings", "fading"), ("Path Loss", "path-loss")])
def test_an_unknown_kind_is_refused_with_the_nearest_ones_and_the_whole_choice(kind, nearest):
    for ask in (entries, lambda k: find(k, "unit"), lambda k: load(k, "unit"), lambda k: register(k, "unit")):
        with pytest.raises(RequestError, match=rf"unknown kind .*mean .*'{nearest}'.*known: algorithm, "):
            ask(kind)


@pytest.mark.parametrize("name", ["raileigh", "RAYLEIH", "ray_leigh"])
@pytest.mark.parametrize("ask", [find, load])
def test_an_unknown_name_is_refused_with_the_nearest_ones_and_the_whole_choice(ask, name):
    with pytest.raises(RequestError, match=r"unknown fading .*did you mean 'rayleigh'.*known: .*rayleigh, .*static"):
        ask("fading", name)


@pytest.mark.parametrize("name", ["", " ", "zzz"])
def test_a_name_unlike_any_other_is_refused_with_the_whole_choice(name):
    with pytest.raises(RequestError, match=r"^unknown fading '[z]*': known: .*rayleigh, .*static"):
        find("fading", name)


@pytest.mark.parametrize("name", ["per-symbol", "per_symbol", "Per_Symbol", " PER-SYMBOL "])
@pytest.mark.parametrize("kind", ["noise", "Noise", " noise"])
def test_case_underscores_and_spaces_around_mean_nothing(kind, name):
    assert find(kind, name).name == "per-symbol"
    assert load(kind, name) is load("noise", "per-symbol")


@pytest.mark.parametrize("kind", ["path-loss", "path_loss", "Path_Loss"])
def test_a_kind_may_be_spelt_with_underscores_wherever_it_is_asked_for(registry, kind):
    @register(kind, "two_ray")
    class TwoRay:
        """Ground reflection."""

    assert load("path-loss", "two-ray") is load(kind, "Two_Ray") is TwoRay
    assert find(kind, "two-ray").kind == "path-loss"
    assert "two-ray" in entries("path-loss")


def test_a_registered_part_is_listed_with_its_docstring_and_origin(registry):
    @register("fading", "two-wave")
    class TwoWave:
        """A line of sight.

        And more.
        """

    entry = find("fading", "two-wave")
    assert (entry.help, entry.origin) == ("A line of sight", __name__)
    assert list(entries("fading")) == sorted(entries("fading"))


def test_help_that_is_given_stands_and_the_part_comes_back_unchanged(registry):
    part = object()
    assert register("fading", "odd", "What it is.")(part) is part
    assert find("fading", "odd").help == "What it is."


@pytest.mark.parametrize("name", ["rayleigh", "Rayleigh", "mine", "MINE"])
def test_a_name_that_is_taken_is_refused(registry, name):
    register("fading", "mine")(object())
    with pytest.raises(RequestError, match=f"the fading '{name.lower()}' exists already"):
        register("fading", name)


def test_the_same_name_may_stand_in_two_kinds(registry):
    one, other = object(), object()
    register("fading", "mine")(one)
    register("noise", "mine")(other)
    assert (load("fading", "mine"), load("noise", "mine")) == (one, other)


def test_what_a_caller_does_to_the_entries_stays_with_the_caller():
    entries("fading").clear()
    assert "rayleigh" in entries("fading")


def test_another_distribution_adds_names_but_takes_none(others):
    assert load("fading", "rician-k") is RicianFading
    assert find("fading", "rician_k").origin == "unknown distribution"
    assert entries("fading")["rayleigh"].origin == "airwan"
    assert "rician-k" not in entries("noise")


@pytest.mark.parametrize("ask", [find, load])
def test_a_name_that_two_packages_bring_is_refused_with_both(others, ask):
    with pytest.raises(RequestError, match=r"'rayleigh' cannot be used: .* airwan and unknown distribution both"):
        ask("fading", "rayleigh")
    assert load("fading", "static") is StaticFading


def test_a_part_of_another_package_is_checked_when_it_is_loaded(others):
    with pytest.raises(RequestError, match=r"'counter' of the package unknown distribution .* testbed.settings.Part"):
        load("fading", "counter")


def test_examining_tells_the_help_or_the_problem_of_a_part_of_another_package(others):
    found = {name: examined(entry) for name, entry in entries("fading").items()}
    assert found["rician-k"].help == RicianFading.__doc__.split("\n")[0].removesuffix(".")
    assert found["counter"].problem == "Counter does not derive from testbed.settings.Part"
    assert "both bring it" in found["rayleigh"].problem
    assert {name for name, entry in found.items() if entry.problem} == {"counter", "rayleigh"}
    assert found["static"] == find("fading", "static")


@pytest.mark.parametrize(
    ("help", "source"),
    [
        ("what it is (Zhu et al., TWC 2020)", "Zhu et al., TWC 2020"),
        ("what (it) is (our choice)", "our choice"),
        ("what (it) is", ""),
        ("what it is", ""),
    ],
)
def test_the_source_is_what_the_help_ends_with_in_parentheses(help, source):
    assert Entry("fading", "mine", "a:b", help, "airwan").source == source


@pytest.mark.parametrize(
    "kind",
    [
        "algorithm",
        "codec",
        "compensation",
        "grouping",
        "outer-optimizer",
        "payload",
        "power-control",
        "schedule",
        "selection",
        "selector",
    ],
)
def test_every_rule_names_its_source_a_paper_with_its_year_a_textbook_or_our_choice(kind):
    for name, entry in entries(kind).items():
        assert re.search(r"\b(19|20)\d\d\b|\btextbook$|\bour choice$", entry.source), (name, entry.help)


def test_a_name_of_another_distribution_is_taken_too(registry, others):
    with pytest.raises(RequestError, match="exists already"):
        register("fading", "rician_k")


def test_two_literal_parts_of_one_name_are_a_defect_and_stop_everything(monkeypatch):
    monkeypatch.setattr(catalogue, "_TABLES", ("channels.parts", "channels.parts"))
    with pytest.raises(RuntimeError, match="two parts of kind 'path-loss' are named 'unit'"):
        catalogue._literal_entries.__wrapped__()
