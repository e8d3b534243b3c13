"""The parts of this package that a scenario can name: kind -> name -> (module:object, one line of help)."""

from typing import Final

__all__ = ["PARTS", "PROTOCOLS"]

# What a part of a kind must have, whoever brings it: kind -> module:protocol.
PROTOCOLS: Final[dict[str, str]] = {
    "codec": "channels.codecs.codec:Codec",
    "downlink": "channels.downlink:Downlink",
    "fading": "channels.fading:Fading",
    "noise": "channels.noise:Noise",
    "path-loss": "channels.path_loss:PathLoss",
    "shadowing": "channels.shadowing:Shadowing",
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
        "int8": (
            "channels.codecs.int8:Int8Codec",
            "symmetric whole numbers times a scale, 8 bits an entry and a scale (textbook)",
        ),
        "top-k": (
            "channels.codecs.top_k:TopKCodec",
            "the largest entries and their indices (Aji and Heafield, EMNLP 2017)",
        ),
    },
}
