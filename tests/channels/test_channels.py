import subprocess
import sys

import channels
from channels.parts import PARTS
from testbed.catalogue import KINDS


def test_importing_every_module_of_channels_never_imports_torch() -> None:
    program = (
        "import importlib, sys, channels\n"
        "[importlib.import_module('channels.' + name) for name in channels.__all__]\n"
        "found = [m for m in sys.modules if m.split('.')[0] in ('torch', 'torch_geometric', 'sklearn')]\n"
        "assert not found, found\n"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


def test_the_parts_table_imports_no_part() -> None:
    program = (
        "import sys, channels.parts\n"
        "assert sorted(m for m in sys.modules if 'channels' in m) == ['channels', 'channels.parts']\n"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


def test_the_public_list_is_sorted_and_names_every_module() -> None:
    import pathlib

    folder = pathlib.Path(channels.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    modules |= {path.parent.name for path in folder.glob("*/__init__.py")}
    assert channels.__all__ == sorted(channels.__all__)
    assert set(channels.__all__) <= modules


def test_only_known_kinds_of_parts_are_offered() -> None:
    radio = {"path-loss", "shadowing", "fading", "noise", "downlink"}
    assert set(PARTS) == radio | {"bandwidth", "codec", "collective", "topology"}
    assert set(PARTS) <= set(KINDS)
