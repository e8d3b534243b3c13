"""The reference of settings says what the schemas say."""

from typing import Annotated, Any, Literal

import pytest
from documents import DOCS
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo
from typer.testing import CliRunner

from channels.uplink import UplinkSettings
from testbed import catalogue
from testbed.cli import app
from testbed.devices.availability import FaultSettings
from testbed.devices.fleet import FleetSettings
from testbed.experiments.resolve import DataSettings, Header, RunSettings, StopSettings, TrainingSettings
from testbed.settings import Fraction, Part, PositiveSeconds, Settings, component
from testbed.views.reference import reference_page, settings_of, unit_of

PAGE = DOCS / "reference/settings.md"
CLASSES = list(
    dict.fromkeys(
        part
        for kind in catalogue.KINDS
        for name, entry in catalogue.entries(kind).items()
        if kind != "scenario" and entry.origin == catalogue.OWN
        if isinstance(part := catalogue.load(kind, name), type) and issubclass(part, Part)
    )
)
QUANTITIES = [
    pytest.param(name, field, id=f"{part.__name__}.{name}")
    for part in (*CLASSES, UplinkSettings, FleetSettings, RunSettings, StopSettings, FaultSettings)
    for name, field in part.model_fields.items()
    if "float" in str(field.annotation)
]
UNITS = {unit: unit for unit in ("s", "Hz", "W", "J", "m", "FLOP/s", "W/Hz", "dB", "bit/s")}
UNITS |= {"byte": "B", "byte/s": "B/s"}
# What is kept in bits may be written in bytes; the reverse is refused.
ALSO_READ = {"bit/s": ["byte/s"]}


class Inner(Settings):
    depth_m: float = 2.0  # how deep; in all


class Outer(Part):
    rule: Annotated[Any, component("grouping")] = "tier"  # type: ignore[assignment]
    period_s: PositiveSeconds  # of a round
    share: Fraction = 0.25
    mode: Literal["a", "b"] | None = None
    sizes: tuple[int, ...] = (1, 2)
    many: tuple[float, ...] = tuple(range(9))
    inner: Inner = Inner()
    on: bool = True
    label: str = ""


def test_a_setting_is_described_by_its_annotation_its_default_its_name_and_the_comment_beside_it() -> None:
    assert [tuple(setting) for setting in settings_of(Outer)] == [
        ("rule", "[grouping](#grouping)", "", "`tier`", ""),
        ("period_s", "number > 0", "s", "required", "of a round"),
        ("share", "number ≥ 0, ≤ 1", "", "0.25", ""),
        ("mode", "`a`, `b`", "", "none", ""),
        ("sizes", "list, each a whole number", "", "[1, 2]", ""),
        ("many", "list, each a number", "", "[0, 1, 2, 3, ...], 9 in all", ""),
        ("inner", "table", "", "see below", ""),
        ("inner.depth_m", "number", "m", "2", "how deep; in all"),
        ("on", "true or false", "", "true", ""),
        ("label", "text", "", "empty", ""),
    ]


@pytest.mark.parametrize(("name", "field"), QUANTITIES)
def test_the_unit_in_a_name_is_the_one_that_the_setting_reads(name: str, field: FieldInfo) -> None:
    reads = TypeAdapter(field.annotation if not field.metadata else Annotated[field.annotation, *field.metadata])
    read = [unit for unit, spelling in UNITS.items() if is_read(reads, f"1 {spelling}")]
    unit = unit_of(name)
    assert read == ([unit, *ALSO_READ.get(unit, [])] if unit in UNITS else []), name


def is_read(reads: TypeAdapter[Any], text: str) -> bool:
    try:
        reads.validate_python(text)
    except ValueError:
        return False
    return True


def test_the_saved_page_is_the_one_made_from_the_schemas_of_today() -> None:
    assert reference_page() == PAGE.read_text(encoding="utf-8"), "run make reference"


def test_every_shipped_name_and_every_setting_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for kind in catalogue.KINDS:
        names = [name for name, entry in catalogue.entries(kind).items() if entry.origin == catalogue.OWN]
        assert f"\n## {kind}\n" in text
        assert all(f"| `{name}` |" in text for name in names), kind
    assert all(f"`{name}`" in text for part in CLASSES for name in part.model_fields if name != "kind")


def test_the_command_prints_the_page_and_nothing_else() -> None:
    answer = CliRunner().invoke(app, ["list", "--markdown"])
    assert answer.output == reference_page()


def test_what_a_script_registers_is_not_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_registered", {})
    before = reference_page()
    catalogue.register("grouping", "of-a-script")(Outer)
    assert reference_page() == before


WORLDS = [catalogue.load("world", name).Settings for name in catalogue.entries("world")]


@pytest.mark.parametrize("settings", [Header, RunSettings, DataSettings, TrainingSettings, *WORLDS, *CLASSES])
def test_every_setting_says_what_it_means(settings: type[Settings]) -> None:
    assert [setting.name for setting in settings_of(settings) if not setting.meaning] == []
