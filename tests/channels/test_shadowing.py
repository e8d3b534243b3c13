import math

import numpy as np
import pytest
from pydantic import ValidationError

from channels.shadowing import LogNormalShadowing, NoShadowing
from testbed.streams import Purpose, stream


def streams(purpose: Purpose, *ids: int) -> np.random.Generator:
    return stream(3, purpose, *ids)


def nothing(purpose: Purpose, *ids: int) -> np.random.Generator:
    raise AssertionError("without shadowing nothing is drawn")


def test_without_shadowing_every_gain_is_one_and_nothing_is_drawn() -> None:
    assert NoShadowing().power_gains(3, nothing).tolist() == [1.0, 1.0, 1.0]


def test_shadowing_is_normal_in_decibels_with_the_stated_spread() -> None:
    num_links, sigma_db = 40_000, 8.0
    shadowing_db = 10 * np.log10(LogNormalShadowing(sigma_db=sigma_db).power_gains(num_links, streams))
    assert abs(shadowing_db.mean()) < 4 * sigma_db / math.sqrt(num_links)
    assert abs(shadowing_db.var() - sigma_db**2) < 4 * sigma_db**2 * math.sqrt(2 / num_links)
    share = math.erf(1 / math.sqrt(2))  # within one sigma
    error = math.sqrt(share * (1 - share) / num_links)
    assert abs((np.abs(shadowing_db) < sigma_db).mean() - share) < 4 * error


def test_more_spread_scales_the_same_obstacles() -> None:
    one, two = (10 * np.log10(LogNormalShadowing(sigma_db=s).power_gains(50, streams)) for s in (3.0, 6.0))
    np.testing.assert_allclose(two, 2 * one, rtol=1e-12)
    assert LogNormalShadowing(sigma_db=0).power_gains(4, streams).tolist() == [1.0] * 4


def test_a_negative_spread_is_refused() -> None:
    with pytest.raises(ValidationError, match="sigma_db"):
        LogNormalShadowing(sigma_db=-1)
