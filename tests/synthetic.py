"""Runs of realistic shape without a simulation: devices in groups that compute, wait, queue for and share an uplink."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from testbed.experiments.result import RunResult

SPAN_COLUMNS = ("span_id", "entity", "kind", "start_s", "end_s", "cause_id")


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Return a table of rows given in the order of its columns."""
    return pa.table({name: [row[i] for row in rows] for i, name in enumerate(columns)})


def grouped_run(
    label: str = "air-fedga",
    seed: int = 0,
    num_devices: int = 40,
    num_groups: int = 5,
    horizon_s: float = 600.0,
    airtime_s: float = 0.7,
    speed: float = 60.0,
    with_groups: bool = True,
) -> RunResult:
    """Return a run whose groups, slower and slower, take turns on one uplink; `speed` is its learning time [s]."""
    rng = np.random.default_rng([seed, num_groups])
    training_s = np.sort(rng.uniform(3.0, 24.0, num_devices))
    groups = np.array_split(np.arange(num_devices), num_groups)
    spans: list[tuple[Any, ...]] = []
    versions: list[tuple[Any, ...]] = []
    transfers: list[tuple[Any, ...]] = []
    trainings: list[tuple[Any, ...]] = []
    aggregations: list[tuple[Any, ...]] = []

    def span(entity: str, kind: str, start_s: float, end_s: float, cause: int = -1) -> int:
        spans.append((len(spans), entity, kind, float(start_s), float(end_s), cause))
        return len(spans) - 1

    start_s, bases, mac_free_s = np.zeros(num_groups), np.zeros(num_groups, dtype=int), 0.0
    ready_s = np.array([training_s[members].max() for members in groups])
    while True:
        group = int(np.argmin(ready_s))
        turn_s = max(float(ready_s[group]), mac_free_s)
        end_s = turn_s + airtime_s
        if end_s > horizon_s:
            break
        for device in groups[group]:
            _train(span, trainings, int(device), float(start_s[group]), float(training_s[device]), bases[group])
        if turn_s > ready_s[group]:
            span(f"group-{group}", "queue", ready_s[group], turn_s)
        for position, device in enumerate(groups[group]):
            sent = span(f"device-{device}", "transmit", turn_s, end_s)
            uses = airtime_s * 1e6 if position == 0 else 0.0
            energy_j = float(rng.exponential(8.0))
            transfers.append((sent, f"device-{device}", "server", "aircomp", turn_s, end_s, 0.0, uses, energy_j))
        uplink = span("uplink", "transmit", turn_s, end_s)
        version, base, size = len(versions) + 1, int(bases[group]), len(groups[group])
        share = size / num_devices
        versions.append(
            (version, end_s, group, base, version - 1 - base, size, size, share, share, 0.2 * share, uplink)
        )
        aggregations.append((uplink, version, group, "air-fedga", size, 1.0, 1.0, 0.9, 0.01, 0.01))
        start_s[group], bases[group], mac_free_s = end_s, version, end_s
        ready_s[group] = end_s + training_s[groups[group]].max()

    tables = {
        "span": table(SPAN_COLUMNS, spans),
        "transfer": table(
            ["span_id", "source", "target", "channel", "start_s", "end_s", "bits", "channel_uses", "energy_tx_j"],
            transfers,
        ),
        "training": table(
            [
                "span_id",
                "client",
                "job",
                "base_version",
                "start_s",
                "end_s",
                "flop",
                "peak_bytes",
                "energy_compute_j",
                "outcome",
            ],
            trainings,
        ),
        "version": table(
            [
                "version",
                "time_s",
                "group",
                "base_version",
                "staleness",
                "num_active",
                "num_members",
                "mixing_weight",
                "progress_norm",
                "pull_back_norm",
                "span_id",
            ],
            versions,
        ),
        "evaluation": _evaluations(rng, speed, horizon_s, versions),
        "device": _devices(spans, num_devices, horizon_s),
    }
    if with_groups:
        tables |= _group_tables(groups, training_s, airtime_s)
        tables["aggregation"] = table(
            [
                "span_id",
                "version",
                "group",
                "power_control",
                "num_active",
                "noise_energy_j",
                "receive_scale",
                "alignment",
                "aggregation_nmse",
                "predicted_nmse",
            ],
            aggregations,
        )
    scenario = {
        "scenario": {"name": "synthetic"},
        "run": {"horizon_s": horizon_s},
        "algorithm": {"kind": label},
        "channel": {"downlink": {"kind": "free"}},
    }
    return RunResult(f"{label}-{seed}", scenario, seed, {"status": "done"}, tables)


