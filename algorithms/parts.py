"""The table of names of this package, kind by kind; reading it imports nothing."""

from typing import Final

__all__ = ["PARTS"]

PARTS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "algorithm": {
        "air-fedavg": (
            "algorithms.over_the_air.air_fedavg:AirFedavg",
            "everybody over the air at once, synchronous (baseline in Ma et al., IPDPS 2025)",
        ),
        "air-fedga": (
            "algorithms.over_the_air.air_fedga:AirFedga",
            "groups over the air, asynchronous between groups (Ma et al., IPDPS 2025)",
        ),
        "fedavg": (
            "algorithms.federated.fedavg:Fedavg",
            "everybody one by one over TDMA, synchronous (McMahan et al., AISTATS 2017)",
        ),
    },
    "grouping": {
        "greedy-paper": (
            "algorithms.grouping.greedy:GreedyPaper",
            "Alg. 3 of Air-FedGA: each client where the bound grows least (Ma et al., IPDPS 2025)",
        ),
        "greedy-refined": (
            "algorithms.grouping.greedy:GreedyRefined",
            "greedy-paper, then moves and swaps while the bound falls (ours)",
        ),
        "tier": ("algorithms.grouping.tier:TierGrouping", "equal parts in order of speed (TiFL, HPDC 2020)"),
        "single": ("algorithms.grouping.single:SingleGroup", "everybody in one group: synchronous"),
    },
    "payload": {
        "delta": ("algorithms.payload.delta:DeltaPayload", "the update, new minus old (ours)"),
        "model": ("algorithms.payload.model:ModelPayload", "the whole model (Ma et al., IPDPS 2025)"),
    },
    "power-control": {
        "air-fedavg-horizon": (
            "algorithms.power_control.air_fedavg_horizon:AirFedavgHorizon",
            "all rounds at once over channels known ahead, late rounds louder (Cao et al., JSAC 2022)",
        ),
        "air-fedga": (
            "algorithms.power_control.air_fedga:AirFedgaPowerControl",
            "aligned signals, MMSE receive scale (Alg. 2 of Ma et al., IPDPS 2025)",
        ),
        "cotaf": (
            "algorithms.power_control.cotaf:Cotaf",
            "updates under a common precoder that grows as they shrink (Sery et al., TSP 2021)",
        ),
        "full-power": (
            "algorithms.power_control.full_power:FullPower",
            "everybody at its cap, MMSE receive scale (textbook)",
        ),
        "ideal": (
            "algorithms.power_control.ideal:IdealPowerControl",
            "the exact weighted mean: aligned, and no noise at the receiver (upper limit)",
        ),
        "regularized-inversion": (
            "algorithms.power_control.regularized_inversion:RegularizedInversion",
            "one receive scale for all fades, average power caps (Cao et al., TWC 2020)",
        ),
        "stat-aware": (
            "algorithms.power_control.stat_aware:StatAware",
            "weighs what signals have in common against their spread (Zhang and Tao, TWC 2021)",
        ),
        "threshold-optimal": (
            "algorithms.power_control.threshold_optimal:ThresholdOptimal",
            "weak members at full power, strong ones invert: least MSE (Cao et al., TWC 2020)",
        ),
        "truncated-inversion": (
            "algorithms.power_control.truncated_inversion:TruncatedInversion",
            "silences deep fades, inverts the rest (Zhu, Wang and Huang, TWC 2020)",
        ),
        "zf-inversion": (
            "algorithms.power_control.zf_inversion:ZeroForcingInversion",
            "channel inversion, unbiased; the weakest member sets the scale (zero forcing)",
        ),
    },
}
