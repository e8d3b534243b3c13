"""The table of names of this package, kind by kind; reading it imports nothing."""

from typing import Final

__all__ = ["PARTS", "PROTOCOLS"]

# What a part of a kind must have, whoever brings it: kind -> module:protocol.
PROTOCOLS: Final[dict[str, str]] = {
    "algorithm": "algorithms.worlds.algorithm:AnyAlgorithm",
    "compensation": "algorithms.compensation.flight:Compensation",
    "grouping": "algorithms.grouping.problem:Grouping",
    "outer-optimizer": "algorithms.outer_optimizer.optimizer:OuterOptimizer",
    "payload": "algorithms.payload.model:Payload",
    "power-control": "algorithms.power_control.plan:PowerControl",
    "schedule": "algorithms.schedules.calendar:Schedule",
    "selection": "algorithms.selection.context:Selection",
    "selector": "algorithms.selectors.history:Selector",
}

PARTS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "algorithm": {
        "async-local-sgd": (
            "algorithms.cross_region.async_local_sgd:AsyncLocalSGD",
            "regions at their own pace, a server applies each pseudo-gradient on arrival (Liu et al., 2024)",
        ),
        "cocodc": (
            "algorithms.cross_region.cocodc:CoCoDC",
            "streaming with delay compensation and adaptive transmission (Zhu et al., 2025)",
        ),
        "dc-asgd": (
            "algorithms.cross_region.dc_asgd:DCASGD",
            "asynchronous gradients between regions, compensated for their delay (Zheng et al., ICML 2017)",
        ),
        "ddp": (
            "algorithms.cross_region.ddp:DDP",
            "gradients averaged between regions in every step, synchronous (textbook)",
        ),
        "diloco": (
            "algorithms.cross_region.diloco:DiLoCo",
            "H local steps, one blocking exchange, one outer step (Douillard et al., 2023)",
        ),
        "eager": (
            "algorithms.cross_region.eager_diloco:EagerDiLoCo",
            "diloco with the others' contribution a round late, one's own at once (Kale et al., 2025)",
        ),
        "local-sgd": (
            "algorithms.cross_region.local_sgd:LocalSGD",
            "H local steps between regions, then the average (Stich, ICLR 2019)",
        ),
        "overlapped-diloco": (
            "algorithms.cross_region.overlapped_diloco:OverlappedDiLoCo",
            "diloco with every outer step a round late (baseline in Kale et al., 2025)",
        ),
        "streaming-diloco": (
            "algorithms.cross_region.streaming_diloco:StreamingDiLoCo",
            "fragments exchanged in turn while training goes on, then blended (Douillard et al., 2025)",
        ),
        "air-fedavg": (
            "algorithms.over_the_air.air_fedavg:AirFedavg",
            "everybody over the air at once, synchronous (baseline in Ma et al., IPDPS 2025)",
        ),
        "air-fedga": (
            "algorithms.over_the_air.air_fedga:AirFedga",
            "groups over the air, asynchronous between groups (Ma et al., IPDPS 2025)",
        ),
        "cac": (
            "algorithms.federated.cac:Cac",
            "models and updates compressed the more the slower the link (baseline of Caesar, 2024)",
        ),
        "caesar": (
            "algorithms.federated.caesar:Caesar",
            "models compressed by staleness, updates by importance, batches to finish together (Yan et al., 2024)",
        ),
        "dynamic": (
            "algorithms.over_the_air.dynamic:Dynamic",
            "the few clients worth their energy over the air, synchronous (Sun et al., JSAC 2022)",
        ),
        "fedasync": (
            "algorithms.federated.fedasync:Fedasync",
            "each client on its own, discounted by staleness (Xie et al., OPT 2020)",
        ),
        "fedbuff": (
            "algorithms.federated.fedbuff:Fedbuff",
            "each client on its own, updates buffered by K and discounted (Nguyen et al., AISTATS 2022)",
        ),
        "fedga": (
            "algorithms.federated.fedga:Fedga",
            "groups with orthogonal transfers in magic-mirror order, asynchronous between groups (FedGA, 2023)",
        ),
        "fic": (
            "algorithms.federated.fic:Fic",
            "models and updates compressed alike for everybody, or not at all (baseline of Caesar, 2024)",
        ),
        "flexcom": (
            "algorithms.federated.flexcom:Flexcom",
            "sparse updates with the share of the least energy, error feedback (Li et al., INFOCOM 2021)",
        ),
        "prowd": (
            "algorithms.federated.prowd:Prowd",
            "models of 2 to 32 bits by speed, dequantised by the server (after Yoon et al., 2022)",
        ),
        "pyramidfl": (
            "algorithms.federated.pyramidfl:Pyramidfl",
            "clients by utility, tensors dropped by rank, longer training (Li et al., MobiCom 2022)",
        ),
        "fedsa": (
            "algorithms.federated.fedsa:Fedsa",
            "each client on its own, aggregated when K models have arrived (Ma et al., JSAC 2021)",
        ),
        "fedprox": (
            "algorithms.federated.fedprox:Fedprox",
            "fedavg held near the round's model, stragglers' partial work counts (Li et al., MLSys 2020)",
        ),
        "tifl": (
            "algorithms.federated.tifl:Tifl",
            "latency tiers with orthogonal uploads, asynchronous between tiers (Ma et al., IPDPS 2025)",
        ),
        "tifl-sync": (
            "algorithms.federated.tifl_sync:TiflSync",
            "one latency tier a round, chosen by accuracy and credits, synchronous (Chai et al., HPDC 2020)",
        ),
        "adasfl": (
            "algorithms.split.ada_sfl:AdaSFL",
            "split learning, batches by speed and rounds as long as pays (Liao et al., IEEE/ACM ToN 2024)",
        ),
        "adaptsfl": (
            "algorithms.split.adapt_sfl:AdaptSFL",
            "split learning, the cut and the rounds that promise most (after Lin et al., 2024)",
        ),
        "fedavg-links": (
            "algorithms.split.fedavg_links:FedavgLinks",
            "whole models over links: FedAvg beside split learning (McMahan et al., AISTATS 2017)",
        ),
        "locfedmix-sl": (
            "algorithms.split.loc_fed_mix:LocFedMixSL",
            "split learning, a local loss and mixed activations (Oh et al., WWW 2022)",
        ),
        "mergesfl": (
            "algorithms.split.merge_sfl:MergeSFL",
            "split learning, activations merged into one batch, clients chosen by labels (Liao et al., ICDE 2024)",
        ),
        "parallelsfl": (
            "algorithms.split.parallel_sfl:ParallelSFL",
            "split learning in clusters that clients host, each with its own pace (Liao et al., MobiCom 2024)",
        ),
        "pyramidfl-links": (
            "algorithms.split.pyramidfl_links:PyramidflLinks",
            "whole models over links: PyramidFL beside split learning (Li et al., MobiCom 2022)",
        ),
        "splitfed": (
            "algorithms.split.split_fed:SplitFed",
            "split learning with the server, the top shared, sequential or in copies (Thapa et al., AAAI 2022)",
        ),
        "fedavg": (
            "algorithms.federated.fedavg:Fedavg",
            "everybody over TDMA or OFDMA, or a selection, synchronous (McMahan et al., AISTATS 2017)",
        ),
        "local-only": (
            "algorithms.federated.local_only:LocalOnly",
            "everybody trains alone and nothing is sent (the self-train of Xie et al., NeurIPS 2021)",
        ),
    },
    "compensation": {
        "blend": (
            "algorithms.compensation.blend:Blend",
            "a share alpha of the region's own parameters, the rest global (Streaming DiLoCo, 2025)",
        ),
        "carry": (
            "algorithms.compensation.curvature:Carry",
            "the region's progress on top of the global change, no curvature (ablation of CoCoDC, 2025)",
        ),
        "curvature-const": (
            "algorithms.compensation.curvature:ConstantCurvature",
            "carry and a curvature term of constant strength (CoCoDC, 2025)",
        ),
        "curvature-norm": (
            "algorithms.compensation.curvature:NormCurvature",
            "carry and a curvature term of a share of the displacement's norm (DC-S3GD, 2019)",
        ),
        "curvature-rate": (
            "algorithms.compensation.curvature:RateCurvature",
            "as curvature-norm, of displacements a step, with a cap (prototype of CoCoDC, 2025)",
        ),
        "overwrite": (
            "algorithms.compensation.blend:Overwrite",
            "the global parameters, whatever the region did meanwhile (DiLoCo, 2023)",
        ),
    },
    "grouping": {
        "anti-kmeans": (
            "algorithms.grouping.label_clusters:AntiKmeans",
            "each k-means cluster of label mixes dealt over all groups: near-IID groups (our choice)",
        ),
        "communication-aware": (
            "algorithms.grouping.communication_aware:CommunicationAware",
            "equal parts in order of mean channel gain (after FedUC, TMC 2024; the rule is our choice)",
        ),
        "data-aware": (
            "algorithms.grouping.data_aware:DataAware",
            "equal sizes, label mixes as near the whole as a greedy pass comes (after FedUC, TMC 2024)",
        ),
        "greedy-paper": (
            "algorithms.grouping.greedy:GreedyPaper",
            "Alg. 3 of Air-FedGA: each client where the bound grows least (Ma et al., IPDPS 2025)",
        ),
        "greedy-refined": (
            "algorithms.grouping.greedy:GreedyRefined",
            "greedy-paper, then moves and swaps while the bound falls (our choice)",
        ),
        "kmeans-label": (
            "algorithms.grouping.label_clusters:KmeansLabel",
            "k-means on label mixes: homogeneous groups, the worst case for labels (our choice)",
        ),
        "label-balanced-tier": (
            "algorithms.grouping.label_balanced_tier:LabelBalancedTier",
            "classes dealt round-robin over the groups of each window of speeds (our choice)",
        ),
        "random": ("algorithms.grouping.random_groups:RandomGroups", "equal parts at random (our choice)"),
        "single": ("algorithms.grouping.single:SingleGroup", "everybody in one group: synchronous (our choice)"),
        "singleton": (
            "algorithms.grouping.singleton:SingletonGroups",
            "everybody alone: fully asynchronous (our choice)",
        ),
        "tier": ("algorithms.grouping.tier:TierGrouping", "equal parts in order of speed (TiFL, HPDC 2020)"),
        "tier-width": (
            "algorithms.grouping.tier_width:TierWidth",
            "the fewest groups within the allowed spread of training times (our choice)",
        ),
    },
    "outer-optimizer": {
        "average": (
            "algorithms.outer_optimizer.momentum:Average",
            "the mean of the regions' parameters: rate 1, no momentum (McMahan et al., AISTATS 2017)",
        ),
        "delayed-nesterov": (
            "algorithms.outer_optimizer.delayed_nesterov:DelayedNesterov",
            "a step at every arrival, the momentum only at every M-th (Liu et al., 2024)",
        ),
        "momentum": (
            "algorithms.outer_optimizer.momentum:HeavyBall",
            "heavy-ball momentum along the mean pseudo-gradient (Hsu et al., 2019)",
        ),
        "nesterov": (
            "algorithms.outer_optimizer.momentum:Nesterov",
            "Nesterov momentum along the mean pseudo-gradient (Douillard et al., 2023)",
        ),
        "sgd": (
            "algorithms.outer_optimizer.momentum:Sgd",
            "a step along the mean pseudo-gradient, without a memory (textbook)",
        ),
    },
    "payload": {
        "delta": ("algorithms.payload.delta:DeltaPayload", "the update, new minus old (our choice)"),
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
            "the exact weighted mean: aligned, no noise at the receiver; an upper limit (our choice)",
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
            "channel inversion, unbiased; the weakest member sets the scale (zero forcing, textbook)",
        ),
    },
    "schedule": {
        "adaptive-transmission": (
            "algorithms.schedules.adaptive_transmission:AdaptiveTransmission",
            "as often as the network can carry, what changes most (CoCoDC, 2025)",
        ),
        "apply-anchored": (
            "algorithms.schedules.apply_anchored:ApplyAnchored",
            "a fragment applied at the end of each slot, one in flight (torchft; Streaming DiLoCo, 2025)",
        ),
        "fixed-slots": (
            "algorithms.schedules.fixed_slots:FixedSlots",
            "so many sendings in a horizon, a selector chooses the fragment (our choice)",
        ),
        "send-anchored": (
            "algorithms.schedules.send_anchored:SendAnchored",
            "each fragment sent at its own place in every horizon (prototype of CoCoDC, 2025)",
        ),
    },
    "selection": {
        "all": ("algorithms.selection.everybody:Everybody", "everybody who can be asked (textbook)"),
        "energy-aware": (
            "algorithms.selection.energy_aware:EnergyAware",
            "virtual energy queues, drift plus penalty (Sun et al., JSAC 2022, as rebuilt for Air-FedGA)",
        ),
        "fastest": ("algorithms.selection.fastest:Fastest", "so many of the shortest training time (our choice)"),
        "random": (
            "algorithms.selection.random_subset:RandomSubset",
            "a number or a fraction at random (McMahan et al., AISTATS 2017)",
        ),
    },
    "selector": {
        "change-rate": (
            "algorithms.selectors.change_rate:ChangeRate",
            "the fragment that changes most from step to step (CoCoDC, 2025)",
        ),
        "round-robin": (
            "algorithms.selectors.round_robin:RoundRobin",
            "the fragment that was sent longest ago (textbook)",
        ),
    },
}
