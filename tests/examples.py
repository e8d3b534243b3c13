"""Example settings of the registered parts, from which the contract suites build every one of them.

A part without required settings is built from its name alone. Any other part fails its contracts, once it is
registered, until it has an example here; a second example is worth it where a setting leads another way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from graphs.models.architecture import GraphArchitecture
from testbed import catalogue
from testbed.settings import component

__all__ = ["EXAMPLES", "Example", "examples", "takes_graphs"]

# 3 blocks of 400 links: Rayleigh fades, scaled to unit mean power.
TRACE = str(Path(__file__).parent / "channels" / "fades.csv")
# Who is away when, of 4 devices, in 100 s.
ABSENCES = str(Path(__file__).parent / "testbed" / "devices" / "absences.csv")
# The bandwidth of a link, of 6 rows in 12 s.
BANDWIDTH = str(Path(__file__).parent / "channels" / "wan" / "bandwidth.csv")
RADIO: dict[str, Any] = {"bandwidth_hz": "1 kHz", "power_w": 2, "noise_psd_w_per_hz": 1e-3}

# kind -> name -> tables, as they would stand in a scenario.
EXAMPLES: dict[str, dict[str, list[dict[str, Any]]]] = {
    "algorithm": {
        "air-fedavg": [
            {},
            {"payload": "delta", "deadline_s": "2 min", "selection": {"kind": "random", "num_clients": 2}},
            {"power_control": "air-fedavg-horizon"},
            {"selection": "energy-aware"},
        ],
        "async-local-sgd": [
            {"sync_every": 6},
            {
                "sync_every": 6,
                "dynamic_local_steps": True,
                "staleness_exponent": 0.5,
                "grace_s": 0.5,
                "outer_optimizer": "delayed-nesterov",
            },
        ],
        "cocodc": [
            {"sync_every": 6, "num_fragments": 2, "fragment_sync_delay": 2},
            {
                "sync_every": 6,
                "num_fragments": 2,
                "fragment_sync_delay": 2,
                "schedule": "apply-anchored",
                "compensation": "curvature-const",
                "codec": "e3m0",
                "error_feedback": True,
            },
        ],
        "cac": [{}, {"min_fraction": 0, "per": "vector", "selection": {"kind": "random", "num_clients": 2}}],
        "caesar": [
            {"min_batch_size": 2},
            {
                "side_info": "received-model",
                "error_feedback": True,
                "download": "mean",
                "upload": "mean",
                "batches": "equal",
                "staleness_window": 3,
                "num_levels": 4,
                "per": "vector",
                "selection": {"kind": "random", "num_clients": 3},
            },
            {"side_info": "none", "max_download_fraction": 0.9},
        ],
        "fic": [{}, {"download_fraction": 0, "upload_fraction": 0}],
        "flexcom": [{}, {"min_share": 0.5, "num_shares": 2, "extra_work": 0, "per": "vector"}],
        "prowd": [{}, {"widths": [8, 2], "selection": {"kind": "random", "num_clients": 3}}],
        "pyramidfl": [{"num_clients": 2}, {"num_clients": 3, "over_commit": 1, "max_extra_jobs": 0, "min_dropped": 0}],
        "dc-asgd": [{}, {"strength_rule": "constant", "server_region": 1}],
        "ddp": [{}, {"overlap_fraction": 0.5, "codec": "bf16"}],
        "diloco": [{"sync_every": 6}, {"sync_every": 5, "codec": "int8"}],
        "eager": [{"sync_every": 6}, {"sync_every": 4, "overlap_rounds": 2}],
        "local-sgd": [{"sync_every": 6}],
        "overlapped-diloco": [{"sync_every": 6}],
        "streaming-diloco": [
            {"sync_every": 6, "num_fragments": 2, "fragment_sync_delay": 2},
            {"sync_every": 6, "num_fragments": 3, "fragment_sync_delay": None, "schedule": "send-anchored"},
        ],
        "air-fedga": [{}, {"payload": "delta", "grouping": {"kind": "tier", "num_groups": 3}}],
        "dynamic": [{}, {"payload": "delta", "selection": {"kind": "energy-aware", "max_fraction": 0.5}}],
        "adasfl": [{"iterations": [2, 3]}],
        "adaptsfl": [{"intervals": [1, 3]}],
        "pyramidfl-links": [{"num_clients": 3, "num_iterations": 2}],
        "fedavg-links": [{"num_iterations": 2}],
        "locfedmix-sl": [{"num_iterations": 2}, {"num_iterations": 2, "mixing_concentration": 0}],
        "mergesfl": [{"num_iterations": 2, "generations": 2}],
        "parallelsfl": [
            {"max_iterations": 3, "bottom_rate_bit_per_s": 1e5},
            {"max_iterations": 3, "bottom_rate_bit_per_s": 1e5, "rotates": True, "only_closer": True},
            {"max_iterations": 3, "bottom_rate_bit_per_s": 1e5, "clusters": "random", "paces": "equal"},
        ],
        "splitfed": [
            {"num_iterations": 2},
            {"num_iterations": 2, "top": "sequential"},
            {"num_iterations": 2, "top": "copies"},
        ],
        "fedavg": [
            {},
            {"deadline_s": 60, "selection": {"kind": "fastest", "num_clients": 2}},
            {"selection": "energy-aware"},
        ],
        "fedprox": [{}, {"proximal_weight": 1, "deadline_s": 5}],
        "fedbuff": [{}, {"buffer_size": 3, "server_learning_rate": 0.5, "discount": "constant"}],
        "fedga": [{}, {"scheduler": "best-of-starts", "grouping": {"kind": "tier", "num_groups": 3}}],
        "fedgcf": [
            {},
            {
                "clustering": "random",
                "num_clusters": 2,
                "node_selection": "random",
                "node_every": 2,
                "similarity": "models",
                "fusion_ratio": "epsilon-greedy",
                "ratio_per": "federation",
                "fuse": "client",
                "access": "tdma",
                "server_flop_per_s": "1 GFLOP/s",
            },
        ],
        "fedsa": [{}, {"num_arrivals": 2}],
        "tifl-sync": [{}, {"odds": "rank", "interval_rounds": 1, "credits": 1, "num_clients": 2}],
    },
    "availability": {
        "bernoulli-blocks": [
            {"probability": 0.6, "block_s": 10},
            {"probability": 0, "block_s": 10},
            {"probability": 1, "block_s": 10},
        ],
        "trace": [
            {"path": ABSENCES, "rows": "absences", "on_end": "wrap"},
            {"path": ABSENCES, "rows": "presences", "length_s": "2 min", "start_s": 25, "on_end": "wrap"},
        ],
    },
    "codec": {
        "chained": [
            {"codecs": ["int8"]},
            {"codecs": [{"kind": "top-k", "fraction": 0.3}, "int8"]},
            {"codecs": [{"kind": "top-k", "num_values": 9}, {"kind": "top-k", "fraction": 0.5}, "e3m0"]},
        ],
        "e3m0": [{}, {"scale_per": "vector"}],
        "hybrid": [
            {"compressed_fraction": 0},
            {"compressed_fraction": 0.6},
            {"compressed_fraction": 0.9, "per": "vector"},
            {"compressed_fraction": 1},
        ],
        "int8": [{}, {"scale_per": "vector"}],
        "uniform": [{"num_bits": 2}, {"num_bits": 4, "scale_per": "vector"}, {"num_bits": 16}],
        "top-k": [
            {"fraction": 0.6, "index": "smaller", "per": "tensor"},
            {"num_values": 1, "index": "smaller", "values": "int8"},
            {"num_values": 3},
            {"fraction": 0.25, "index": "32-bit", "values": "bf16"},
            {"fraction": 1, "values": {"kind": "int8", "scale_per": "vector"}},
        ],
    },
    "compensation": {
        "blend": [{}, {"alpha": 0}, {"alpha": 1}],
        "curvature-const": [{}, {"strength": 500, "divide_gap_by": "sync-every"}, {"wrong_sign": True}],
        "curvature-norm": [{}, {"strength": 0}, {"norm_over": "fragment", "wrong_sign": True}],
        "curvature-rate": [{}, {"strength": 1, "max_strength": 3, "norm_over": "fragment"}],
    },
    "bandwidth": {
        "gilbert-elliott": [
            {"mean_good_s": 20, "mean_bad_s": "5 s", "bad_fraction": 0.1},
            {"mean_good_s": 20, "mean_bad_s": 5, "bad_fraction": 0, "good_fraction": 0.9, "block_s": 2},
        ],
        "log-normal": [{"sigma": 0.3, "block_s": 5}, {"sigma": 0, "block_s": 2}],
        "steps": [
            {
                "steps": [
                    {"start_s": 10, "fraction": 0.5},
                    {"start_s": 20, "fraction": 0},
                    {"start_s": 25, "fraction": 1},
                ]
            },
            {"steps": [{"start_s": 0, "fraction": 1}, {"start_s": 3, "fraction": 0.1}], "period_s": 7},
        ],
        "trace": [
            {"path": BANDWIDTH, "at_end": "repeat", "start": "random"},
            {"path": BANDWIDTH, "at_end": "hold", "scale": 2, "to_capacity": True, "offset_s": 3},
        ],
    },
    "collective": {
        "hierarchical": [{"groups": [["region-0", "region-2"], ["region-1", "region-3"]]}],
        "ring": [{}, {"order": "given"}],
        "star": [{}, {"hub": "region-1"}],
    },
    "dataset": {
        "cifar10": [{"num_train": 500, "num_test": 100}],
        "graph-collection": [{"names": ["MUTAG", "PTC_MR"]}, {"collection": "mix-small"}],
        "planetoid": [{}, {"name": "citeseer"}],
        "tu-dataset": [{"name": "MUTAG"}, {"name": "ENZYMES", "node_attributes": True, "max_degree": 5}],
        "fashion-mnist": [{"num_train": 500, "num_test": 100}],
        "mnist": [{"num_train": 500, "num_test": 100}],
        "pydoc-topics": [{}, {"tokenizer": "byte", "context": 32, "stride": 40, "max_test_windows": 10}],
    },
    "device": {
        "custom": [
            {
                "flop_per_s": "1 GFLOP/s",
                "memory_bytes": "2 GB",
                "memory_bandwidth_bytes_per_s": "10 GB/s",
                "idle_w": 0.5,
                "compute_w": 2.5,
                "transmit_w": 1,
            }
        ],
    },
    "downlink": {
        "broadcast": [RADIO],
        "own-links": [
            {"low_bit_per_s": "0.2 Mbit/s", "high_bit_per_s": "2 Mbit/s"},
            {
                "low_bit_per_s": "1 kbit/s",
                "high_bit_per_s": "2 kbit/s",
                "bandwidth": {"kind": "log-normal", "sigma": 0.3, "block_s": 5},
            },
        ],
        "unicast": [RADIO],
    },
    "fading": {
        "correlated": [
            {"of": "rayleigh", "rho": 0.8},
            {"of": {"kind": "rician", "k_factor_db": 3}, "normalised_doppler": 0.3},
        ],
        "nakagami": [{"m": 0.5}, {"m": 4}],
        "rician": [{"k_factor_db": 6}],
        "trace": [{"path": TRACE, "on_end": "wrap"}],
    },
    "fusion-ratio": {
        "bandit": [{}, {"arms": [0.25, 0.5, 0.75], "coarse": [0.5], "window": 4, "traffic_penalty": 0.5}],
        "epsilon-greedy": [{}, {"trial_probability": 1}],
        "fixed": [{}, {"share": 1}],
    },
    "grouping": {
        "anti-kmeans": [{"num_groups": 1}, {"num_groups": 3}],
        "communication-aware": [{"num_groups": 1}, {"num_groups": 3}],
        "data-aware": [{"num_groups": 1}, {"num_groups": 3}],
        "greedy-paper": [{}, {"xi": 0}, {"xi": 1, "planning": {"target_gap": 0.05}}],
        "greedy-refined": [{}, {"xi": 0}, {"xi": 1, "planning": {"target_gap": 0.05}}],
        "kmeans-label": [{"num_groups": 1}, {"num_groups": 3}],
        "label-balanced-tier": [{"groups_per_window": 2}, {"xi": 1, "groups_per_window": 3}],
        "random": [{"num_groups": 1}, {"num_groups": 3}],
        "tier": [{"num_groups": 1}, {"num_groups": 3}],
        "tier-width": [{}, {"xi": 0}, {"xi": 1}],
    },
    "model": {
        "fedstar-gin": [{"width": 8, "num_layers": 2}],
        "gcn": [{"width": 8}, {"width": 8, "num_layers": 3, "share": "convolutions"}, {"width": 8, "share": "body"}],
        "gin": [{"width": 8, "num_layers": 2}, {"share": "all", "dropout": 0}],
        "gpt": [{"width": 16, "num_blocks": 2}, {"width": 16, "num_heads": 2, "tie_weights": True}],
        "mlp": [{"hidden": [16]}, {"hidden": [17, 9]}],
    },
    "node-selection": {
        "betweenness": [{}, {"fraction": 1}],
        "medoid": [{}, {"fraction": 0.1}],
        "random": [{}, {"fraction": 0.9}],
        "similar-paths": [{}, {"fraction": 0.1}, {"fraction": 1}],
    },
    "noise": {"per-symbol": [{"energy_j_per_use": "2 mJ"}], "total": [{"energy_j": 1}, {"energy_j": 0}]},
    "outer-optimizer": {
        "delayed-nesterov": [{}, {"num_arrivals": 3, "learning_rate": 0.7, "momentum": 0.5}],
        "momentum": [{}, {"learning_rate": 1, "momentum": 0}],
        "nesterov": [{}, {"learning_rate": 0.4, "momentum": 0.5}],
        "sgd": [{}, {"learning_rate": 2}],
    },
    "partition": {
        "dirichlet": [{"alpha": 0.1}, {"alpha": 5, "min_samples": 4}],
        "domains": [
            {},
            {"clients_per_domain": [1, 2, 3], "within": {"kind": "graph-structure", "mix": 0}},
            {"clients_per_domain": 2, "graphs_per_client": 5, "within": "iid"},
        ],
        "gcfl": [{}, {"chunk_size": 3}],
        "graph-size": [{}, {"mix": 0.5}],
        "graph-structure": [{}, {"score": "mean-degree", "mix": 0}, {"score": "principal-component"}],
        "louvain": [{}, {"resolution": 2}],
        "pathological": [{"classes_per_client": 1}, {"classes_per_client": 3}],
        "quantity-skew": [{"sigma": 0}, {"sigma": 1.5, "min_samples": 4}],
        "shards": [{"shards_per_client": 1}, {"shards_per_client": 2}],
    },
    "path-loss": {
        "log-distance": [
            {"carrier_hz": "2.4 GHz", "reference_distance_m": "1 m", "exponent": 3, "side_m": "100 m"},
        ],
        "power-law": [
            {"gain_db_at_1_m": -40, "exponent": 4, "side_m": "50 m"},
            {
                "gain_db_at_1_m": -40,
                "exponent": 4,
                "side_m": "50 m",
                "shadowing": {"kind": "log-normal", "sigma_db": 8},
            },
        ],
        "unit": [{}, {"shadowing": {"kind": "log-normal", "sigma_db": "4 dB"}}],
    },
    "placement": {
        "auto": [{"num_workers": 2}],
        "processes": [{"num_workers": 2}],
        "ray": [{"num_workers": 1}],
    },
    "power-control": {
        "air-fedavg-horizon": [{"fallback": "per-round"}, {"decay": 1, "average_fraction": 1}],
        "air-fedga": [{}, {"solver": "alternating"}, {"solver": "alternating", "start": "sigma-max/1000"}],
        "cotaf": [{}, {"min_amplitude": 0.5}],
        "regularized-inversion": [{}, {"average_fraction": 1, "power_gains": [1]}],
        "truncated-inversion": [{"power_gain_threshold": 0.1}, {"power_gain_threshold": 0}],
    },
    "schedule": {
        "adaptive-transmission": [
            {},
            {"utilisation": 1, "memory": 0, "on_oversubscription": "keep", "selector": "round-robin"},
            {"num_syncs": 6},
        ],
        "fixed-slots": [{}, {"num_syncs": 6, "selector": "change-rate"}],
        "send-anchored": [{}, {"offset": 1}],
    },
    "shadowing": {"log-normal": [{"sigma_db": 0}, {"sigma_db": 8}]},
    "selection": {
        "energy-aware": [{}, {"budget_fraction": 0.1, "utility_weight": 5, "max_fraction": 1}],
        "fastest": [{"num_clients": 1}, {"num_clients": 3}],
        "random": [{"num_clients": 3}, {"fraction": 0.1}, {"fraction": 1}],
    },
    "selector": {
        "change-rate": [{}, {"normalise": True}, {"measure": "l1"}, {"measure": "rms-age"}],
    },
    "slowdown": {
        "listed": [{"by_device": [1, 1.5, 4]}],
        "pareto": [{"shape": 1.2, "cap": 30}],
        "uniform": [{"low": 1, "high": 10}],
    },
    "structure": {
        "anonymous-walks": [{"num_walks": 400}, {"walk_length": 2, "num_walks": 400}],
        "degree": [{}, {"num_bins": 3}],
        "dse": [{}, {"num_degrees": 2}],
        "rwse": [{}, {"num_steps": 3}],
        "rwse-dse": [{}, {"num_steps": 5, "num_degrees": 4}],
        "spectral": [{}, {"form": "heat-trace"}],
    },
    "tokenizer": {"bpe": [{"vocab_size": 280}]},
    "topology": {
        "cloud": [{"regions": ["aws:us-east-1", "aws:us-west-2", "azure:westeurope"], "throughput_scale": 0.1}],
        "graphml": [
            {"file": "Abilene", "regions": ["Seattle", "Houston", "Denver"], "default_capacity_bit_per_s": 1e9}
        ],
        "links": [
            {
                "regions": ["a", "b", "c"],
                "links": [
                    {"between": ["a", "hub"], "capacity_bit_per_s": "1 Gbit/s", "delay_s": "20 ms", "sharing": "fifo"},
                    {
                        "between": ["hub", "b"],
                        "capacity_bit_per_s": 1e8,
                        "delay_s": 0.01,
                        "loss": 0.01,
                        "jitter_s": 0.1,
                    },
                    {"between": ["hub", "c"], "capacity_bit_per_s": 1e8, "delay_s": 0, "energy_j_per_gbyte": 50},
                ],
            }
        ],
        "mesh": [
            {"preset": "four-clouds", "capacity_bit_per_s": "1 Gbit/s", "egress_bit_per_s": "2 Gbit/s"},
            {
                "regions": ["a", "b", "c"],
                "pairs": [
                    {"between": ["a", "b"], "rtt_s": "10 ms"},
                    {"between": ["b", "c"], "rtt_s": "20 ms", "capacity_bit_per_s": 1e7},
                    {"between": ["a", "c"], "rtt_s": "30 ms"},
                ],
                "capacity_bit_per_s": 1e8,
            },
        ],
        "pings": [{"regions": ["New York", "London", "Tokyo"], "capacity_bit_per_s": 1e9}],
        "uniform": [
            {"capacity_bit_per_s": 1e8, "delay_s": "50 ms"},
            {
                "capacity_bit_per_s": 1e8,
                "delay_s": 0,
                "bandwidth": {"kind": "trace", "path": BANDWIDTH, "at_end": "repeat"},
            },
        ],
    },
}


@dataclass(frozen=True)
class Example:
    """One way to configure a registered part."""

    kind: str
    name: str
    settings: Mapping[str, Any]

    def build(self) -> Any:
        """Return the part as a scenario's table would make it."""
        try:
            return component(self.kind).read({"kind": self.name, **self.settings})
        except ValidationError as error:
            missing = [str(item["loc"][0]) for item in error.errors() if item["type"] == "missing"]
            if not missing:
                raise
        return pytest.fail(
            f"the {self.kind} {self.name!r} cannot be made without {', '.join(missing)}: give it an example in "
            "tests/examples.py, so that its contracts can be tested"
        )

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{key}={value}' for key, value in self.settings.items())})"


def examples(kind: str) -> list[Example]:
    """Return at least one example of every part of a kind that is registered, whoever brought it."""
    given = EXAMPLES.get(kind, {})
    return [Example(kind, name, table) for name in catalogue.entries(kind) for table in given.get(name, [{}])]


def takes_graphs(model: Example) -> bool:
    """Return whether the samples of a model are graphs; those of others are images or windows of tokens."""
    return isinstance(model.build(), GraphArchitecture)
