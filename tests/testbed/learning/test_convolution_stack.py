"""What is recognised as a plain stack of convolutions, and that nothing else is."""

import pytest
from torch import nn

from testbed.learning.convolution_stack import convolution_stack


def test_the_layers_are_named_as_in_the_state() -> None:
    inner = nn.Sequential(nn.Conv2d(4, 6, 3, bias=False), nn.MaxPool2d(2), nn.ReLU())
    model = nn.Sequential(nn.Conv2d(1, 4, 5, stride=2, padding=1), inner, nn.Flatten(), nn.Linear(54, 3))
    stack = convolution_stack(model)
    assert stack is not None
    names = {layer.weight for layer in (*stack.convolutions, *stack.linear)}
    assert names | {"0.bias", "3.bias"} == set(model.state_dict())
    first, second = stack.convolutions
    assert (first.bias, first.stride, first.padding, first.rectified, first.pooling) == (
        "0.bias",
        (2, 2),
        (1, 1),
        False,
        1,
    )
    assert (second.bias, second.rectified, second.pooling) == (None, True, 2)


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Conv2d(2, 4, 3, groups=2)],
        [nn.Conv2d(2, 4, 3, dilation=2)],
        [nn.Conv2d(2, 4, 3, padding=1, padding_mode="circular")],
        [nn.Conv2d(2, 4, 3, padding="same")],
        [nn.Conv2d(2, 4, 3), nn.MaxPool2d(3, stride=2)],
        [nn.Conv2d(2, 4, 3), nn.MaxPool2d(2, padding=1)],
        [nn.Conv2d(2, 4, 3), nn.MaxPool2d(2, ceil_mode=True)],
        [nn.Conv2d(2, 4, 3), nn.MaxPool2d(2), nn.MaxPool2d(2)],
        [nn.Conv2d(2, 4, 3), nn.AvgPool2d(2)],
        [nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4)],
        [nn.Conv2d(2, 4, 3), nn.Dropout()],
        [nn.ReLU(), nn.Conv2d(2, 4, 3)],
        [nn.MaxPool2d(2), nn.Conv2d(2, 4, 3)],
        [],
    ],
    ids=str,
)
def test_nothing_else_is_a_plain_stack(layers: list[nn.Module]) -> None:
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(16, 3))
    assert convolution_stack(model) is None


def test_hooks_sharing_and_freezing_make_it_more_than_its_layers() -> None:
    def build() -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 16), nn.Linear(16, 3))

    assert convolution_stack(build()) is not None
    hooked, frozen, shared = build(), build(), build()
    hooked[0].register_forward_hook(lambda *_: None)
    frozen[0].weight.requires_grad_(False)
    shared[4] = shared[3]
    for model in (hooked, frozen, nn.Sequential(*shared, nn.Linear(16, 3))):
        assert convolution_stack(model) is None
