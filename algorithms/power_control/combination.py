"""What goes together: a power control, what its members send, and what is known of the channels."""

from typing import Any

from algorithms.power_control.plan import PowerControl, RunPowerControl
from testbed.errors import RequestError

__all__ = ["check_combination"]


def check_combination(
    power_control: PowerControl, payload: Any, channels_known: bool = False, because: str = ""
) -> None:
    """Refuse a power control that makes no sense with this payload, or without channels known ahead.

    Methods call it in their `start`, before anything is planned.

    Parameters
    ----------
    payload : the part that says what is put on the air; its `kind` is compared.
    channels_known : whether the method hands the channels of the whole run to `plan_run`.
    because : if not, what makes them unknowable, for the message; empty: the method never does.

    Raises
    ------
    RequestError : the rule requires another payload, or plans whole runs and refuses to plan round by round.
    """
    name, required = getattr(power_control, "kind", "this"), power_control.requires_payload
    sent = getattr(payload, "kind", "")
    if required is not None and sent != required:
        raise RequestError(f'power control {name!r} needs payload = "{required}", got "{sent}"')
    if power_control.plans == "run" and isinstance(power_control, RunPowerControl):
        power_control.check(channels_known, because)
