"""Views: saved rows turned into what people look at. Nothing here re-runs, writes or prints anything.

`tables.py` makes the tables of the command line, `curves.py` accuracy against time and against what it cost,
`grid_table.py` and `heatmap.py` two settings varied together, `timeline.py` who did what when, `perfetto.py` the same
as a trace, `blame.py` what the run waited for, `progress.py` the bar of a run under way; `palette.py` is what figures
share, `lanes.py` what timelines share. `page.py` writes pages that need nothing else: `timeline_page.py` the timeline
to explore, `report.py` all of it at once, with the lines of `charts.py`; their style and scripts are in `assets`.
Functions take `RunResult`s, or what was computed from them, and return a rich table, a matplotlib figure, trace events
or the text of a page; the caller prints or saves them. Start with `curves.py`.
"""

__all__: list[str] = []
