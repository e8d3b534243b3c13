"""The aggregation error against SNR: what every power control measures on the air beside what its closed form says."""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from channels.aircomp import aggregation_error, superpose
from testbed import catalogue
from testbed.experiments.finding import Cell, Finding
from testbed.reproductions.outline import Section, Setting
from testbed.streams import Purpose, stream

__all__ = ["SECTION"]

_SNRS_DB: Final = (-10.0, 0.0, 10.0, 20.0, 30.0)  # energy budget over noise energy; the paper's is 10 dB
_NUM_MEMBERS: Final = 14  # the paper's mean group: 100 workers in 7
_NUM_ENTRIES: Final = 64
_NUM_DRAWS: Final = 1000
_COMMON: Final = 0.5  # share of a signal that all members have in common, where a rule is about that
_ROOT: Final = 2025
_ROUNDING: Final = 1e-24  # of a squared error that is exactly zero in theory

# Those with a setting that has no default.
_SETTINGS: Final[dict[str, dict[str, Any]]] = {"truncated-inversion": {"power_gain_threshold": 0.1}}


def find(setting: Setting) -> Finding:
    """Return, by power control and SNR, the normalised squared error measured and predicted."""
    num_draws = 20 if setting.quick else _NUM_DRAWS
    rows: list[tuple[Cell, ...]] = []
    for name in catalogue.entries("power-control"):
        rule = _build(name)
        measured = [_errors(rule, snr_db, num_draws) for snr_db in _SNRS_DB]
        largest = max(abs(_standard_errors(real, said)) for real, said in measured)
        rows.append((name, *(_mean(real) for real, _ in measured), largest))
        rows.append(("  its closed form", *(_mean(said) for _, said in measured), None))
    return Finding(
        title=f"Aggregation error (NMSE) against SNR; {_NUM_MEMBERS} members, Rayleigh, mean of {num_draws} draws",
        columns=("power control", *(f"{snr_db:g} dB" for snr_db in _SNRS_DB), "miss [SE]"),
        rows=tuple(rows),
        notes=(
            "Every rule meets the signals for which its closed form is the mean: all equal (air-fedga), with a shared "
            "mean (stat-aware), any for rules without bias, else uncorrelated. Each draw has its own channels, signals "
            "and noise; the largest miss is told in standard errors of the mean difference.",
            "The paper gives the closed form of its own rule only (C_t); the others are from their own papers. Of "
            "these five SNRs and ten rules, one miss beyond 3 standard errors happens by chance in one of eight runs.",
        ),
    )


def _build(name: str) -> Any:
    return catalogue.load("power-control", name).from_table(name, _SETTINGS.get(name, {}))


def _errors(rule: Any, snr_db: float, num_draws: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the squared errors over the wanted sum's energy, measured and predicted: two arrays (num_draws,)."""
    from algorithms.power_control.plan import ChannelState, SignalStatistics

    measured, predicted, wanted = np.empty(num_draws), np.empty(num_draws), np.empty(num_draws)
    for draw in range(num_draws):
        # Any purpose would do: no run is simulated here. All rules and SNRs meet the same luck.
        rng = stream(_ROOT, Purpose.GROUPING, draw)
        channel = ChannelState(
            amplitudes=rng.rayleigh(math.sqrt(0.5), _NUM_MEMBERS),
            energy_budgets_j=np.full(_NUM_MEMBERS, 10 ** (snr_db / 10)),
            noise_energy_j=1.0,
        )
        sizes = rng.integers(20, 60, _NUM_MEMBERS).astype(np.float64)
        signals = _signals(rule.signal_model, rng)
        plan = rule.plan(channel, SignalStatistics.of(signals), sizes / sizes.sum())
        active = np.flatnonzero(plan.active)
        weights = sizes[active] / sizes[active].sum()
        noise_energy_j = 0.0 if plan.noiseless else channel.noise_energy_j
        received = superpose(signals[active], (plan.gains * channel.amplitudes)[active], noise_energy_j, rng)
        error = aggregation_error(received, plan.receive_scale, weights, signals[active])
        measured[draw], predicted[draw] = error.squared_error, plan.predicted_squared_error
        wanted[draw] = np.sum((weights @ signals[active]) ** 2)
    scale = float(np.mean(wanted))
    return measured / scale, predicted / scale


def _signals(model: str, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return (num_members, num_entries) signals of a rule's model."""
    own = rng.standard_normal((_NUM_MEMBERS, _NUM_ENTRIES))
    if model == "bounded":
        own[:] = own[0]
    if model == "shared-mean":
        own -= np.mean(own, axis=1, keepdims=True)
        return np.asarray(_COMMON + own / np.std(own, axis=1, keepdims=True))
    own /= np.linalg.norm(own, axis=1, keepdims=True)
    return own


def _mean(errors: npt.NDArray[np.float64]) -> float:
    mean = float(np.mean(errors))
    return mean if mean > _ROUNDING else 0.0


def _standard_errors(measured: npt.NDArray[np.float64], predicted: npt.NDArray[np.float64]) -> float:
    misses = measured - predicted
    if np.all(np.abs(misses) < _ROUNDING):
        return 0.0
    return float(np.mean(misses)) / (float(np.std(misses, ddof=1)) / math.sqrt(len(misses)))


SECTION = Section("errors", "How large is the aggregation error, and does its closed form say so?", 1.0, find)
