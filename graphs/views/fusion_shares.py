"""What share the structural model had in each cluster, round after round, and what came of it."""

from typing import TYPE_CHECKING, Final

import numpy as np

from graphs.views.client_marks import clusters_of, heading, require_rows
from testbed.experiments.result import RunResult
from testbed.views.palette import INK, MUTED_INK, colour_of, new_figure, quieten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_fusion_shares"]

_ROW_PX: Final = 230
_ABOVE_PX: Final = 110
_BELOW_PX: Final = 70


def plot_fusion_shares(run: RunResult) -> "Figure":
    """Return the share of the structural model against the version, and validation accuracy, a row a cluster.

    Raises
    ------
    RequestError : the run fused nothing.
    """
    require_rows(run, "fusion")
    version, cluster = run.column("fusion", "version"), run.column("fusion", "cluster")
    share, accuracy = run.column("fusion", "share"), run.column("fusion", "accuracy")
    clusters, members = np.unique(cluster).tolist(), list(clusters_of(run).values())
    height_px = _ABOVE_PX + _ROW_PX * len(clusters) + _BELOW_PX
    figure = new_figure(1200, height_px)
    margins = {"top": 1 - _ABOVE_PX / height_px, "bottom": _BELOW_PX / height_px, "left": 0.085, "right": 0.98}
    rows = figure.subplots(len(clusters), 1, sharex=True, squeeze=False, gridspec_kw={**margins, "hspace": 0.22})[:, 0]
    for number, axes in zip(clusters, rows, strict=True):
        own = cluster == number
        quieten(axes)
        until = np.append(version[own], version[own][-1] + 1)  # a share holds until the next version
        axes.step(until, np.append(share[own], share[own][-1]), where="post", color=colour_of(number), linewidth=2.2)
        # What the version before had come to is known when this one is made.
        axes.plot(version[own] - 1, accuracy[own], color=MUTED_INK, linewidth=1.6, linestyle=(0, (4, 2)))
        axes.set_ylim(-0.04, 1.04)
        size = members.count(number)
        axes.set_ylabel(f"cluster {number}\n{size} client{'s' if size > 1 else ''}", fontsize=13, color=INK)
    rows[-1].set_xlabel("version (round)", fontsize=13, color=INK)
    heading(
        figure,
        f"{run.algorithm}, {run.name}, seed {run.seed}: share of the structural model in the fused one",
        "steps: the share, from 0 (node model only) to 1 (structural model only); dashed: the cluster's validation "
        "accuracy",
    )
    return figure
