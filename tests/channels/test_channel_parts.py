import importlib

import pytest

from channels.parts import PARTS
from channels.wan.bandwidth import ConstantBandwidth
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
# The same of networks: no impairment, no limit, no scaling, what a file says by itself; and one number where a file is
# silent, which its documentation states.
HARMLESS |= {"jitter_s": 0.0, "loss": 0.0, "sharing": "fair", "energy_j_per_gbyte": 0.0}
HARMLESS |= {"bandwidth": ConstantBandwidth(), "egress_bit_per_s": None, "ingress_bit_per_s": None}
HARMLESS |= {"period_s": None, "good_fraction": 1.0, "block_s": None, "to_capacity": False, "start": "offset"}
HARMLESS |= {"member": None, "format": None, "scale": 1.0, "offset_s": 0.0, "capacity_scale": 1.0}
HARMLESS |= {"preset": None, "regions": None, "pairs": (), "statistic": "avg", "tier": "PREMIUM"}
HARMLESS |= {"throughput_scale": 1.0, "default_capacity_bit_per_s": None, "default_delay_s": 0.005}
HARMLESS |= {"order": "best", "hub": None}


@pytest.mark.parametrize(("kind", "name"), PHYSICS)
def test_physics_has_no_defaults_but_the_harmless_ones(kind: str, name: str) -> None:
    module, _, attribute = PARTS[kind][name][0].partition(":")
    fields = getattr(importlib.import_module(module), attribute).model_fields
    given = {field: fields[field].default for field in fields if field != "kind" and not fields[field].is_required()}
    assert given == {field: HARMLESS[field] for field in given}
