"""Federated methods over orthogonal channels: `fedavg.py` is the one every other is compared with, `fedprox.py` adds a
proximal term and partial work to it (`average_uploads.py` is what both share); `tifl.py` and `fedasync.py` are
asynchronous by tier and by client, `fedsa.py` and `fedbuff.py` collect several clients' models first, `tifl_sync.py`
chooses a tier a round, `fedga.py` puts a group's transfers in order."""
