import pytest
from examples import examples

from algorithms.payload import DeltaPayload, ModelPayload
from algorithms.power_control import AirFedavgHorizon, Cotaf, check_combination
from testbed.errors import RequestError


def test_a_rule_for_updates_refuses_models_and_says_what_would_do() -> None:
    check_combination(Cotaf(), DeltaPayload())
    with pytest.raises(RequestError, match=r"'cotaf' needs payload = \"delta\", got \"model\""):
        check_combination(Cotaf(), ModelPayload())


def test_a_rule_for_runs_refuses_a_method_that_does_not_know_its_channels() -> None:
    with pytest.raises(RequestError, match="air-fedavg-horizon"):
        check_combination(AirFedavgHorizon(), ModelPayload())
    check_combination(AirFedavgHorizon(), ModelPayload(), channels_known=True)
    check_combination(AirFedavgHorizon(fallback="per-round"), ModelPayload())


def test_every_other_rule_takes_any_payload_in_any_method() -> None:
    free = [e.build() for e in examples("power-control") if e.name not in ("cotaf", "air-fedavg-horizon")]
    assert len(free) >= 8
    for rule in free:
        for payload in (DeltaPayload(), ModelPayload()):
            check_combination(rule, payload)
