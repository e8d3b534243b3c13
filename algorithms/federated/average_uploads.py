"""The second half of a synchronous round over orthogonal channels: uploads, whose weighted mean is the new model."""

from typing import Literal

from algorithms.aggregation.weighted_mean import weighted_mean
from algorithms.worlds.federation import Federation
from algorithms.worlds.round import Results
from testbed.simulation import Process

__all__ = ["average_uploads"]


def average_uploads(fed: Federation, results: Results, access: Literal["tdma", "ofdma"]) -> Process:
    """Let those who trained upload, and replace the model by the mean of what arrived; return the `RoundTurn`.

    The weights are d_i over the sum of those that arrived. If nothing arrives the model stays as it is.

    `access` : uploads one after another (tdma), or side by side in equal shares of the band (ofdma).
    """
    turn = yield from fed.take_turn(results)
    with turn:
        if turn.clients:
            models = yield from fed.upload(turn, access)
            if turn.delivered:
                weights = results.base.group.weights(turn.delivered)
                fed.server.mix(turn, weighted_mean(models, weights), weight=1.0)
    return turn
