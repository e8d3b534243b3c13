"""The parts of this package that a scenario can name: kind -> name -> (module:object, one line of help)."""

from typing import Final

__all__ = ["PARTS", "PROTOCOLS"]

# What a part of a kind must have, whoever brings it: kind -> module:protocol.
PROTOCOLS: Final[dict[str, str]] = {
    "bandwidth": "channels.wan.bandwidth:Bandwidth",
    "codec": "channels.codecs.codec:Codec",
    "collective": "channels.wan.collectives.plan:Collective",
    "downlink": "channels.downlink:Downlink",
    "fading": "channels.fading:Fading",
    "noise": "channels.noise:Noise",
    "path-loss": "channels.path_loss:PathLoss",
    "shadowing": "channels.shadowing:Shadowing",
    "topology": "channels.wan.topology:Topology",
}

PARTS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "path-loss": {
        "unit": ("channels.path_loss:UnitPathLoss", "power gain 1 everywhere (Air-FedGA states no geometry)"),
        "power-law": (
            "channels.path_loss:PowerLawPathLoss",
            "gain falls with a power of distance, devices uniform in a square (FedGA 2023, FedUC 2024)",
        ),
        "log-distance": (
            "channels.path_loss:LogDistancePathLoss",
            "free space up to a reference distance, a power of distance beyond (Rappaport 2002, 4.9)",
        ),
    },
    "shadowing": {
        "none": ("channels.shadowing:NoShadowing", "nothing stands in the way (limit case)"),
        "log-normal": (
            "channels.shadowing:LogNormalShadowing",
            "a normal number of decibels a link, constant over the run (Goldsmith 2005, 2.7)",
        ),
    },
    "fading": {
        "correlated": (
            "channels.correlated_fading:CorrelatedFading",
            "Rayleigh or Rician with a memory: Gauss-Markov or Jakes autocorrelation (Jakes 1974)",
        ),
        "nakagami": (
            "channels.fading:NakagamiFading",
            "power Gamma distributed with shape m and mean 1 (Nakagami 1960)",
        ),
        "rayleigh": (
            "channels.fading:RayleighFading",
            "circular complex Gaussian, unit mean power, redrawn every block (Tse and Viswanath 2005, 2.4)",
        ),
        "rician": (
            "channels.fading:RicianFading",
            "a direct path over Rayleigh scattering, K-factor in dB (Tse and Viswanath 2005, 2.4)",
        ),
        "static": ("channels.fading:StaticFading", "no fading: h = 1 (limit case)"),
        "trace": (
            "channels.trace_fading:TraceFading",
            "a measured channel, amplitude or complex, a block a row and a link a column",
        ),
    },
    "noise": {
        "total": (
            "channels.noise:TotalNoise",
            "energy of the noise on the whole decoded vector (the published numbers of Air-FedGA 2025)",
        ),
        "per-symbol": (
            "channels.noise:PerSymbolNoise",
            "energy per complex channel use, N0; a real entry sees half (textbook)",
        ),
    },
    "downlink": {
        "free": ("channels.downlink:FreeDownlink", "no time and no energy (Air-FedGA 2025, implicit)"),
        "broadcast": (
            "channels.downlink:BroadcastDownlink",
            "one transmission at the Shannon rate of the weakest recipient (our choice)",
        ),
        "own-links": (
            "channels.own_links_downlink:OwnLinksDownlink",
            "a link a device, all at once, each at its own rate (our choice)",
        ),
        "unicast": (
            "channels.downlink:UnicastDownlink",
            "one recipient after another, each at its own Shannon rate (our choice)",
        ),
    },
    "codec": {
        "bf16": ("channels.codecs.bf16:Bf16Codec", "bfloat16, rounded to nearest, 16 bits an entry (textbook)"),
        "chained": (
            "channels.codecs.chained:ChainedCodec",
            "each codec writes what the one before it kept, such as top-k then int8 (our choice)",
        ),
        "e3m0": (
            "channels.codecs.e3m0:E3m0Codec",
            "sign and 3 exponent bits, 4 bits an entry, and a scale of our choice (Streaming DiLoCo, 2025)",
        ),
        "fp32": ("channels.codecs.fp32:Fp32Codec", "single precision, 32 bits an entry, no loss (textbook)"),
        "hybrid": (
            "channels.codecs.hybrid:HybridCodec",
            "the largest entries, signs of the others, filled in from an old copy (Caesar, Yan et al. 2024)",
        ),
        "int8": (
            "channels.codecs.int8:Int8Codec",
            "symmetric whole numbers times a scale, 8 bits an entry and a scale (textbook)",
        ),
        "top-k": (
            "channels.codecs.top_k:TopKCodec",
            "the largest entries and their indices (Aji and Heafield, EMNLP 2017)",
        ),
        "uniform": (
            "channels.codecs.uniform:UniformCodec",
            "symmetric whole numbers of 2 to 16 bits times a scale (textbook)",
        ),
    },
    "bandwidth": {
        "constant": ("channels.wan.bandwidth:ConstantBandwidth", "the link's own capacity all the time (limit case)"),
        "gilbert-elliott": (
            "channels.wan.gilbert_elliott:GilbertElliottBandwidth",
            "good or bad, with random times in each state (Gilbert 1960, Elliott 1963)",
        ),
        "log-normal": (
            "channels.wan.log_normal_bandwidth:LogNormalBandwidth",
            "a factor of mean 1 redrawn every block, independent of the others (our choice)",
        ),
        "steps": (
            "channels.wan.bandwidth:StepsBandwidth",
            "fractions of the capacity from stated times on (our choice)",
        ),
        "trace": (
            "channels.wan.bandwidth_trace:TraceBandwidth",
            "a measured bandwidth from a file, or from a log in a zip file",
        ),
    },
    "topology": {
        "cloud": (
            "channels.wan.measured:CloudTopology",
            "cloud regions, measured latency and throughput, from the data folder (Jain et al. 2023)",
        ),
        "graphml": (
            "channels.wan.graphml:GraphmlTopology",
            "a backbone of the Internet Topology Zoo, or your own file (Knight et al. 2011)",
        ),
        "links": ("channels.wan.link_list:LinksTopology", "nodes and links that the scenario lists (our choice)"),
        "mesh": (
            "channels.wan.full_mesh:MeshTopology",
            "named regions, each pair with a link by its round trip; preset four-clouds (our choice)",
        ),
        "pings": (
            "channels.wan.measured:PingsTopology",
            "cities with measured round trips, from the data folder (WonderNetwork 2018)",
        ),
        "uniform": ("channels.wan.full_mesh:UniformTopology", "every pair of regions alike (limit case)"),
    },
    "collective": {
        "hierarchical": (
            "channels.wan.collectives.hierarchical:HierarchicalCollective",
            "rings inside groups, a ring of their leaders, and back (our choice)",
        ),
        "ring": (
            "channels.wan.collectives.ring:RingCollective",
            "shares passed round 2 (M - 1) times, in the best order (Patarasuk and Yuan 2009)",
        ),
        "star": (
            "channels.wan.collectives.star:StarCollective",
            "everything to a hub and back (textbook)",
        ),
        "tree": (
            "channels.wan.collectives.tree:TreeCollective",
            "up and down a binomial tree (textbook)",
        ),
    },
}
