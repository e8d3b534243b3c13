from typing import Any

import pytest
from one_cell import UPLINK
from pydantic import ValidationError

from channels.uplink import UplinkSettings


def test_what_a_scenario_leaves_out_is_the_perfect_radio_with_one_antenna() -> None:
    uplink = UplinkSettings(**UPLINK)
    perfect = {"hold": "transmission", "csi_error_variance": 0.0, "phase_error_rad": 0.0, "num_antennas": 1}
    assert perfect.items() <= uplink.model_dump().items()
    assert not uplink.inverts_every_block


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hold": "block"}, 'needs csi: "per-block" or "first"'),
        ({"num_antennas": 2}, 'num_antennas = 2 needs combining: "mrc", "egc" or "aligned"'),
        ({"hold": "symbol"}, "hold"),
        ({"num_antennas": 0}, "num_antennas"),
        ({"csi_error_variance": -0.1}, "csi_error_variance"),
        ({"phase_error_rad": -0.1}, "phase_error_rad"),
        ({"num_antennas": 2, "combining": "zf"}, "combining"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        UplinkSettings(**(UPLINK | changes))


@pytest.mark.parametrize(
    ("changes", "every_block"),
    [
        ({"hold": "block", "csi": "per-block"}, True),
        ({"hold": "block", "csi": "first"}, False),
        ({"hold": "transmission", "csi": "per-block"}, False),
    ],
)
def test_devices_invert_in_every_block_only_if_blocks_pass_and_they_are_told(
    changes: dict[str, Any], every_block: bool
) -> None:
    assert UplinkSettings(**(UPLINK | changes)).inverts_every_block is every_block
