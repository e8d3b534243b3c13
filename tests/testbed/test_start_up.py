import os
import subprocess
import sys

import pytest

LIMIT_S = 0.5
HELP = "import sys; sys.argv = ['testbed', '--help']; from testbed.cli import main; main()"
HEAVY = (
    "torch",
    "numpy",
    "scipy",
    "sklearn",
    "pandas",
    "pyarrow",
    "matplotlib",
    "simpy",
    "networkx",
    "pydantic",
)


def cpu_seconds(program: str) -> float:
    """User and system time of a fresh interpreter: other work on the machine does not count."""
    before = os.times()
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return (after.children_user - before.children_user) + (after.children_system - before.children_system)


@pytest.mark.parametrize("program", ["import testbed", HELP], ids=["import testbed", "testbed --help"])
def test_the_start_takes_less_than_half_a_second(program):
    assert min(cpu_seconds(program) for _ in range(5)) < LIMIT_S


def test_help_is_given_without_importing_anything_heavy():
    program = f"import atexit; atexit.register(lambda: print(*sorted(set({HEAVY!r}) & set(sys.modules)))); {HELP}"
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert "Usage" in answer.stdout
    assert answer.stdout.splitlines()[-1] == ""
