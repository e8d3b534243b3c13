"""The parts of this package that a scenario can name: kind -> name -> (module:object, one line of help)."""

from typing import Final

__all__ = ["PARTS"]

PARTS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "path-loss": {
        "unit": ("channels.path_loss:UnitPathLoss", "power gain 1 everywhere (Air-FedGA states no geometry)"),
        "power-law": (
            "channels.path_loss:PowerLawPathLoss",
            "gain falls with a power of distance, devices uniform in a square (FedGA 2023, FedUC 2024)",
        ),
    },
    "fading": {
        "rayleigh": (
            "channels.fading:RayleighFading",
            "circular complex Gaussian, unit mean power, redrawn every block (Tse and Viswanath 2005, 2.4)",
        ),
        "static": ("channels.fading:StaticFading", "no fading: h = 1 (limit case)"),
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
}
