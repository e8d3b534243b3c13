"""Air-FedAvg: everybody trains, waits for the slowest, and transmits at once; the result replaces the model.

The synchronous baseline of Air-FedGA (Ma et al., IPDPS 2025, section V): one group holds all workers, a round takes
max_i l_i + L^u, and the power control is the same closed form. The round itself is in `synchronous.py`. With the power
control `air-fedavg-horizon` all rounds of a run are planned at its first transmission, where their times can be
foretold (`foretelling.py`).

Our choice: `selection` may ask fewer than everybody.
"""

from algorithms.over_the_air.synchronous import SynchronousRounds

__all__ = ["AirFedavg"]


class AirFedavg(SynchronousRounds):
    """Synchronous federated averaging over the air."""

    kind: str = "air-fedavg"
