import numpy as np
import pytest

from algorithms.selectors import Change, ChangeRate, History, RoundRobin


def history(delta: list[float], interval_steps: int, last_send: int = 30) -> History:
    return History(last_send, last_send - interval_steps, Change.of(np.array(delta), interval_steps))


def test_a_change_is_the_norms_of_the_pseudo_gradient() -> None:
    change = Change.of(np.array([3.0, -4.0], dtype=np.float32), 5)
    assert (change.l1_norm, change.l2_norm, change.num_entries, change.interval_steps) == (7, 5, 2, 5)
    assert change.rms == pytest.approx(5 / np.sqrt(2))


@pytest.mark.parametrize(
    ("selector", "rate"),
    [
        (ChangeRate(), 5 / 4),
        (ChangeRate(normalise=True), 5 / np.sqrt(2) / 4),
        (ChangeRate(measure="l1"), 7 / (4 * 2)),
        (ChangeRate(measure="rms-age"), 5 / np.sqrt(2) * 10 / 4),
    ],
)
def test_the_measures_of_change_by_hand(selector: ChangeRate, rate: float) -> None:
    assert selector.rate(40, history([3.0, -4.0], 4)) == pytest.approx(rate)


def test_a_large_fragment_wins_by_its_size_unless_rates_are_normalised() -> None:
    known = [history([1.0] * 100, 4), history([2.0], 4)]
    assert ChangeRate().choose(40, [0, 1], known) == 0
    assert ChangeRate(normalise=True).choose(40, [0, 1], known) == 1


def test_the_rate_with_age_lets_a_fragment_that_waits_catch_up() -> None:
    known = [history([3.0], 4, last_send=39), history([1.0], 4, last_send=20)]
    assert ChangeRate().choose(40, [0, 1], known) == 0
    assert ChangeRate(measure="rms-age").choose(40, [0, 1], known) == 1


def test_what_was_not_applied_yet_has_no_rate() -> None:
    assert ChangeRate().rate(9, History(3, 0)) == 0
    assert ChangeRate().choose(9, [0, 1], [History(3, 0), history([1e-9], 4)]) == 1


def test_round_robin_takes_what_was_never_sent_then_what_was_sent_longest_ago() -> None:
    known = [History(6, 0), History(2, 0), History(), History()]
    assert RoundRobin().choose(9, [0, 1, 2, 3], known) == 2
    assert RoundRobin().choose(9, [0, 1], known) == 1
