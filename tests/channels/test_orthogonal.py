import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.orthogonal import shannon_rate_bit_per_s, snr, time_to_send
from testbed.errors import RunFailure


def present_until(*changes_s: float):
    """Availability that starts with presence and flips at each of `changes_s`."""

    def window(time_s: float) -> tuple[bool, float]:
        flips = [change for change in changes_s if change <= time_s]
        later = [change for change in changes_s if change > time_s]
        return len(flips) % 2 == 0, min(later, default=math.inf)

    return window


def test_at_ten_decibels_a_symbol_carries_log2_of_eleven_bits() -> None:
    assert shannon_rate_bit_per_s(1.0, 10.0) == pytest.approx(3.4594316186)


@given(st.floats(1e-12, 1e6), st.floats(1.0, 1e9))
@settings(max_examples=60, deadline=None)
def test_the_rate_rises_with_snr_and_is_linear_for_little_of_it(ratio: float, bandwidth_hz: float) -> None:
    rate = shannon_rate_bit_per_s(bandwidth_hz, ratio)
    assert rate <= shannon_rate_bit_per_s(bandwidth_hz, ratio * 1.01)
    assert rate <= bandwidth_hz * ratio / math.log(2) * (1 + 1e-12)
    if ratio < 1e-6:
        assert rate == pytest.approx(bandwidth_hz * ratio / math.log(2), rel=1e-6)


def test_snr_without_noise_is_infinite_and_sending_takes_no_time() -> None:
    rate = shannon_rate_bit_per_s(10.0, snr(1.0, 1.0, 0.0))
    sent = time_to_send(100.0, 3.0, 1.0, lambda block: rate)
    assert (sent.end_s, sent.airtime_s, sent.delivered) == (3.0, 0.0, True)


@given(st.floats(1.0, 1e4), st.floats(0.0, 100.0), st.floats(0.5, 10.0), st.floats(10.0, 1e4))
@settings(max_examples=60, deadline=None)
def test_at_a_constant_rate_the_time_is_bits_over_rate_whatever_the_blocks(
    bits: float, start_s: float, coherence_time_s: float, rate: float
) -> None:
    sent = time_to_send(bits, start_s, coherence_time_s, lambda block: rate)
    assert sent.airtime_s == pytest.approx(bits / rate, rel=1e-6, abs=1e-10)
    assert sent.end_s - start_s == pytest.approx(bits / rate, rel=1e-6, abs=1e-10)
    assert len(sent.pieces) == 1


@given(st.lists(st.floats(0.0, 100.0), min_size=1, max_size=8), st.floats(1.0, 500.0), st.floats(0.0, 5.0))
@settings(max_examples=60, deadline=None)
def test_the_rate_integrated_over_the_time_sent_is_the_bits(rates: list[float], bits: float, start_s: float) -> None:
    def rate_of_block(block: int) -> float:
        return rates[block] if block < len(rates) else 10.0

    sent = time_to_send(bits, start_s, 1.0, rate_of_block)
    overlap = [max(0.0, min(sent.end_s, k + 1) - max(start_s, k)) for k in range(math.ceil(sent.end_s) + 1)]
    carried = sum(rate_of_block(k) * seconds for k, seconds in enumerate(overlap))
    assert carried == pytest.approx(bits, rel=1e-9)
    radiating = sum(seconds for k, seconds in enumerate(overlap) if rate_of_block(k) > 0)
    assert sent.airtime_s == pytest.approx(radiating, rel=1e-9, abs=1e-12)


def test_doubling_the_bits_doubles_the_time_on_a_static_channel() -> None:
    one, two = (time_to_send(bits, 0.0, 0.3, lambda block: 7.0).end_s for bits in (50.0, 100.0))
    assert two == pytest.approx(2 * one, rel=1e-12)


def test_an_outage_takes_time_but_no_airtime() -> None:
    sent = time_to_send(15.0, 0.5, 1.0, lambda block: (10.0, 0.0, 20.0)[block])
    assert (sent.end_s, sent.airtime_s) == (2.5, 1.0)
    assert [(p.kind, p.start_s, p.end_s) for p in sent.pieces] == [("transmit", 0.5, 2.5)]


def test_an_absence_pauses_the_sending_and_is_shown_as_its_own_piece() -> None:
    sent = time_to_send(30.0, 0.0, 1.0, lambda block: 10.0, present_until(1.5, 4.25))
    assert (sent.end_s, sent.airtime_s, sent.bits_sent) == (5.75, 3.0, 30.0)
    assert [(p.kind, p.start_s, p.end_s) for p in sent.pieces] == [
        ("transmit", 0.0, 1.5),
        ("absent", 1.5, 4.25),
        ("transmit", 4.25, 5.75),
    ]


def test_a_sender_that_never_comes_back_gives_up_when_it_leaves() -> None:
    sent = time_to_send(30.0, 0.0, 1.0, lambda block: 10.0, present_until(1.5))
    assert (sent.end_s, sent.airtime_s, sent.bits_sent, sent.delivered) == (1.5, 1.5, 15.0, False)
    gone = time_to_send(30.0, 2.0, 1.0, lambda block: 10.0, present_until(1.5))
    assert (gone.end_s, gone.pieces, gone.delivered) == (2.0, (), False)


def test_a_dead_link_is_an_error_and_not_an_endless_wait() -> None:
    with pytest.raises(RunFailure, match=r"stuck at 0 of 5 bit: 100 coherence blocks"):
        time_to_send(5.0, 0.0, 1.0, lambda block: 0.0, max_blocks_without_progress=100)


def test_an_availability_that_does_not_advance_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="must hold until later"):
        time_to_send(5.0, 0.0, 1.0, lambda block: 1.0, lambda time_s: (False, time_s))


def test_nothing_to_send_is_refused() -> None:
    with pytest.raises(ValueError, match="bits"):
        time_to_send(0.0, 0.0, 1.0, lambda block: 1.0)
