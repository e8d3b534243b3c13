"""Laws that every power control keeps, and one call that checks them for a rule of your own.

    from algorithms.power_control import check_power_control
    check_power_control(MyRule())

The laws are those of planning: shapes, budgets, the same answer twice. The contract suite of the shipped rules
(`tests/contracts/test_every_power_control.py`) uses the same functions, and holds predictions and symmetry besides.
"""

from collections.abc import Iterator

import numpy as np

from algorithms.power_control.plan import ChannelState, Plan, PowerControl, SignalStatistics
from channels.block_precoding import BUDGET_TOLERANCE
from testbed.layout import FloatArray

__all__ = ["check_budgets", "check_power_control", "check_repeatable", "check_shape"]

_NUM_ENTRIES = 4
_MOST_MEMBERS = 6


def check_shape(plan: Plan, num_members: int) -> None:
    """Refuse a plan that is not one for so many members: its arrays, its numbers, and that the silenced are silent.

    Raises
    ------
    ValueError : the message says which field is wrong.
    """
    gains, active = np.asarray(plan.gains), np.asarray(plan.active)
    if gains.shape != (num_members,) or active.shape != (num_members,) or active.dtype != np.bool_:
        raise ValueError(
            f"gains and active must be ({num_members},), active of bool; got {gains.shape}, {active.shape} of "
            f"{active.dtype}"
        )
    if not active.any():
        raise ValueError("active is false for everybody; somebody has to transmit, or the round is lost")
    if not (np.isfinite(gains).all() and (gains >= 0).all()):
        raise ValueError(f"gains must be at least 0 and finite, got {gains}")
    if gains[~active].any():
        raise ValueError(f"who is not active sends nothing: gains {gains}, active {active}")
    for name in ("receive_scale", "predicted_squared_error"):
        value = getattr(plan, name)
        if not (np.isfinite(value) and value >= 0):
            raise ValueError(f"{name} must be at least 0 and finite, got {value}")


def check_budgets(plan: Plan, channel: ChannelState, statistics: SignalStatistics) -> None:
    """Refuse a plan in which somebody radiates more than its budget, g_i^2 ||x_i||^2 > E_i: a cell stops such a run.

    Raises
    ------
    ValueError : the message has the worst of them, its energy and its budget [J].
    """
    energies_j = (plan.gains * statistics.norms) ** 2
    worst = int(np.argmax(energies_j / channel.energy_budgets_j))
    spent_j, budget_j = float(energies_j[worst]), float(channel.energy_budgets_j[worst])
    if spent_j > budget_j * (1 + BUDGET_TOLERANCE):
        raise ValueError(f"member {worst} would spend {spent_j} J, over its budget of {budget_j} J")


def check_repeatable(
    rule: PowerControl, channel: ChannelState, statistics: SignalStatistics, weights: FloatArray
) -> Plan:
    """Return the plan, unless the rule plans differently a second time or changes what it was told.

    Raises
    ------
    ValueError : see above.
    """
    told = (channel.amplitudes, channel.energy_budgets_j, statistics.norms, weights)
    before = [array.tobytes() for array in told]
    plan = rule.plan(channel, statistics, weights)
    if [array.tobytes() for array in told] != before:
        raise ValueError("plan() changed its arguments")
    if _bytes(rule.plan(channel, statistics, weights)) != _bytes(plan):
        raise ValueError("the same transmission was planned differently a second time")
    return plan


def _bytes(plan: Plan) -> bytes:
    numbers = np.array([plan.receive_scale, plan.predicted_squared_error, plan.noiseless], dtype=np.float64)
    return b"".join(np.asarray(part).tobytes() for part in (plan.gains, plan.active, numbers))


def check_power_control(rule: PowerControl, num_draws: int = 200, seed: int = 0) -> None:
    """Plan many random transmissions and check all laws of this module; return nothing if they hold.

    Channels, budgets and noise spread over eight decades; some signals are zero, some transmissions have no noise.

    Raises
    ------
    ValueError : a law is broken; the message has the number of the draw.

    >>> from algorithms.power_control import FullPower
    >>> check_power_control(FullPower())
    """
    for number, (channel, statistics, weights) in zip(range(num_draws), _transmissions(seed), strict=False):
        try:
            plan = check_repeatable(rule, channel, statistics, weights)
            check_shape(plan, len(weights))
            check_budgets(plan, channel, statistics)
        except ValueError as error:
            raise ValueError(f"{type(rule).__name__}, draw {number} of seed {seed}: {error}") from error


def _transmissions(seed: int) -> Iterator[tuple[ChannelState, SignalStatistics, FloatArray]]:
    """Yield transmissions of one to six members, for ever."""
    rng = np.random.default_rng(seed)
    while True:
        size = int(rng.integers(1, _MOST_MEMBERS + 1))
        noise_energy_j = float(10 ** rng.uniform(-4, 4)) if rng.random() < 0.8 else 0.0
        channel = ChannelState(10 ** rng.uniform(-4, 4, size), 10 ** rng.uniform(-4, 4, size), noise_energy_j)
        loudness = np.where(rng.random(size) < 0.9, 10 ** rng.uniform(-4, 4, size), 0.0)
        signals = rng.normal(rng.normal(), 1.0, (size, _NUM_ENTRIES)) * loudness[:, None]
        data_sizes = rng.integers(1, 1000, size).astype(np.float64)
        yield channel, SignalStatistics.of(signals), data_sizes / data_sizes.sum()
