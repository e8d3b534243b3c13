"""The main result in the paper's own setting: time to 80 % of Air-FedGA, Air-FedAvg and Dynamic on MNIST.

100 single-class workers, MLP 784-512-512-10, 1 MHz, sigma0^2 = 1, E = 10 J, kappa ~ U[1, 10] at 6 s, one full-batch
step a round (what the paper analyses; it does not state what it ran). The learning rate is not stated either: three are
tried, the same for every method.
"""

from typing import Any, Final

import numpy as np

from testbed.experiments.explanation import explain
from testbed.experiments.finding import Cell, Finding
from testbed.experiments.result import RunResult
from testbed.experiments.run import prepare
from testbed.experiments.scenario import Scenario, data_folder
from testbed.experiments.sweep import PlannedRun, Variation, plan_sweep
from testbed.reproductions.air_fedga.times import time_to_accuracy
from testbed.reproductions.outline import Section, Setting

__all__ = ["SECTION"]

_PAPER_S: Final = {"air-fedga": 1077.0, "air-fedavg": 1536.0, "dynamic": 3794.0}
_LEARNING_RATES: Final = (0.3, 0.6, 1.2)
_RATE_OF_FIVE_STEPS: Final = 0.3
_HORIZON_OF_FIVE_STEPS_S: Final = 2000.0
_TARGET: Final = 0.8
_MARGIN_S: Final = 500.0
_FASTEST_S: Final = 6.0  # l-hat, one training on the fastest device: kappa = 1
_OWN_SETTING: Final[dict[str, Any]] = {
    "devices.count": 100,
    "data.dataset": "mnist",
    "model": {"kind": "mlp", "hidden": [512, 512]},
    "channel.uplink.bandwidth_hz": 1e6,
    "training.local_steps": 1,
    "run.horizon_s": 4000.0,
    "run.evaluation_interval_s": 20.0,
    "run.stop": {"target": f"accuracy>={_TARGET}", "margin_s": _MARGIN_S},
}


def find(setting: Setting) -> Finding:
    """Return the times to the target of each method at each learning rate, first, smoothed and stable."""
    seed = setting.seeds[0]
    one_step = _with_paced_devices(_scenario(setting), setting, seed)
    methods = Variation("algorithm.kind", tuple(_PAPER_S))
    rates = _LEARNING_RATES[1:2] if setting.quick else _LEARNING_RATES
    planned = plan_sweep(one_step, [Variation("training.learning_rate", rates), methods], [seed])
    if not setting.quick:
        planned += _five_steps(one_step, methods, seed)
    # The longest first, so that both processes are busy to the end.
    order = sorted(range(len(planned)), key=lambda number: "local_steps" not in planned[number].name)
    results = dict(zip(order, setting.run("main", [planned[number] for number in order]), strict=True))
    rows = [_row(planned[number], results[number]) for number in range(len(planned))]
    return Finding(
        title=f"Time to {_TARGET:.0%} on MNIST in the paper's setting [s], seed {seed}",
        columns=("method, steps x rate", "paper", "first", "smoothed", "stable", "best", "NMSE", "stale"),
        rows=tuple(rows),
        notes=(
            f"-: not reached. Runs end {_MARGIN_S:g} s after the smoothed target, or at 4000 s (five steps: 2000 s); "
            "stable means until then. best: highest accuracy seen; NMSE and stale: means of error and staleness.",
            "One seed: the differences between methods have no interval.",
        ),
        left_out=(
            "Accuracy after 5000 s (82.5 / 88.3 / 89.7 %), since runs end soon after the target.",
            "FedAvg and TiFL over orthogonal channels (13755 and 3319 s): their times are uploads, which the sweep of "
            "N shows; the CNNs on MNIST and CIFAR-10, and VGG-16 on ImageNet-100.",
        ),
    )


def _scenario(setting: Setting) -> Scenario:
    scenario = Scenario.load("air-fedga-single-class")
    changes = _OWN_SETTING
    if setting.quick:
        changes = changes | {"devices.count": 20, "run.horizon_s": 60.0, "model": {"kind": "mlp", "hidden": [16]}}
    for key, value in changes.items():
        scenario = scenario.set(key, value)
    return scenario


def _with_paced_devices(scenario: Scenario, setting: Setting, seed: int) -> Scenario:
    """Return the scenario with devices on which the mean training takes `_FASTEST_S` times their kappa."""
    resolved = scenario.resolve()
    folder = data_folder(setting.data_dir, resolved)
    data = resolved.data.dataset.load(folder)
    job_flop = prepare(resolved, seed, data, kernel="none", data_dir=folder).workload.job_flop
    return scenario.set("devices.profile.flop_per_s", float(np.mean(job_flop)) / _FASTEST_S)


def _five_steps(one_step: Scenario, methods: Variation, seed: int) -> list[PlannedRun]:
    """Return runs of five local steps that take as long as one did: what a device learns in its time is unknown."""
    flop_per_s = dict(one_step.overrides)["devices.profile.flop_per_s"]
    five = (
        one_step.set("devices.profile.flop_per_s", 5 * flop_per_s)
        .set("training.learning_rate", _RATE_OF_FIVE_STEPS)
        .set("run.horizon_s", _HORIZON_OF_FIVE_STEPS_S)
    )
    return plan_sweep(five, [Variation("training.local_steps", (5,)), methods], [seed])


def _row(planned: PlannedRun, run: RunResult) -> tuple[Cell, ...]:
    causes = explain(run)
    _, accuracies = run.series("accuracy")
    times_s = (time_to_accuracy(run, _TARGET, rule) for rule in ("first", "smoothed", "stable"))
    steps, rate = run.setting("training.local_steps"), run.setting("training.learning_rate")
    return (
        f"{run.algorithm}, {steps} x {rate:g}" + (", failed" if run.failed else ""),
        _PAPER_S[run.algorithm],
        *times_s,
        float(np.max(accuracies)) if len(accuracies) else None,
        _rounded(causes["aggregation_nmse_mean"], 3),
        _rounded(causes["staleness_mean"], 2),
    )


def _rounded(value: float | None, num_decimals: int) -> float | None:
    return None if value is None else round(value, num_decimals)


SECTION = Section("main", "How long to 80 % in the paper's own setting (headline)?", 28.0, find, needs_data=("mnist",))
