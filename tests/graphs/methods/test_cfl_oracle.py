"""CFL-oracle: FedAvg within each domain, at FedAvg's traffic."""

import numpy as np
from fedgcf_runs import ONE_DOMAIN, finished, models_by_version, rows

UNICAST = {"kind": "unicast", "bandwidth_hz": "10 MHz", "power_w": 1, "noise_psd_w_per_hz": 2e-9}


def test_it_is_fedgcf_with_known_domains_and_structure_only_bit_by_bit() -> None:
    oracle = models_by_version("cfl-oracle")
    fedgcf = models_by_version("fedgcf", {"clustering": "domains", "fusion_ratio": {"kind": "fixed", "share": 1.0}})
    assert len(oracle) == 5
    assert all(np.array_equal(one, other) for one, other in zip(oracle, fedgcf, strict=True))
    assert len(np.unique(oracle[-1], axis=0)) == 3


def test_with_one_client_a_domain_nobody_learns_from_anybody() -> None:
    alone = {"devices__count": 3, "data__partition": {"kind": "domains"}}
    oracle, local = (models_by_version(method, **alone) for method in ("cfl-oracle", "local-only"))
    assert all(np.array_equal(one, other) for one, other in zip(oracle, local, strict=True))


def test_its_traffic_is_that_of_fedavg() -> None:
    bits = {}
    for method in ("cfl-oracle", "fedavg"):
        experiment = finished(method, {"access": "ofdma"}, channel__downlink=UNICAST)
        transfers = rows(experiment, "transfer")
        bits[method] = [(row["source"], row["target"], row["bits"]) for row in transfers]
    assert bits["cfl-oracle"] == bits["fedavg"]
    assert len(bits["fedavg"]) == 2 * 6 * 4


def test_a_domain_from_which_nothing_arrived_keeps_its_model() -> None:
    gone = [{"device": device, "start_s": 0.0} for device in (2, 3)]
    models = models_by_version("cfl-oracle", fault=gone)
    assert all(np.array_equal(version[2:4], models[0][2:4]) for version in models)
    assert not np.array_equal(models[-1][0], models[0][0])


def test_with_one_domain_it_is_fedavg() -> None:
    oracle = models_by_version("cfl-oracle", graphs_of=(60,), **ONE_DOMAIN)
    fedavg = models_by_version("fedavg", graphs_of=(60,), **ONE_DOMAIN)
    assert all(np.allclose(one, other, atol=2e-6) for one, other in zip(oracle, fedavg, strict=True))
