"""Views: saved rows turned into what people look at. Nothing here re-runs, writes or prints anything.

`tables.py` makes the tables of the command line, `curves.py` accuracy against time and against what it cost,
`grid_table.py` and `heatmap.py` two settings varied together, `timeline.py` who did what when, `progress.py` the bar
of a run under way; `palette.py` is what figures share.
Functions take `RunResult`s, or what was computed from them, and return a rich table or a matplotlib figure;
the caller prints or saves it. Start with `curves.py`.
"""

__all__: list[str] = []
