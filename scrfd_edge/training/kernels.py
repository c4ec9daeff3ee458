"""Faster training of depth-wise networks on a CPU: fused batch norm and ReLU, and depth-wise convolutions, in C++."""

from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from ..networks import SCRFD
from ..networks.head import Tower

_LANES = 16


class NormReLU(torch.autograd.Function):
    """Batch norm with the batch's statistics, then ReLU. bfloat16 channels last in and out."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, norm: nn.BatchNorm2d, weight: Tensor, bias: Tensor) -> Tensor:
        y, mean, inverse = compiled().norm_relu(
            x, weight, bias, norm.running_mean, norm.running_var, norm.momentum, norm.eps
        )
        ctx.save_for_backward(x, weight, bias, mean, inverse)
        return y  # type: ignore[no-any-return]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        dx, dweight, dbias = compiled().norm_relu_backward(gradient, *ctx.saved_tensors)
        return dx, None, dweight, dbias


class Depthwise(torch.autograd.Function):
    """3x3 depth-wise convolution with padding 1. bfloat16 channels last in and out, float32 weight (C, 1, 3, 3)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return compiled().depthwise(x, weight, stride)  # type: ignore[no-any-return]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        dx, dweight = compiled().depthwise_backward(gradient, *ctx.saved_tensors, ctx.stride)
        return dx, dweight, None


class ConvNormReLU(nn.Sequential):
    """`nn.Sequential(conv, norm, relu)`, the same parameters, buffers and results, by the kernels where they fit."""

    def forward(self, x: Tensor) -> Tensor:
        conv, norm, relu = self
        assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
        if _fits(x) and _is_depthwise(conv):
            assert isinstance(conv.stride, tuple)
            x = Depthwise.apply(x, conv.weight, conv.stride[0])  # type: ignore[no-untyped-call]
        else:
            x = conv(x)
        if not (norm.training and _fits(x) and x.numel() > x.shape[1]):
            return relu(norm(x))  # type: ignore[no-any-return]
        assert norm.num_batches_tracked is not None
        norm.num_batches_tracked += 1
        return NormReLU.apply(x, norm, norm.weight, norm.bias)  # type: ignore[no-any-return, no-untyped-call]


class JointTower(Tower):
    """A tower whose predictors, small convolutions of the same map, run as one."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        x = self.convs(x)
        parts = [conv for conv in (self.score, self.box, self.landmarks) if conv is not None]
        weight = torch.cat([conv.weight for conv in parts])
        bias = torch.cat([conv.bias for conv in parts if conv.bias is not None])
        maps = functional.conv2d(x, weight, bias, padding=1)
        score, box, *rest = torch.split(maps, [conv.out_channels for conv in parts], 1)
        return score, box, rest[0] if rest else None


def install(net: SCRFD) -> None:
    """Lets the kernels compute every convolution + batch norm + ReLU of `net`, in place; the state dict stays the same.

    Also joins the predictors of every tower into one convolution.

    They take bfloat16 in channels-last order on the CPU, as under autocast; all else goes through torch's own
    operations as before. Raises RuntimeError or ImportError where they cannot be compiled: they need a C++ compiler
    and ninja. The first call on a machine compiles them, which takes about a minute.
    """
    compiled()
    for module in net.modules():
        if type(module) is Tower:
            module.__class__ = JointTower
        if type(module) is nn.Sequential and len(module) == 3:
            conv, norm, relu = module
            if isinstance(conv, nn.Conv2d) and isinstance(relu, nn.ReLU) and _is_plain(norm):
                module.__class__ = ConvNormReLU


@cache
def compiled() -> Any:
    """The compiled module, from torch's cache of extensions or built anew."""
    from torch.utils.cpp_extension import load

    source = Path(__file__).with_suffix(".cpp")
    return load(
        "scrfd_edge_training_kernels",
        [str(source)],
        extra_cflags=["-O3", "-march=native", "-fopenmp", "-ffp-contract=fast"],
        extra_ldflags=["-fopenmp"],
    )


def _fits(x: Tensor) -> bool:
    return (
        x.dtype == torch.bfloat16
        and x.device.type == "cpu"
        and x.ndim == 4
        and x.numel() > 0
        and x.is_contiguous(memory_format=torch.channels_last)
    )


def _is_depthwise(conv: nn.Conv2d) -> bool:
    return (
        conv.in_channels == conv.out_channels == conv.groups >= _LANES
        and conv.kernel_size == (3, 3)
        and conv.stride in ((1, 1), (2, 2))
        and conv.padding == (1, 1)
        and conv.dilation == (1, 1)
        and conv.padding_mode == "zeros"
        and conv.bias is None
        and conv.weight.dtype == torch.float32
    )


def _is_plain(norm: nn.Module) -> bool:
    return isinstance(norm, nn.BatchNorm2d) and norm.affine and norm.track_running_stats and norm.momentum is not None
