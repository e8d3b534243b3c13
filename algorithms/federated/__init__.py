"""Federated methods over orthogonal channels: `fedavg.py` is the one every other is compared with,
`fedprox.py` adds a proximal term and partial work to it (`average_uploads.py` is what both share);
`tifl.py` and `fedasync.py` are asynchronous by tier and by client."""
