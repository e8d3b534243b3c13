import numpy as np
import pytest

from channels.codecs import Fp32Codec, TopKCodec, encode_with_feedback

WHOLE = [slice(0, 2)]


def test_an_entry_that_was_left_out_goes_when_it_has_grown() -> None:
    codec, residual, sent = TopKCodec(num_values=1), None, []
    for _ in range(3):
        feedback = encode_with_feedback(codec, np.array([2.0, 1.5]), WHOLE, residual)
        residual = feedback.residual
        sent.append(feedback.sent.tolist())
    assert sent == [[2, 0], [0, 3], [4, 0]]
    assert residual.tolist() == [0, 1.5]


def test_a_codec_without_loss_leaves_no_residual() -> None:
    feedback = encode_with_feedback(Fp32Codec(), np.array([0.5, -3.0], dtype=np.float32), WHOLE, None)
    assert feedback.residual.tolist() == [0, 0]


def test_a_residual_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="residual"):
        encode_with_feedback(Fp32Codec(), np.zeros(2), WHOLE, np.zeros(1))
