"""Federated methods over orthogonal channels: `fedavg.py` is the one every other is compared with."""
