"""Five methods on four regions: steps, simulated hours and gigabytes to one loss, on slow and on fast links."""

from typing import Final

import numpy as np

from testbed.experiments.finding import Cell, Finding
from testbed.experiments.result import RunResult
from testbed.experiments.scenario import Scenario
from testbed.experiments.sweep import Variation, plan_sweep
from testbed.reproductions.cocodc.reaching import loss_at, medians, reach
from testbed.reproductions.outline import Section, Setting

__all__ = ["METHODS", "SECTION", "shipped", "target_loss"]

METHODS: Final = ("ddp", "diloco", "streaming-diloco", "eager", "cocodc")
_BANDWIDTHS: Final = ("100 Mbit/s", "1 Gbit/s")
_CAPACITY: Final = "network.topology.capacity_bit_per_s"


def shipped(setting: Setting) -> Scenario:
    """Return the shipped scenario, much smaller where the reproduction is."""
    scenario = Scenario.load("cocodc")
    if setting.quick:
        small = {"width": 16, "num_blocks": 4, "num_heads": 2}
        scenario = scenario.set("run.horizon_rounds", 48).set("data.dataset.context", 16)
        for key, value in small.items():
            scenario = scenario.set(f"model.{key}", value)
    return scenario


def target_loss(diloco: list[RunResult]) -> float:
    """Return the loss that DiLoCo has at four fifths of its run, the median over seeds [nat]."""
    return loss_at(diloco, int(0.8 * max(run.horizon_rounds or 0 for run in diloco)))


def find(setting: Setting) -> Finding:
    """Return what each method spends to the target on each network."""
    variations = [Variation(_CAPACITY, _BANDWIDTHS), Variation("algorithm.kind", METHODS)]
    seeds = setting.seeds[:1] if setting.quick else setting.seeds
    results = setting.run("methods", plan_sweep(shipped(setting), variations, list(seeds)))
    finished = [run for run in results if not run.failed]
    target = target_loss([run for run in finished if run.algorithm == "diloco"])
    rows: list[tuple[Cell, ...]] = []
    for bandwidth in _BANDWIDTHS:
        capacity = _capacity(shipped(setting).set(_CAPACITY, bandwidth))
        for method in METHODS:
            runs = [run for run in finished if (run.algorithm, run.setting(_CAPACITY)) == (method, capacity)]
            reached = [reach(run, target) for run in runs]
            finals = [loss for run in runs if (loss := run.final("loss")) is not None]
            spent_s = [run.elapsed_s for run in runs]
            rows.append(
                (
                    f"{method}, {bandwidth}",
                    f"{sum(one.steps is not None for one in reached)}/{len(seeds)}",
                    *medians(reached),
                    float(np.median(finals)) if finals else None,
                    float(np.median(spent_s)) / 3600 if spent_s else None,
                )
            )
    return Finding(
        title=f"To a loss of {target:.3f} nat (DiLoCo's at four fifths of its run): medians over seeds",
        columns=("method, links", "reached", "steps", "hours", "GB", "final loss", "hours in all"),
        rows=tuple(rows),
        notes=(
            "Loss: of the mean of the replicas on held-out text, the mean of the last five evaluations. Hours and "
            "gigabytes are those of a model of 150 million parameters; a GPT of 0.2 million is trained.",
            "Learning in lockstep does not depend on the links, but for CoCoDC, which sends as often as they carry.",
        ),
        left_out=("The paper's own perplexities: LLaMA 150M on C4 needs accelerators, and they are not known to us.",),
    )


def _capacity(scenario: Scenario) -> float:
    return float(scenario.resolve().document["network"]["topology"]["capacity_bit_per_s"])


SECTION = Section("methods", "What does each method cost in steps, time and traffic?", 15.0, find)
