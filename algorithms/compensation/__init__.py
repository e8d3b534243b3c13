"""Compensation: what a region makes of global parameters that are older than its own.

Read `flight.py` first: what is known when a fragment is applied, and the protocol `Compensation`. `blend.py` has
`overwrite` and `blend`; `curvature.py` the Taylor expansion with its forms `curvature-const`, `curvature-norm` and
`curvature-rate`, and `carry`, which is that expansion without its quadratic term.
"""

from algorithms.compensation.blend import Blend, Overwrite
from algorithms.compensation.curvature import Carry, ConstantCurvature, NormCurvature, RateCurvature, expand
from algorithms.compensation.flight import Compensation, Flight

__all__ = [
    "Blend",
    "Carry",
    "Compensation",
    "ConstantCurvature",
    "Flight",
    "NormCurvature",
    "Overwrite",
    "RateCurvature",
    "expand",
]
