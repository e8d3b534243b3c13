# ruff: noqa: T201 - a script that prints what it measured
"""How much memory a long run takes: recording millions of spans, settling accounts, saving, and reading what was saved.

    python tests/benchmarks/long_run.py [--spans 10000000] [--devices 100] [--out FOLDER]

Memory is the largest resident set of a phase (Linux) beyond the process with everything imported; what was saved is
read in processes of their own. Times are of the processor. Last come the digests of the saved files: they say whether
two versions of the program saved the same.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import simpy

TIMES_S = {"compute": 1.0, "transmit": 0.25}


def resident_peak_mb() -> float:
    """Return the largest resident set since it was last asked for [MB]."""
    status = Path("/proc/self/status").read_text()
    peak_mb = int(status.split("VmHWM:")[1].split()[0]) / 1024
    Path("/proc/self/clear_refs").write_text("5")
    return peak_mb


def phase(name: str, before_mb: float, work: Callable[[], Any]) -> Any:
    """Do the work and print its peak of memory beyond `before_mb` and its processor time."""
    resident_peak_mb()
    started = time.process_time()
    done = work()
    print(f"{name}: +{resident_peak_mb() - before_mb:.0f} MB, {time.process_time() - started:.1f} s", flush=True)
    return done


def run_and_save(num_spans: int, num_devices: int, folder: Path) -> None:
    """Record a run in which devices compute and transmit by turns, and save it."""
    import pandas  # noqa: F401 - pyarrow imports it
    import pyarrow.parquet  # noqa: F401 - part of the process before the run

    from testbed.devices.availability import Absences, AlwaysAvailable
    from testbed.devices.fleet import Fleet, FleetSettings
    from testbed.devices.profiles import DeviceProfile
    from testbed.devices.slowdown import NoSlowdown
    from testbed.experiments.result import RunResult
    from testbed.experiments.store import save_run
    from testbed.records import NO_CAUSE, TRANSFER
    from testbed.simulation import Simulation

    simulation = Simulation(0)
    profile = DeviceProfile.from_table("jetson-tx2-max-n", {"flop_per_s": 10.0})
    settings = FleetSettings(count=num_devices, profile=profile, slowdown=NoSlowdown(), on_loss="pause")
    fleet = Fleet(simulation, settings, Absences(AlwaysAvailable(), [], num_devices, simulation.stream))

    def act() -> Generator[simpy.Event]:
        env, records = simulation.env, simulation.records
        append_transfer = records.open(TRANSFER)
        causes = [NO_CAUSE] * num_devices
        for turn in range(num_spans // 2):
            device = turn % num_devices
            for kind, time_s in TIMES_S.items():
                started_s = env.now
                yield env.timeout(time_s / (1.0 + 0.1 * (device % 7)))
                causes[device] = records.span(f"device-{device}", kind, started_s, env.now, causes[device])
            if turn % 10 == 0:
                append_transfer(causes[device], f"device-{device}", "server", "tdma", 0.0, env.now, 8.0, 1.0, 0.1)
        simulation.finish("done")

    simulation.start(act(), "devices")
    resident_peak_mb()
    before_mb = resident_peak_mb()
    phase("running", before_mb, simulation.run)
    phase("closing", before_mb, lambda: fleet.close(simulation.now_s))
    meta: dict[str, Any] = {"simulated_end_s": simulation.now_s}
    result = RunResult("0" * 12, {}, 0, meta, simulation.records.tables())
    phase("saving", before_mb, lambda: save_run(result, folder))


def read(what: str, folder: Path) -> None:
    """Look at a saved run."""
    import pandas  # noqa: F401 - pyarrow imports it
    import pyarrow.parquet  # noqa: F401 - part of the process before reading

    from testbed.experiments.blame import blame
    from testbed.experiments.store import load_run
    from testbed.views.timeline import plot_timeline

    views: dict[str, Callable[[Any], Any]] = {
        "loading": lambda run: run,
        "one column": lambda run: run.column("span", "end_s").max(),
        "timeline": lambda run: plot_timeline(run, start_s=0.0, end_s=100.0),
        "blame": blame,
    }
    resident_peak_mb()
    phase(what, resident_peak_mb(), lambda: views[what](load_run(folder)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=10_000_000)
    parser.add_argument("--devices", type=int, default=100)
    parser.add_argument("--out", type=Path, help="where the run is saved; without it, nowhere for long")
    parser.add_argument("--views", nargs="*", default=["loading", "one column", "timeline"])
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone == "run":
        run_and_save(options.spans, options.devices, options.out)
    elif options.alone:
        read(options.alone, options.out)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            folder = options.out or Path(temporary) / "run"
            for part in ("run", *options.views):
                sizes = ["--spans", str(options.spans), "--devices", str(options.devices), "--out", str(folder)]
                subprocess.run([sys.executable, __file__, "--alone", part, *sizes], check=True)
            files = json.loads((folder / "meta.json").read_text())["files"]
            print("\n".join(f"{digest[:16]} {name}" for name, digest in sorted(files.items())))


if __name__ == "__main__":
    main()
