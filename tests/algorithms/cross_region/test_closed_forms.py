"""The cost model of the specification, section 3, read off the clock."""

import pytest

from testbed.reproductions.cocodc.closed_forms import closed_forms, compare, measure

# Full all-reduce, fragment, fragment in E3M0 [s]; utilisation of DDP and DiLoCo; delay without stall; N; h.
TABLE = {
    10e9: (1.410, 0.870, 0.713, 0.4149, 0.9861, 1, 45, 2),
    1e9: (7.890, 2.490, 0.915, 0.1125, 0.9269, 3, 16, 6),
    100e6: (72.690, 18.690, 2.940, 0.0136, 0.5791, 19, 4, 25),
    50e6: (144.690, 36.690, 5.190, 0.0069, 0.4087, 37, 4, 25),
}


@pytest.mark.parametrize(("bit_per_s", "row"), TABLE.items(), ids=lambda value: str(value)[:8])
def test_the_formulas_are_those_of_the_table(bit_per_s: float, row: tuple[float, ...]) -> None:
    found = [formula for formula, _ in compare(closed_forms(bit_per_s), closed_forms(bit_per_s)).values()]
    assert found == pytest.approx(row, abs=6e-4)


@pytest.mark.slow
@pytest.mark.parametrize("bit_per_s", TABLE)
def test_the_clock_keeps_to_the_formulas(bit_per_s: float) -> None:
    for name, (formula, clock) in compare(closed_forms(bit_per_s), measure(bit_per_s)).items():
        assert clock == pytest.approx(formula, rel=1e-6, abs=1e-6), name
