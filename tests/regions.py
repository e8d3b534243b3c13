"""Runs of realistic shape without a simulation: regions that train replicas and synchronise fragments over a WAN."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from synthetic import SPAN_COLUMNS, table

from testbed.experiments.result import RunResult

__all__ = ["NAMES", "regions_run", "three_methods"]

NAMES = ("us-west", "us-east", "eu", "asia")


class _Rows:
    """The rows of one run, by table, as they are made."""

    def __init__(self, names: Sequence[str], rate_bit_per_s: float, delay_s: float) -> None:
        self.names, self.rate_bit_per_s, self.delay_s = names, rate_bit_per_s, delay_s
        self.spans: list[tuple[Any, ...]] = []
        self.flows: list[tuple[Any, ...]] = []
        self.syncs: list[tuple[Any, ...]] = []
        self.free_s = 0.0

    def span(self, entity: str, kind: str, start_s: float, end_s: float, cause: int) -> int:
        self.spans.append((len(self.spans), entity, kind, float(start_s), float(end_s), cause))
        return len(self.spans) - 1

    def all_reduce(self, fragment: int, step: int, apply_step: int, asked_s: float, bits: float, cause: int) -> int:
        """Send `bits` around the ring: 2 (M - 1) rounds of M flows of bits / M each; one ring at a time."""
        size, start_s = len(self.names), max(asked_s, self.free_s)
        cause = self.span("collective", "queue", asked_s, start_s, cause) if start_s > asked_s else cause
        last = dict.fromkeys(range(size), cause)
        round_s = bits / size / self.rate_bit_per_s + self.delay_s
        for number in range(2 * (size - 1)):
            begin_s, arrived = start_s + number * round_s, dict[int, int]()
            for source in range(size):
                target = (source + 1) % size
                names = self.names[source], self.names[target]
                end_s = begin_s + round_s
                sent = self.span(f"wan-{names[0]}-{names[1]}", "transmit", begin_s, end_s, last[source])
                gone_s = end_s - self.delay_s
                what = (">".join(names), f"fragment {fragment}")
                self.flows.append((sent, *names, *what, begin_s, gone_s, end_s, bits / size, 0.0, "delivered"))
                arrived[target] = sent
            last = arrived
        self.free_s = start_s + 2 * (size - 1) * round_s
        self.syncs.append((len(self.syncs), fragment, step, apply_step, asked_s, start_s, self.free_s, bits, 1.0))
        return self.span("collective", "all-reduce", start_s, self.free_s, cause)


def regions_run(
    label: str = "streaming-diloco",
    seed: int = 0,
    num_steps: int = 200,
    sync_every: int = 40,
    num_fragments: int = 4,
    delay_steps: int = 5,
    step_s: Sequence[float] = (1.0, 1.05, 1.1, 1.2),
    bits: float = 1.2e9,
    rate_bit_per_s: float = 1e9,
    delay_s: float = 0.115,
    names: Sequence[str] = NAMES,
    steps_to_halve: float = 60.0,
) -> RunResult:
    """Return a run that sends a fragment every `sync_every / num_fragments` steps and applies it `delay_steps` later.

    Without a delay every region stands still from where it is ready until the collective has ended. `bits` are those
    of one fragment of one region.
    """
    num_regions, interval = len(names), sync_every // num_fragments
    rows = _Rows(names, rate_bit_per_s, delay_s)
    now_s, last, began_s = np.zeros(num_regions), [-1] * num_regions, np.zeros(num_regions)
    computing_s, due, times_s = np.zeros(num_regions), dict[int, tuple[int, float]](), [0.0]
    for step in range(1, num_steps + 1):
        now_s = now_s + np.array(step_s[:num_regions])
        sends = step % interval == 0 and step + delay_steps <= num_steps  # what would be used after the end is left out
        applies = step in due or (sends and delay_steps == 0)
        if sends or applies or step == num_steps:
            for region in range(num_regions):
                entity = f"device-{region}"
                last[region] = rows.span(entity, "compute", began_s[region], now_s[region], last[region])
                computing_s[region] += now_s[region] - began_s[region]
        if sends:
            slowest, fragment = int(np.argmax(now_s)), (step // interval - 1) % num_fragments
            done = rows.all_reduce(fragment, step, step + delay_steps, now_s[slowest], bits, last[slowest])
            due[step + delay_steps] = (done, rows.free_s)
        if step in due:
            done, end_s = due[step]
            for region in range(num_regions):
                if now_s[region] < end_s:
                    rows.span(f"device-{region}", "stall", now_s[region], end_s, last[region])
                    last[region], now_s[region] = done, end_s
        if sends or applies:
            began_s = now_s.copy()
        times_s.append(float(now_s.max()))
    return _result(label, seed, rows, np.array(times_s), computing_s, steps_to_halve)


def _result(label: str, seed: int, rows: _Rows, times_s: Any, computing_s: Any, steps_to_halve: float) -> RunResult:
    elapsed_s, num_regions, num_steps = float(times_s[-1]), len(rows.names), len(times_s) - 1
    rng, evaluations = np.random.default_rng([seed, num_steps]), []
    for step in range(0, num_steps + 1, max(num_steps // 40, 1)):
        loss = 2.0 + 3.5 * 0.5 ** (step / steps_to_halve) + float(rng.normal(0.0, 0.01))
        values = {"loss": loss, "perplexity": np.exp(loss), "accuracy": np.exp(-loss), "loss_mean": loss - 0.05}
        evaluations += [(times_s[step], step, metric, float(value)) for metric, value in values.items()]
    stalled_s = elapsed_s - computing_s
    devices = [
        (m, "h100", elapsed_s, computing_s[m], 0.0, 0.0, stalled_s[m], 700 * computing_s[m], 0.0, 70 * stalled_s[m])
        for m in range(num_regions)
    ]
    flow = ("span_id", "source", "target", "route", "what", "start_s", "sent_s", "end_s", "bits", "energy_j", "outcome")
    sync = ("sync", "fragment", "send_step", "apply_step", "asked_s", "start_s", "end_s", "bits", "delta_norm")
    device = ("device", "profile", "elapsed_s", "computing_s", "transmitting_s", "absent_s", "idle_s")
    tables = {
        "span": table(SPAN_COLUMNS, rows.spans),
        "flow": table(flow, rows.flows),
        "sync": table(sync, rows.syncs),
        "region": table(
            ("region", "name", "profile", "flop_per_s", "num_samples"),
            [(m, name, "h100", 1e14, 1000) for m, name in enumerate(rows.names)],
        ),
        "device": table((*device, "energy_compute_j", "energy_tx_j", "energy_idle_j"), devices),
        "training": table(
            ("span_id", "client", "end_s", "energy_compute_j"),
            [
                (span_id, int(entity[7:]), end_s, 700 * (end_s - start_s))
                for span_id, entity, kind, start_s, end_s, _ in rows.spans
                if kind == "compute"
            ],
        ),
        "evaluation": table(("time_s", "version", "metric", "value"), evaluations),
    }
    scenario = {
        "scenario": {"name": "four-regions", "world": "regions"},
        "run": {"horizon_rounds": num_steps},
        "algorithm": {"kind": label},
    }
    return RunResult(f"{label}-{seed}", scenario, seed, {"status": "done"}, tables)


def three_methods(seeds: Sequence[int] = (0, 1, 2), hours: bool = False) -> dict[str, list[RunResult]]:
    """Return data parallelism, DiLoCo and Streaming DiLoCo, each over the seeds; in long steps for hours."""
    step_s = (60.0, 62.0, 65.0, 70.0) if hours else (1.0, 1.05, 1.1, 1.2)
    shared: dict[str, Any] = {"step_s": step_s, "bits": 4.8e9 / 4}
    every = {"sync_every": 1, "num_fragments": 1, "delay_steps": 0, "bits": 4.8e9, "steps_to_halve": 50.0}
    whole = {"sync_every": 40, "num_fragments": 1, "delay_steps": 0, "bits": 4.8e9, "steps_to_halve": 60.0}
    return {
        "ddp": [regions_run("ddp", s, **(shared | every)) for s in seeds],
        "diloco": [regions_run("diloco", s, **(shared | whole)) for s in seeds],
        "streaming-diloco": [regions_run("streaming-diloco", s, **shared, steps_to_halve=65.0) for s in seeds],
    }
