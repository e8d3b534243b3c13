"""Federated methods over orthogonal channels: `fedavg.py` is the one every other is compared with;
`tifl.py` and `fedasync.py` are asynchronous by tier and by client."""
