import pytest
from counter import count
from torch import nn

from scrfd_edge.cost import Count


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.Conv2d(3, 8, 3, 2, 1, bias=False), Count(216, 216 * 80, 216 * 80)),
        (nn.Conv2d(3, 8, 3, 2, 1), Count(224, 224 * 80, 216 * 80)),
        (nn.Conv2d(3, 6, 3, padding=1, groups=3), Count(60, 60 * 320, 54 * 320)),
        (nn.BatchNorm2d(3), Count(6, 6 * 320)),
        (nn.GroupNorm(1, 3), Count(6)),
        (nn.ReLU(), Count(0, 3 * 320)),
        (nn.MaxPool2d(2), Count(0, 3 * 320)),
        (nn.AvgPool2d(2), Count(0, 3 * 320)),
        (nn.Sigmoid(), Count()),
    ],
)
def test_layers(layer: nn.Module, expected: Count) -> None:
    assert sum(count(nn.Sequential(layer), (16, 20)).values(), Count()) == expected


def test_shared_module_costs_per_call_and_is_stored_once() -> None:
    conv = nn.Conv2d(3, 3, 1, bias=False)
    assert sum(count(nn.Sequential(conv, conv), (4, 4)).values(), Count()) == Count(9, 288, 288)


def test_frozen_parameters_are_not_counted() -> None:
    conv = nn.Conv2d(3, 3, 1, bias=False).requires_grad_(False)
    assert count(conv, (4, 4))[""].params == 0


def test_the_module_itself_is_untouched() -> None:
    conv = nn.Conv2d(3, 3, 1)
    count(conv, (4, 4))
    assert conv.weight.device.type == "cpu"
    assert not conv._forward_hooks
