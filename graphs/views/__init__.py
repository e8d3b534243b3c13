"""Pictures of what methods for graphs recorded: functions of saved rows, like those of `testbed.views`.

Each takes a `RunResult` of a method that clusters and fuses, and returns a matplotlib figure; the caller shows or saves
it. Reading order: `client_map.py` who is structurally alike, `client_paths.py` who learnt alike and whose models make
the node model, `fusion_shares.py` what the bandits played. `client_marks.py` is what they share.
"""

from graphs.views.client_map import plot_client_map
from graphs.views.client_paths import plot_client_paths
from graphs.views.fusion_shares import plot_fusion_shares

__all__ = ["plot_client_map", "plot_client_paths", "plot_fusion_shares"]