def _train(span: Any, trainings: list[Any], device: int, start_s: float, training_s: float, base: int) -> None:
    end_s = start_s + training_s
    if device % 10 == 3 and 20 <= start_s < 60:  # away in the middle of the job; the rest of its group is in time
        half_s = start_s + 0.4 * training_s
        span(f"device-{device}", "compute", start_s, half_s)
        span(f"device-{device}", "absent", half_s, half_s + 0.1 * training_s)
        last = span(f"device-{device}", "compute", half_s + 0.1 * training_s, end_s)
    else:
        last = span(f"device-{device}", "compute", start_s, end_s)
    trainings.append((last, device, 0, int(base), start_s, end_s, 1e9, 1e6, 10.0 * training_s, "completed"))


def _evaluations(rng: np.random.Generator, speed: float, horizon_s: float, versions: list[Any]) -> pa.Table:
    times_s = np.arange(0.0, horizon_s + 1e-9, 10.0)
    current = np.searchsorted([row[1] for row in versions], times_s, side="right")
    accuracy = 0.1 + 0.82 * (1 - np.exp(-times_s / speed)) + rng.normal(0.0, 0.012, len(times_s))
    rows = [
        (float(time_s), int(version), metric, float(value))
        for time_s, version, hit in zip(times_s, current, accuracy, strict=True)
        for metric, value in (("accuracy", hit), ("loss", 2.3 * (1 - hit)))
    ]
    return table(("time_s", "version", "metric", "value"), rows)


def _devices(spans: list[Any], num_devices: int, elapsed_s: float) -> pa.Table:
    spent = {(row[1], row[2]): 0.0 for row in spans}
    for row in spans:
        spent[row[1], row[2]] += row[4] - row[3]
    rows = []
    for device in range(num_devices):
        computing_s, transmitting_s, absent_s = (
            spent.get((f"device-{device}", kind), 0.0) for kind in ("compute", "transmit", "absent")
        )
        idle_s = elapsed_s - computing_s - transmitting_s - absent_s
        rows.append((device, "tx2", elapsed_s, computing_s, transmitting_s, absent_s, idle_s, computing_s, 1.0, idle_s))
    return table(
        [
            "device",
            "profile",
            "elapsed_s",
            "computing_s",
            "transmitting_s",
            "absent_s",
            "idle_s",
            "energy_compute_j",
            "energy_tx_j",
            "energy_idle_j",
        ],
        rows,
    )


def _group_tables(groups: list[Any], training_s: Any, airtime_s: float) -> dict[str, pa.Table]:
    num_devices = len(training_s)
    rows = [
        (i, len(members), len(members) / num_devices, 0.5, float(training_s[members].max() + airtime_s))
        for i, members in enumerate(groups)
    ]
    members = [
        (i, int(device), 100, 1 / num_devices, float(training_s[device]))
        for i, group in enumerate(groups)
        for device in group
    ]
    return {
        "group": table(["group", "num_members", "share", "label_distance", "planned_period_s"], rows),
        "membership": table(["group", "client", "num_samples", "share", "planned_training_s"], members),
    }


def three_alternatives(seeds: Sequence[int] = (0, 1, 2, 3, 4)) -> dict[str, list[RunResult]]:
    """Return a fast, a middling and a slow alternative, each over the seeds."""
    return {
        "fedavg": [grouped_run("fedavg", s, num_groups=1, airtime_s=20.0, speed=400.0) for s in seeds],
        "air-fedavg": [grouped_run("air-fedavg", s, num_groups=1, speed=130.0) for s in seeds],
        "air-fedga": [grouped_run("air-fedga", s, speed=70.0) for s in seeds],
    }
