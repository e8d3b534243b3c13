"""The scenario of clients with graphs: it needs no file, and methods differ by what they send and by nothing else."""

from functools import cache

import numpy as np
import pytest

from testbed.experiments.result import RunResult
from testbed.experiments.scenario import Scenario

ROUNDS, CLIENTS = 2, 9
MODEL_BITS = 32 * 6336  # three layers of two 32 x 32 matrices and their biases
VECTOR_BITS = 32 * 32


@cache
def timed(method: str) -> RunResult:
    """Two rounds of which nothing is computed but the time they take; no data folder."""
    scenario = Scenario.load("fedgcf").set("algorithm.kind", method).set("run.kernel", "none")
    return scenario.set("run.horizon_rounds", ROUNDS).run(seed=0, data_dir=None)


def sent_bits(run: RunResult) -> tuple[float, float]:
    """Return what clients and what the server had sent, in bits a client and round."""
    by_server = run.column("transfer", "source") == "server"
    bits = run.column("transfer", "bits") / (ROUNDS * CLIENTS)
    return float(bits[~by_server].sum()), float(bits[by_server].sum())


@pytest.mark.parametrize(
    ("method", "more_up", "models_down"),
    [("fedavg", 0, 1), ("fedprox", 0, 1), ("gcfl", 0, 1), ("ifca", 8, 3), ("fedgcf", 64 + VECTOR_BITS / ROUNDS, 1)],
)
def test_a_client_sends_a_model_and_what_its_method_adds(method: str, more_up: float, models_down: int) -> None:
    up, down = sent_bits(timed(method))
    assert up == pytest.approx(MODEL_BITS + more_up, rel=1e-12)
    assert down == pytest.approx(models_down * MODEL_BITS, rel=1e-12)


def test_the_norms_of_gcfl_plus_and_the_channel_of_fedstar_are_what_travels() -> None:
    up, down = sent_bits(timed("gcfl-plus"))
    assert (up, down) == pytest.approx((MODEL_BITS + 32, MODEL_BITS), rel=1e-12)
    structure_bits = 32 * ((32 * 32 + 32) + 3 * (32 * 32 + 32))  # the encoding and three convolutions of the channel
    assert sent_bits(timed("fedstar")) == pytest.approx((structure_bits, structure_bits), rel=1e-12)


def test_who_trains_alone_sends_nothing_and_waits_for_nobody_s_upload() -> None:
    alone, averaged = timed("local-only"), timed("fedavg")
    assert sent_bits(alone) == (0.0, 0.0)
    assert alone.elapsed_s < averaged.elapsed_s


def test_all_methods_share_out_the_band_alike() -> None:
    for method in ("fedavg", "fedprox", "gcfl", "gcfl-plus", "ifca", "fedstar", "fedgcf"):
        channels = timed(method).column("transfer", "channel")
        assert set(channels.tolist()) == {"ofdma", "unicast"}, method


def test_nobody_trains_before_the_clusters_are_formed() -> None:
    found = timed("fedgcf")
    assert len(found.column("preparation", "client")) == CLIENTS
    vectors = found.column("transfer", "bits") == VECTOR_BITS
    assert vectors.sum() == CLIENTS
    assert found.column("training", "start_s").min() > found.column("transfer", "end_s")[vectors].max()
    assert found.column("client_cluster", "described").all()
    assert np.unique(found.column("client_cluster", "cluster")).tolist() == [0, 1]
