"""How far what a device recovers is from the model, by how stale its copy is: the copy, signs alone, or nothing."""

from typing import Final

import numpy as np

from channels.codecs.hybrid import HybridCodec
from testbed.experiments.finding import Cell, Finding
from testbed.reproductions.outline import Section, Setting

__all__ = ["SECTION", "study"]

_DRIFTS: Final = (0.0, 0.05, 0.1, 0.2, 0.5)
_LARGE_SHARE: Final = 0.1
_SMALL_SCALE: Final = 0.19  # with which zeroing and signs alone have the errors that the specification states
_THETA: Final = 0.6


def study(num_entries: int, drift: float, seed: int) -> tuple[float, float, float, float]:
    """Return the relative squared errors of Caesar, signs times a mean, zeroing, and trusting the copy blindly."""
    rng = np.random.default_rng(seed)
    scale = np.where(np.arange(num_entries) < _LARGE_SHARE * num_entries, 1.0, _SMALL_SCALE)
    model = (scale * rng.normal(size=num_entries)).astype(np.float32)
    copy = model + drift * rng.normal(size=num_entries)
    codec = HybridCodec(compressed_fraction=_THETA, per="vector")
    encoded = codec.encode(model, [slice(0, num_entries)])
    signs = codec.decode(encoded)
    exact = signs == model
    candidates = (codec.recover(encoded, copy), signs, np.where(exact, model, 0.0), np.where(exact, model, copy))
    caesar, of_signs, zeroed, blind = (
        float(np.sum((one - model.astype(np.float64)) ** 2) / np.sum(model.astype(np.float64) ** 2))
        for one in candidates
    )
    return caesar, of_signs, zeroed, blind


def find(setting: Setting) -> Finding:
    """Return the errors by drift."""
    size, seeds = (1000 if setting.quick else 100_000), list(setting.seeds)
    rows: list[tuple[Cell, ...]] = []
    for drift in _DRIFTS:
        errors = np.mean([study(size, drift, seed) for seed in seeds], axis=0)
        rows.append((f"{drift:g}", *errors.tolist()))
    return Finding(
        title=f"Relative squared error of a recovered model, theta = {_THETA}, by the drift of the copy; no training",
        columns=("drift", "Caesar", "signs times a mean", "zeroing", "the copy, unchecked"),
        rows=tuple(rows),
        notes=(
            "One entry in ten is Gaussian of scale 1, the others of 0.19; the copy is the model with Gaussian noise of "
            "scale drift. Once that exceeds about a third of the small scale, signs alone are a little better.",
        ),
    )


SECTION: Final = Section("recovery", "What is the own copy worth, and how long?", 0.1, find)
