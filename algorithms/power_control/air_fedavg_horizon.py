"""Air-FedAvg's power control over a horizon: all rounds of a run planned at once, over channels known ahead.

After Cao, Zhu, Xu and Cui, "Transmission Power Control for Over-the-Air Federated Averaging at Network Edge", IEEE JSAC
2022. An error made in round t has been contracted T - t times when the run ends, so late rounds deserve the energy:

    minimise   sum_t rho^(T-t) (sum_i (r_t C_ti - b_i)^2 + r_t^2 n0_t)      C_ti = |h_ti| G_ti,  G_ti = g_ti ||x_i||
    subject to G_ti^2 <= E_ti,    sum_t G_ti^2 <= fraction * sum_t E_ti

by alternating (`horizon.py`) between the senders, G_ti = min(w r |h| b / (w r^2 |h|^2 + lambda_i), sqrt(E_ti)) with
w = rho^(T-t) and lambda_i for the energy of the run, and the receivers, r_t = sum b C / (sum C^2 + n0_t). Every pass
lowers the sum. With fraction one, rounds have nothing to share and the plan is the threshold rule in each.

Deviations. Our choice: passes are extrapolated; bias and noise weigh alike (the paper's gap has a constant each); rho
and the fraction are settings; the plan assumes the norms of one `statistics` for all rounds, and `fitted` carries its
energies over to the signals that come. Without known channels there is only the spec's simplification, the per-round
form: the threshold rule inside fraction * E_i, which has to be asked for (`fallback = "per-round"`). When channels are
known is for the method to say: Air-FedAvg foretells its rounds (`over_the_air/foretelling.py`). The laws are
tested in `tests/algorithms/power_control/test_air_fedavg_horizon.py`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from algorithms.power_control.horizon import Horizon, alternate, round_weights
from algorithms.power_control.plan import (
    ChannelState,
    Plan,
    SignalModel,
    SignalStatistics,
    check_transmission,
    everybody,
)
from algorithms.power_control.threshold_optimal import threshold_plan
from algorithms.power_control.uncorrelated import mmse_receive_scale, uncorrelated_squared_error
from testbed.errors import RequestError
from testbed.layout import FloatArray
from testbed.settings import Part

__all__ = ["AirFedavgHorizon", "fitted"]


def received_plan(channel: ChannelState, statistics: SignalStatistics, weights: FloatArray, sent: FloatArray) -> Plan:
    """Return the plan in which member i sends with `sent` = G_i [sqrt(J)] and the receiver is the best for that."""
    gains = np.zeros(len(weights))
    np.divide(sent, statistics.norms, out=gains, where=statistics.norms > 0)
    received = gains * channel.amplitudes * statistics.norms
    r = mmse_receive_scale(weights * statistics.norms, received, channel.noise_energy_j)
    error = uncorrelated_squared_error(channel, statistics, weights, gains, r)
    return Plan(gains, r, everybody(channel), error)


def fitted(
    plan: Plan, planned: SignalStatistics, channel: ChannelState, statistics: SignalStatistics, weights: FloatArray
) -> Plan:
    """Return a round of a horizon for the signals that came: the energies of `plan`, at most the budgets.

    `planned` are the statistics the plan was made with, `statistics` those of the signals at hand.
    """
    sent = np.minimum(plan.gains * planned.norms, np.sqrt(channel.energy_budgets_j))
    return received_plan(channel, statistics, weights, sent)


class AirFedavgHorizon(Part):
    """All rounds of a run at once; `predicted_squared_error` is each round's mean for uncorrelated signals."""

    kind: str = "air-fedavg-horizon"
    decay: Annotated[float, Field(gt=0, le=1)] = 0.9  # rho: what is left of an error one round later. Our choice
    average_fraction: Annotated[float, Field(gt=0, le=1)] = 0.5  # energy of the run over its budgets. Our choice
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 1e-9  # relative gain of the last pass. Our choice
    max_passes: Annotated[int, Field(ge=1)] = 1000  # at most so many; each lowers the sum. Our choice
    fallback: Literal["refuse", "per-round"] = "refuse"  # what to do where channels are not known ahead

    requires_payload: ClassVar[str | None] = None
    plans: ClassVar[Literal["round", "run"]] = "run"
    signal_model: ClassVar[SignalModel] = "uncorrelated"

    def check(self, channels_known: bool, because: str = "") -> None:
        """Refuse to be used where the channels of the run are not known and the per-round form was not asked for.

        `because` : what makes them unknowable, for the message; empty if the method never knows them.

        Raises
        ------
        RequestError : see above.
        """
        if not channels_known and self.fallback == "refuse":
            reason = because or "this method does not foretell its transmissions"
            raise RequestError(
                f"power control {self.kind!r} plans a whole run and needs its channels ahead, which are not known: "
                f'{reason}; set fallback = "per-round" for its simplified form, or use "threshold-optimal"'
            )

    def plan(self, channel: ChannelState, statistics: SignalStatistics, weights: FloatArray) -> Plan:
        """Return the per-round form for members with weights `weights : (num_members,)`, which sum to one.

        Raises
        ------
        ValueError : see `check_transmission`.
        """
        check_transmission(channel, statistics, weights)
        share = replace(channel, energy_budgets_j=self.average_fraction * channel.energy_budgets_j)
        return threshold_plan(share, statistics, weights)

    def plan_run(
        self, channels: Sequence[ChannelState], statistics: SignalStatistics, weights: FloatArray
    ) -> tuple[Plan, ...]:
        """Return one plan a round, for the same members in all rounds.

        Raises
        ------
        ValueError : see `check_transmission`.
        """
        plans = tuple(self.plan(channel, statistics, weights) for channel in channels)
        speaks = statistics.norms > 0
        if not plans or not speaks.any():
            return plans
        caps = np.sqrt([channel.energy_budgets_j[speaks] for channel in channels]).T
        horizon = Horizon(
            channels=np.array([channel.amplitudes[speaks] for channel in channels]).T,
            caps=caps,
            wanted=(weights * statistics.norms)[speaks],
            budgets_j=self.average_fraction * np.sum(caps**2, axis=1),
            weights=round_weights(self.decay, len(channels)),
            noise_energies_j=np.array([channel.noise_energy_j for channel in channels]),
        )
        sent = np.array([plan.gains * statistics.norms for plan in plans]).T
        sent[speaks] = alternate(horizon, sent[speaks], self.tolerance, self.max_passes)
        return tuple(
            received_plan(channel, statistics, weights, amplitudes)
            for channel, amplitudes in zip(channels, sent.T, strict=True)
        )
