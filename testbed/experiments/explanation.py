"""What one run's result may be due to: indicators read off its rows."""

from typing import Any

import numpy as np
import numpy.typing as npt

from testbed.experiments.result import RunResult

__all__ = ["explain", "time_covered"]


def explain(run: RunResult) -> dict[str, float | None]:
    """Return what, in one run's records, its result may be due to; None where the run has no such rows.

    - `staleness_mean`, `staleness_max` : global versions missed by the updates [versions].
    - `num_groups`, `label_distance_mean` : groups; the share-weighted mean of their label distance (0 to 2).
    - `shrinkage_mean`, `aggregation_nmse_mean` : 1 - alignment and the normalised squared error.
    - `pull_back_ratio` : sum of what mixing with stale bases took back over the sum of what the groups added.
    - `waiting_fraction` : of the time devices were there, the part in which they neither computed nor
      transmitted.
    - `mac_utilisation_fraction`, `mac_queueing_s` : share of time the uplink was in use; groups'
      waiting for it per global update [s].
    - `updates_per_1000_s` : global updates in 1000 simulated seconds.
    - `work_rate_per_s` : shares of all data that entered the model per second: the sum over updates of the
      group's share times the part of its members that was active (exact where members hold equally much)
      [1/s].

    Of regions over a WAN:

    - `computing_fraction`, `stall_fraction` : of the regions' time, the part in which they computed, and in which they
      stood still for a transfer.
    - `wan_busy_fraction` : share of time in which a collective or another transfer was under way.
    - `syncs_per_fragment_mean`, `syncs_per_fragment_min` : synchronisations of a fragment, and of the one that had the
      fewest.
    - `sync_queueing_s`, `sync_s` : waiting of a synchronisation for its collective, and the time from there to its end,
      means [s].
    """
    elapsed_s = run.elapsed_s
    num_versions = len(run.column("version", "version"))
    # What regions hand to a server at their own pace has its staleness in the table `contribution`.
    staleness = run.column("contribution" if run.between_regions else "version", "staleness")
    shares = run.column("group", "share")
    progress = float(np.sum(run.column("version", "progress_norm")))
    alignment = _mean(run.column("aggregation", "alignment"))
    return {
        "staleness_mean": _mean(staleness),
        "staleness_max": float(np.max(staleness)) if len(staleness) else None,
        "num_groups": float(len(shares)) if len(shares) else None,
        "label_distance_mean": _ratio(float(shares @ run.column("group", "label_distance")), float(np.sum(shares))),
        "shrinkage_mean": None if alignment is None else 1 - alignment,
        "aggregation_nmse_mean": _mean(run.column("aggregation", "aggregation_nmse")),
        "pull_back_ratio": _ratio(float(np.sum(run.column("version", "pull_back_norm"))), progress),
        "waiting_fraction": None if run.between_regions else _waiting_fraction(run),
        **_uplink_load(run, elapsed_s),
        "updates_per_1000_s": _ratio(1000.0 * num_versions, elapsed_s) if "version" in run.tables else None,
        "work_rate_per_s": _work_rate(run, elapsed_s),
        **_region_load(run, elapsed_s),
        **_syncs(run),
    }


