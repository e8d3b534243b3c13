"""Views: saved rows turned into what people look at. Nothing here re-runs, writes or prints anything.

`tables.py` makes the tables of the command line, `curves.py` accuracy against time and against what it cost,
`grid_table.py` and `heatmap.py` two settings varied together, `timeline.py` who did what when, `perfetto.py` the same
as a trace, `blame.py` what the run waited for, `progress.py` the bar of a run under way; `palette.py` is what figures
share. Functions take `RunResult`s, or what was computed from them, and return a rich table, a matplotlib figure or
trace events; the caller prints or saves them. Start with `curves.py`.
"""

__all__: list[str] = []
