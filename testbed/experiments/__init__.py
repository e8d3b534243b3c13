"""Experiments: from a scenario to saved rows and comparisons.

`scenario.py` is what users hold (load, override, run); `resolve.py` checks a scenario against the catalogues;
`assembly.py` makes of it what clients hold and train; `run.py` builds the world and carries it to its end; `result.py`
and `store.py` hold and keep the rows; `sweep.py` runs several alternatives on the same luck; `blame.py` says what a run
waited for; `target.py`, `statistics.py` and `summary.py` turn rows into answers.
"""
