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


# A codec is a choice of how to write, and a wired network is ideal unless said otherwise: these may have defaults.
PHYSICS = [(kind, name) for kind, name in NAMES if kind not in ("bandwidth", "codec", "collective", "topology")]

# What a scenario may leave out: impairments it does not ask for, and one of two settings of which it gives the other.
HARMLESS = {"shadowing": "none", "rho": None, "normalised_doppler": None, "on_end": "refuse", "sha256": None}


@pytest.mark.parametrize(("kind", "name"), PHYSICS)
def test_physics_has_no_defaults_but_the_harmless_ones(kind: str, name: str) -> None:
    module, _, attribute = PARTS[kind][name][0].partition(":")
    fields = getattr(importlib.import_module(module), attribute).model_fields
    given = {field: fields[field].default for field in fields if field != "kind" and not fields[field].is_required()}
    assert given == {field: HARMLESS[field] for field in given}
