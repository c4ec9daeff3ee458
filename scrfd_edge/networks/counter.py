"""Counts parameters and multiply-adds of any module by running it once; the rules are those of `cost`."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..cost import Count

_RELU = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU)
_POOL = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)


def count(module: nn.Module, size: tuple[int, int], batch: int = 1) -> dict[str, Count]:
    """Counts per submodule name that has parameters or costs anything; `sum(counts.values(), Count())` is the total.

    The module's copy runs on the meta device on an input (batch, 3, *size), so no numbers are computed. A module that
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
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.BatchNorm2d, *_RELU, *_POOL)):
            layer.register_forward_hook(hook(name))
    with torch.no_grad():
        module(torch.zeros(batch, 3, *size, device="meta"))
    return counts


def _call(layer: nn.Module, x: Tensor, y: Tensor) -> Count:
    if isinstance(layer, _RELU):
        return Count(macs=y.numel())
    if isinstance(layer, _POOL):
        return Count(macs=x.numel())
    if isinstance(layer, nn.BatchNorm2d):
        return Count(macs=x.numel() * (2 if layer.affine else 1))
    if isinstance(layer, nn.ConvTranspose2d):
        weights = layer.weight.numel() * x.numel() // layer.in_channels
    elif isinstance(layer, nn.Conv2d):
        weights = layer.weight.numel() * y.numel() // layer.out_channels
    else:
        assert isinstance(layer, nn.Linear)
        weights = layer.in_features * y.numel()
    return Count(macs=weights + (0 if layer.bias is None else y.numel()), conv_macs=weights)
