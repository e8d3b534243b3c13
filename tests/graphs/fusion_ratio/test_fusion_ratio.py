import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs.fusion_ratio import Bandit, EpsilonGreedy, Fixed
from graphs.fusion_ratio.arms import Arms
from graphs.fusion_ratio.bandit import ucb_indices

MANY = settings(max_examples=30, deadline=None)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def history(rule, accuracy_of, rounds: int) -> list[float]:
    """The shares of one cluster, whose accuracy is a function of the share and the round."""
    shares, played = rule.start(1, rng()), []
    for k in range(rounds):
        played.append(shares.play(0))
        shares.learn(0, accuracy_of(played[-1], k), 1.0)
    return played


def test_the_indices_are_those_of_the_worked_example() -> None:
    counts, means = np.array([2, 1, 1]), np.array([0.5, 0.6, 0.4])
    indices = ucb_indices(counts, means, 4, 1.0)
    np.testing.assert_allclose(indices, [1.677410, 2.265109, 2.065109], rtol=0, atol=5e-7)
    assert indices.argmax() == 1
    np.testing.assert_allclose(ucb_indices(counts, means, 4, 0.5) - means, (indices - means) / 2)


def test_the_bandit_plays_by_these_indices() -> None:
    rule = Bandit(arms=(0.1, 0.4, 0.9), coarse=(0.1, 0.4, 0.9), exploration=1.0)
    shares = rule.start(1, rng())
    # The first three arms once; rewards follow from how far the accuracy is above its average.
    rewards, average = [], None
    for accuracy in (0.5, 0.52, 0.49):
        average = accuracy if average is None else average
        rewards.append(0.5 + 0.5 * np.clip((accuracy - average) / 0.05, -1, 1))
        average = 0.8 * average + 0.2 * accuracy
        shares.learn(0, accuracy, 1.0)
    indices = ucb_indices(np.ones(3), np.array(rewards), 3, 1.0)
    assert rewards == pytest.approx([0.5, 0.7, 0.36])
    assert shares.play(0) == rule.arms[indices.argmax()] == 0.4


@pytest.mark.parametrize("rule", [Bandit(), EpsilonGreedy()], ids=lambda rule: rule.kind)
def test_the_coarse_arms_go_first_and_then_the_neighbours_of_the_best(rule) -> None:
    played = history(rule, lambda share, k: 0.9 if share == 0.8 else 0.5, 8)
    assert played[:5] == [0.5, 0.0, 1.0, 0.2, 0.8]
    assert played[5:7] == [0.7, 0.9]


@MANY
@given(seed=st.integers(0, 1000), rounds=st.integers(0, 60))
def test_every_open_arm_is_played_before_another_opens_and_none_that_is_not_open(seed: int, rounds: int) -> None:
    luck, shares, played = np.random.default_rng(seed), Bandit().start(1, rng()), set()
    known = shares.arms[0]  # type: ignore[attr-defined]

    def one_round() -> None:
        played.add(shares.play(0))
        shares.learn(0, luck.random(), 1.0)

    for _ in range(rounds):
        one_round()
    opened = [known.settings.arms[arm] for arm in known.opened]
    assert len(set(opened)) == len(opened)
    assert played <= set(opened)
    for _ in set(opened) - played:
        assert [known.settings.arms[arm] for arm in known.opened] == opened
        one_round()
    assert played == set(opened)


def test_a_single_arm_is_constant() -> None:
    assert set(history(Bandit(arms=(0.3,), coarse=(0.3,)), lambda share, k: k % 2, 30)) == {0.3}


def test_the_bandit_settles_on_the_better_shares() -> None:
    # Accuracy rises for everybody; large shares are better by 4 points.
    played = history(Bandit(), lambda share, k: 0.4 + 0.001 * k + 0.04 * (share >= 0.7), 200)
    assert np.mean(np.array(played[100:]) >= 0.7) > 0.55


def test_a_rise_of_all_accuracies_favours_no_arm_for_being_played_late() -> None:
    known = Arms(Bandit())
    for k, arm in enumerate([5, 0, 10, 2, 8] * 8):
        known.learn(arm, 0.2 + 0.01 * k, 1.0)
    assert np.ptp(known.means[[0, 2, 5, 8, 10]]) < 0.03


def test_only_plays_within_the_window_count() -> None:
    known = Arms(Bandit(window=11))
    for k in range(30):
        known.learn(5 if k < 20 else 0, 0.5, 1.0)
    assert known.counts.tolist() == [10.0, *[0.0] * 4, 1.0, *[0.0] * 5]
    assert known.num_counted == 11


def test_the_reward_is_half_for_no_change_bounded_and_less_for_more_traffic() -> None:
    known = Arms(Bandit(traffic_penalty=0.2))
    for accuracy, traffic in ((0.5, 100.0), (1.0, 100.0), (0.0, 150.0)):
        known.learn(5, accuracy, traffic)
    rewards = [reward for _, reward in known._plays]
    assert rewards == pytest.approx([0.5, 1.0, 0.0 - 0.2 * 0.5])


def test_epsilon_one_tries_every_open_arm_and_epsilon_zero_only_the_best() -> None:
    tried = history(EpsilonGreedy(trial_probability=1.0), lambda share, k: 0.5, 300)
    assert set(tried[50:]) >= {0.0, 0.2, 0.5, 0.8, 1.0}
    luck, shares = np.random.default_rng(3), EpsilonGreedy(trial_probability=0.0).start(1, rng())
    known = shares.arms[0]  # type: ignore[attr-defined]
    for _ in range(60):
        shares.learn(0, luck.random(), 1.0)
        fresh = known.unplayed()
        assert shares.play(0) == known.settings.arms[known.best() if fresh is None else fresh]


def test_a_fixed_share_is_that_share() -> None:
    assert history(Fixed(share=0.25), lambda share, k: 0.5, 3) == [0.25] * 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"arms": []}, "at least one"),
        ({"arms": [0.5, 0.2], "coarse": [0.5]}, "ascending"),
        ({"arms": [0.5, 0.5], "coarse": [0.5]}, "different"),
        ({"coarse": [0.55]}, "different ones of arms"),
        ({"coarse": []}, "at least one"),
        ({"window": 5}, "room for a play of each of the 11 arms"),
        ({"arms": [0.5, 1.5], "coarse": [0.5]}, "less than or equal to 1"),
    ],
)
def test_arms_that_make_no_sense_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Bandit(**settings)
