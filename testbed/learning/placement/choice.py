"""Making the placement that a run asks for."""

from collections.abc import Callable, Mapping
from typing import Any

from testbed import catalogue
from testbed.errors import RequestError
from testbed.learning.jobs import Placement
from testbed.learning.kernels.protocol import Job
from testbed.learning.placement.auto import AutoPlacement
from testbed.settings import validated

__all__ = ["placement_of"]


def placement_of(kind: str, wishes: Mapping[str, Any], flop_of: Callable[[Job], float]) -> Placement:
    """Return a placement that nothing has been computed by.

    Parameters
    ----------
    kind : its name in the catalogue.
    wishes : its settings, by name; None for those that nobody stated.
    flop_of : returns what a job costs [FLOP].

    Raises
    ------
    RequestError : no such placement, one that has no such setting, or one that cannot work here.
    """
    part_class = catalogue.load("placement", kind)
    stated = {name: value for name, value in wishes.items() if value is not None}
    for name, value in stated.items():
        if name not in getattr(part_class, "model_fields", {}):
            able = [other for other in catalogue.entries("placement") if _has(other, name)]
            raise RequestError(
                f"run.{name} = {value!r}: the placement {kind!r} has no such setting, but: {', '.join(able)}"
            )
    placement: Placement = validated(lambda: part_class(**stated))
    check = getattr(placement, "check", None)  # of a placement that needs what may be missing
    if check is not None:
        check()
    if isinstance(placement, AutoPlacement):
        placement.weigh(flop_of)
    return placement


def _has(kind: str, setting: str) -> bool:
    return setting in getattr(catalogue.load("placement", kind), "model_fields", {})
