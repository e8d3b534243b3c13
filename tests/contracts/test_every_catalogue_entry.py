"""The contract of every name in the catalogue: it can be found, made, written down and read back."""

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import pytest
from examples import EXAMPLES, Example, examples
from pydantic import create_model

from testbed import catalogue
from testbed.catalogue import KINDS
from testbed.experiments.scenario import Scenario
from testbed.settings import Part, Settings, component

# What is named but is not a part: a file, and a class that is given its settings.
NOT_PARTS = ("scenario", "world", "reproduction")
PART_KINDS = [kind for kind in KINDS if kind not in NOT_PARTS]
ENTRIES = [entry for kind in KINDS for entry in catalogue.entries(kind).values()]
PARTS = [example for kind in PART_KINDS for example in examples(kind)]
# A class of one name is known by it; a device profile has many.
NUM_NAMES = Counter(entry.target for entry in ENTRIES)
OF_ONE_NAME = [example for example in PARTS if NUM_NAMES[catalogue.find(example.kind, example.name).target] == 1]


class Holder(Settings):
    """Settings with a field that holds a part, as every scenario's."""

    part: Any

    @staticmethod
    @cache
    def of(kind: str) -> "type[Holder]":
        return create_model("Holder", __base__=Holder, part=(Annotated[Any, component(kind)], ...))


every_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.kind}-{entry.name}")
every_part = pytest.mark.parametrize("example", PARTS, ids=lambda example: f"{example.kind}-{example}")
every_part_of_one_name = pytest.mark.parametrize("example", OF_ONE_NAME, ids=lambda e: f"{e.kind}-{e}")


@every_entry
def test_it_is_of_a_known_kind_spelt_as_the_catalogue_spells_and_its_help_fits_a_hundred_columns(
    entry: catalogue.Entry,
) -> None:
    assert entry.kind in KINDS
    assert entry.name == catalogue.canonical(entry.name)
    assert catalogue.find(entry.kind, entry.name) == entry
    assert entry.help.strip() == entry.help
    assert 1 <= len(entry.help) <= 100
    assert entry.help.isprintable()


@every_part
def test_a_part_made_by_name_loads_and_carries_that_name_however_it_was_spelt(example: Example) -> None:
    part = example.build()
    assert isinstance(part, Part)
    assert type(part) is catalogue.load(example.kind, example.name)
    assert part.kind == example.name
    spelt = Example(example.kind, f" {example.name.upper().replace('-', '_')} ", example.settings)
    assert spelt.build() == part


@every_part_of_one_name
def test_a_class_of_one_name_reports_it_when_made_directly(example: Example) -> None:
    part_class = catalogue.load(example.kind, example.name)
    assert part_class.model_fields["kind"].default == example.name
    assert part_class(**example.settings) == example.build()


@every_part
def test_a_part_written_as_json_is_read_back_equal_alone_and_inside_other_settings(example: Example) -> None:
    part = example.build()
    written = part.model_dump(mode="json")
    assert json.loads(json.dumps(written, allow_nan=False)) == written
    holder = Holder.of(example.kind)
    inside = holder(part=part).model_dump(mode="json")
    for table in (written, json.loads(json.dumps(inside, allow_nan=False))["part"]):
        again = holder(part=table).part
        assert type(again) is type(part)
        assert again == part
        assert again.model_dump(mode="json") == written


@pytest.mark.parametrize("name", catalogue.entries("world"))
def test_a_world_loads_and_says_what_its_settings_are(name: str) -> None:
    assert issubclass(catalogue.load("world", name).Settings, Settings)


@pytest.mark.parametrize("name", catalogue.entries("scenario"))
def test_a_scenario_loads_under_its_own_name_and_resolving_it_again_changes_nothing(name: str) -> None:
    resolved = Scenario.load(name).resolve()
    assert resolved.header.name == name
    document = json.loads(json.dumps(resolved.document, allow_nan=False))
    kind = document["algorithm"].pop("kind")
    document["algorithm"] = {"kind": kind, kind: document["algorithm"]}
    again = json.loads(json.dumps(Scenario(document).resolve().document))
    assert again == json.loads(json.dumps(resolved.document))


@pytest.mark.parametrize(("kind", "names"), EXAMPLES.items())
def test_every_example_is_one_of_a_registered_part(kind: str, names: dict[str, Any]) -> None:
    assert set(names) <= set(catalogue.entries(kind))


def test_every_kind_has_a_suite_of_contracts() -> None:
    suites = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_every_*.py"))
    covered = set(re.findall(r"(?:examples|entries)\(\"([a-z-]+)\"\)", suites))
    assert covered == set(KINDS)
