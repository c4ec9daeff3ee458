"""Counts parameters and multiply-adds of a network by running it once, by the rules of `scrfd_edge.cost`.

The compared detectors have no closed form, and the closed form of ours is tested against it.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from scrfd_edge.cost import Count

_COUNTED = (nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d, nn.AvgPool2d)


def count(module: nn.Module, size: tuple[int, int]) -> dict[str, Count]:
    """Counts per submodule name that has parameters or costs anything; `sum(counts.values(), Count())` is the total.

    The module's copy runs on the meta device on an input (1, 3, *size), so no numbers are computed. A module that
    is called several times costs as often. A function (functional.relu) is invisible: write a module to be counted.
    """
    module = copy.deepcopy(module).to("meta").eval()
    counts: dict[str, Count] = {}

    def add(name: str, one: Count) -> None:
        counts[name] = counts.get(name, Count()) + one

    for key, parameter in module.named_parameters():
        add(key.rpartition(".")[0], Count(params=parameter.numel() if parameter.requires_grad else 0))

    def hook(name: str) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
        return lambda layer, inputs, output: add(name, _call(layer, inputs[0], output))

    for name, layer in module.named_modules():
        if isinstance(layer, _COUNTED):
            layer.register_forward_hook(hook(name))
    with torch.no_grad():
        module(torch.zeros(1, 3, *size, device="meta"))
    return counts


def _call(layer: nn.Module, x: Tensor, y: Tensor) -> Count:
    if isinstance(layer, nn.Conv2d):
        weights = layer.weight.numel() * y.numel() // layer.out_channels
        return Count(macs=weights + (0 if layer.bias is None else y.numel()), conv_macs=weights)
    return Count(macs=x.numel() * (2 if isinstance(layer, nn.BatchNorm2d) else 1))
