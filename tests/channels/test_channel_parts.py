import importlib

import pytest

from channels.parts import PARTS
from testbed.settings import Part

NAMES = [(kind, name) for kind, names in PARTS.items() for name in names]


@pytest.mark.parametrize(("kind", "name"), NAMES)
def test_every_named_part_exists_and_carries_its_name(kind: str, name: str) -> None:
    target, help = PARTS[kind][name]
    module, _, attribute = target.partition(":")
    part_class = getattr(importlib.import_module(module), attribute)
    assert issubclass(part_class, Part)
    assert part_class.model_fields["kind"].default == name
    assert help


@pytest.mark.parametrize(("kind", "name"), NAMES)
def test_physics_has_no_defaults(kind: str, name: str) -> None:
    module, _, attribute = PARTS[kind][name][0].partition(":")
    fields = getattr(importlib.import_module(module), attribute).model_fields
    assert [field for field in fields if field != "kind" and not fields[field].is_required()] == []
