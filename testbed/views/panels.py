"""What curves are drawn against: time, channel uses and radiated energy; between regions time, steps and traffic.

Accuracy against time alone flatters whoever spends most, so the three are always shown together. Where only digital
messages are sent, and clients are tested by themselves or have links of their own, which take no channel uses, traffic
is what methods differ in, as between regions: the bits of both directions, and of what was sent once, before training.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from testbed.experiments.result import RunResult
from testbed.views.palette import LOG_FROM_RATIO
from testbed.views.quantities import time_unit, traffic_unit

__all__ = ["TRAFFIC", "Panel", "has_log_values", "panels_of", "quantity_at"]

TRAFFIC: Final = "bits_both"  # of a federation, up and down


class Panel(NamedTuple):
    """A horizontal axis: `time_s`, `version` or one of `COSTS`, its label, what one of its unit is in SI."""

    quantity: str
    label: str
    size: float


def panels_of(runs: Iterable[RunResult]) -> tuple[Panel, ...]:
    """Return the three axes for some runs, times and traffic in units that suit the largest."""
    everyone = list(runs)
    unit = time_unit(run.elapsed_s for run in everyone)
    time = Panel("time_s", f"simulated time [{unit.symbol}]", unit.size)
    if everyone and all(_counts_bits(run) for run in everyone):
        unit = traffic_unit(float(run.column("transfer", "bits").sum()) for run in everyone)
        return time, Panel("version", "rounds", 1.0), Panel(TRAFFIC, f"traffic up and down [{unit.symbol}]", unit.size)
    if not any(run.between_regions for run in everyone):
        uses = Panel("channel_uses", "channel uses of the uplink", 1.0)
        return time, uses, Panel("energy_tx_j", "energy radiated by the devices [J]", 1.0)
    totals = [run.cost("bits_wan")[1] for run in everyone]
    traffic = traffic_unit(float(total[-1]) for total in totals if len(total))
    wan = Panel("bits_wan", f"traffic over the WAN [{traffic.symbol}]", traffic.size)
    return time, Panel("version", "inner steps of a region", 1.0), wan


def quantity_at(
    run: RunResult, metric: str, quantity: str, times_s: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return a panel's quantity of a run at times `(n,)` [s] at which the metric was evaluated, `(n,)` in SI."""
    if quantity == "time_s":
        return times_s
    if quantity == "version":
        return np.array([run.version_at(metric, float(time_s)) for time_s in times_s])
    return run.spent(quantity, times_s)


def has_log_values(metric: str, low: float, high: float) -> bool:
    """Return whether values of a metric from lowest to highest ask for a logarithmic axis: a wide perplexity does.

    >>> has_log_values("perplexity", 10.0, 250.0), has_log_values("loss", 0.1, 2.3)
    (True, False)
    """
    return metric.startswith("perplexity") and 0 < low < high / LOG_FROM_RATIO


def _counts_bits(run: RunResult) -> bool:
    """Return whether bits say what a run sent: nothing superposed, and clients tested each or on links of their own."""
    channels = run.column("transfer", "channel")
    return "aircomp" not in channels and ("client_evaluation" in run.tables or "own-links" in channels)
