"""The processes that this one started and that still run (Linux; elsewhere nobody looks)."""

import os
import signal
import time
from multiprocessing import resource_tracker
from pathlib import Path

__all__ = ["end_children", "running_children"]


def running_children(known: frozenset[int] = frozenset(), patience_s: float = 0.0) -> dict[int, str]:
    """Return the children beside those `known`, by number, with their commands; wait so long for them to end.

    Python's own tracker of shared resources is none: it runs to the end of the process that first needed it.
    """
    until_s = time.monotonic() + patience_s
    while found := {pid: command for pid, command in _children().items() if pid not in known}:
        if time.monotonic() >= until_s:
            break
        time.sleep(0.02)
    return found


def _children() -> dict[int, str]:
    found: dict[int, str] = {}
    for thread in Path("/proc/self/task").glob("*/children"):
        for pid in map(int, _content(thread).split()):
            # A child that has ended stays there, as Z, until its parent asks about it.
            state = _content(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()[:1]
            if state not in ([], ["Z"], ["X"]) and pid != resource_tracker._resource_tracker._pid:  # type: ignore[attr-defined]
                found[pid] = _content(Path(f"/proc/{pid}/cmdline")).replace("\0", " ").strip() or f"process {pid}"
    return found


def _content(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it ended just now
        return ""


def end_children(pids: set[int]) -> None:
    """Kill processes, and wait until they are gone."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