def _mean(values: npt.NDArray[Any]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator > 0 else None


def _waiting_fraction(run: RunResult) -> float | None:
    names = ("elapsed_s", "absent_s", "computing_s", "transmitting_s")
    elapsed_s, absent_s, computing_s, transmitting_s = (float(np.sum(run.column("device", name))) for name in names)
    present_s = elapsed_s - absent_s
    return _ratio(present_s - computing_s - transmitting_s, present_s)


def _uplink_load(run: RunResult, elapsed_s: float) -> dict[str, float | None]:
    entity, kind = run.column("span", "entity"), run.column("span", "kind")
    start_s, end_s = run.column("span", "start_s"), run.column("span", "end_s")
    on_device = np.array([str(name).startswith("device-") for name in entity], dtype=bool)
    sending = np.asarray(kind == "transmit", dtype=bool)
    on_uplink = sending & np.asarray(entity == "uplink", dtype=bool)
    if not on_uplink.any():  # uploads one after another may be recorded under their senders alone
        on_uplink = sending & on_device
    if not on_uplink.any():
        return {"mac_utilisation_fraction": None, "mac_queueing_s": None}
    # A queue for the uplink, not for a device's processor or the downlink: whoever waited was a group.
    of_group = np.array([str(name).startswith("group-") for name in entity], dtype=bool)
    queueing = np.asarray(kind == "queue", dtype=bool) & of_group
    busy_s = float(np.sum(end_s[on_uplink] - start_s[on_uplink]))
    waited_s = float(np.sum(end_s[queueing] - start_s[queueing]))
    return {
        "mac_utilisation_fraction": _ratio(busy_s, elapsed_s),
        "mac_queueing_s": _ratio(waited_s, len(run.column("version", "version"))),
    }


def _work_rate(run: RunResult, elapsed_s: float) -> float | None:
    share_of = dict(zip(run.column("group", "group").tolist(), run.column("group", "share").tolist(), strict=True))
    groups = run.column("version", "group").tolist()
    if not share_of or not groups:
        return None
    active = run.column("version", "num_active") / run.column("version", "num_members")
    shares = np.array([share_of.get(group, 0.0) for group in groups])
    return _ratio(float(shares @ active), elapsed_s)


def _region_load(run: RunResult, elapsed_s: float) -> dict[str, float | None]:
    if not run.between_regions:
        return {"computing_fraction": None, "stall_fraction": None, "wan_busy_fraction": None}
    entity, kind = run.column("span", "entity").astype(str), run.column("span", "kind").astype(str)
    start_s, end_s = run.column("span", "start_s"), run.column("span", "end_s")
    stalled = kind == "stall"
    collective = (entity == "collective") & (kind == "all-reduce")
    moving = collective | (np.char.startswith(entity, "wan-") & (kind == "transmit"))
    everybody_s = len(run.column("region", "region")) * elapsed_s
    return {
        "computing_fraction": _ratio(
            float(np.sum(run.column("device", "computing_s"))), float(np.sum(run.column("device", "elapsed_s")))
        ),
        "stall_fraction": _ratio(float(np.sum(end_s[stalled] - start_s[stalled])), everybody_s),
        "wan_busy_fraction": _ratio(time_covered(start_s[moving], end_s[moving]), elapsed_s),
    }


def time_covered(start_s: npt.NDArray[np.float64], end_s: npt.NDArray[np.float64]) -> float:
    """Return how long at least one of some intervals lasted [s], each `(n,)`, in any order.

    >>> time_covered(np.array([0.0, 1.0, 5.0]), np.array([3.0, 2.0, 6.0]))
    4.0
    """
    order = np.argsort(start_s, kind="stable")
    start_s, end_s = start_s[order], end_s[order]
    reached_s = np.maximum.accumulate(np.concatenate([start_s[:1], end_s]))[:-1] if len(start_s) else end_s
    return float(np.sum(np.maximum(end_s - np.maximum(start_s, reached_s), 0.0)))


def _syncs(run: RunResult) -> dict[str, float | None]:
    fragments = run.column("sync", "fragment").astype(np.int64)
    # The whole model is fragment -1; a fragment below the highest that was never synchronised counts as well.
    per_fragment = np.bincount(fragments - min(0, int(np.min(fragments, initial=0))))
    asked_s, start_s, end_s = (run.column("sync", name) for name in ("asked_s", "start_s", "end_s"))
    return {
        "syncs_per_fragment_mean": _mean(per_fragment),
        "syncs_per_fragment_min": float(np.min(per_fragment)) if len(per_fragment) else None,
        "sync_queueing_s": _mean(start_s - asked_s),
        "sync_s": _mean(end_s - start_s),
    }
