"""CoCoDC against Streaming DiLoCo in steps, at three delays, with what each part of it does alone as controls.

The paper reports up to 21.0 % fewer steps. Counted in steps the links play no part, except that CoCoDC sends more often
than once in H steps; Streaming with as many syncs is therefore a control.
"""

from typing import Any, Final

from testbed.experiments.finding import Cell, Finding
from testbed.experiments.result import RunResult
from testbed.experiments.sweep import PlannedRun, Variation, plan_sweep, prefixed
from testbed.reproductions.cocodc.methods import shipped, target_loss
from testbed.reproductions.cocodc.reaching import medians, reach
from testbed.reproductions.outline import Section, Setting

__all__ = ["SECTION"]

_PAPER_PERCENT: Final = 21.0
_DELAYS: Final = (2, 6, 12)
_NUM_SYNCS: Final = 6  # in H = 24 steps: twice those of Streaming, as in the paper's set-up (8 of 4 fragments)

_ADAPTIVE: Final = {"kind": "adaptive-transmission", "num_syncs": _NUM_SYNCS}

# label -> the method and its settings; all send when their step comes, so that a delay may be longer than a slot.
_ALTERNATIVES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "streaming": ("streaming-diloco", {"schedule": "send-anchored"}),
    "streaming, as many syncs": ("streaming-diloco", {"schedule": {"kind": "fixed-slots", "num_syncs": _NUM_SYNCS}}),
    "carry alone (lam = 0)": ("cocodc", {"schedule": "send-anchored", "compensation": "carry"}),
    "compensation alone": ("cocodc", {"schedule": "send-anchored"}),
    "transmission alone": (
        "cocodc",
        {
            "schedule": _ADAPTIVE,
            "compensation": {"kind": "blend", "alpha": 0.5},
        },
    ),
    "cocodc": ("cocodc", {"schedule": _ADAPTIVE}),
}


def find(setting: Setting) -> Finding:
    """Return the steps to DiLoCo's loss of each alternative at each delay, and by how much they are fewer."""
    seeds = list(setting.seeds[:1] if setting.quick else setting.seeds)
    delays = _DELAYS[:2] if setting.quick else _DELAYS
    diloco = plan_sweep(shipped(setting), [Variation("algorithm.kind", ("diloco",))], seeds)
    planned, labels = list(diloco), []
    for delay in delays:
        for label, (method, changes) in _ALTERNATIVES.items():
            runs = _plan(setting, method, {**changes, "fragment_sync_delay": delay}, seeds)
            planned += prefixed(runs, f"{label}, tau {delay}")
            labels += [(label, delay)] * len(runs)
    results = setting.run("delays", planned)
    references = [run for run in results[: len(diloco)] if not run.failed]
    target = target_loss(references)
    found: dict[tuple[str, int], list[RunResult]] = {}
    for key, run in zip(labels, results[len(diloco) :], strict=True):
        found.setdefault(key, []).append(run)
    rows: list[tuple[Cell, ...]] = []
    for label in _ALTERNATIVES:
        row: list[Cell] = [label, _PAPER_PERCENT if label == "cocodc" else None]
        for delay in delays:
            steps = medians([reach(run, target) for run in found[label, delay]])[0]
            plain = medians([reach(run, target) for run in found["streaming", delay]])[0]
            row += [steps, None if steps is None or plain is None else 100 * (1 - steps / plain)]
        rows.append(tuple(row))
    diloco_steps = medians([reach(run, target) for run in references])[0]
    return Finding(
        title=f"Inner steps to a loss of {target:.3f} nat by delay tau, and how many fewer than Streaming's [%]",
        columns=("alternative", "paper [%]", *(word for delay in delays for word in (f"tau {delay}", "fewer"))),
        rows=tuple(rows),
        notes=(
            f"Medians over {len(seeds)} seeds; DiLoCo itself: {diloco_steps} steps. The paper says up to 21.0 % fewer.",
            f"cocodc and 'as many syncs' send {_NUM_SYNCS} fragments in H = 24 steps, streaming 3.",
        ),
        left_out=("The paper's perplexities by step: they are not known to us.",),
    )


def _plan(setting: Setting, method: str, changes: dict[str, Any], seeds: list[int]) -> list[PlannedRun]:
    scenario = shipped(setting)
    for key, value in changes.items():
        scenario = scenario.set(f"algorithm.{method}.{key}", value)
    return plan_sweep(scenario, [Variation("algorithm.kind", (method,))], seeds)


SECTION = Section("delays", "How many fewer steps than Streaming DiLoCo, and due to what (headline)?", 18.0, find)
