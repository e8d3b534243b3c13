"""Aggregation: how what arrived becomes one vector. `weighted_mean.py` is the only way to average in this project."""
