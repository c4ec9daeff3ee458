"""Parameters and multiply-adds of a description in closed form, without torch.

Two rules. `macs` is the paper's (the counter of mmcv 1.2.6, which made every number of its tables): besides the
multiply-adds of convolution weights it counts 1 per output for a bias, 2 per element for batch norm, 1 per element
for ReLU, 1 per input element for pooling, and nothing for group norm, additions, upsampling, scales and sigmoid.
`conv_macs` is the multiply-adds of convolution weights alone.

All arithmetic is on whole numbers and works element by element: the fields of `Backbone` and `Head` and the neck's
width may also be int64 arrays of one shape, and then so are the counts. The search counts candidates so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from .description import Backbone, Description, Head

Whole: TypeAlias = Any  # int or an int64 array; type checkers cannot mix the two in one expression


@dataclass(frozen=True)
class Count:
    """params: trainable parameters. macs: multiply-adds by the paper's rule. conv_macs: of convolution weights only."""

    params: Whole = 0
    macs: Whole = 0
    conv_macs: Whole = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.params + other.params, self.macs + other.macs, self.conv_macs + other.conv_macs)

    def __mul__(self, times: Whole) -> "Count":
        return Count(self.params * times, self.macs * times, self.conv_macs * times)


@dataclass(frozen=True)
class Cost:
    """Counts at one input size (height, width).

    components: of "stem", "C2", "C3", "C4", "C5", "neck", "head". pool: the stem's max-pool, which the paper's numbers
    assign to no component.
    """

    size: tuple[int, int]
    components: Mapping[str, Count]
    pool: Count

    @property
    def total(self) -> Count:
        return sum(self.components.values(), self.pool)


def cost(description: Description, size: tuple[int, int] = (480, 640)) -> Cost:
    """Counts of a whole detector for an input of `size` (height, width)."""
    stem, pool, stages = backbone_counts(description.backbone, size)
    components = {"stem": stem, **dict(zip(("C2", "C3", "C4", "C5"), stages, strict=True))}
    positions = _positions(description.backbone.block == "depthwise", size)[-3:]
    components["neck"] = neck_count(description.backbone.channels[1:], description.neck, positions)
    components["head"] = head_count(description.neck, description.head, description.anchors, positions)
    return Cost(size, components, pool)


def backbone_counts(backbone: Backbone, size: tuple[int, int]) -> tuple[Count, Count, list[Count]]:
    """Stem, max-pool, and stages C2..C5."""
    depthwise = backbone.block == "depthwise"
    before, *after = _positions(depthwise, size)
    stages = []
    if depthwise:
        a, b = backbone.stem
        stem = _conv_bn(3, a, 3, before) + _depthwise_unit(a, b, before, before)
        pool = Count()
        inputs = b
        for depth, width, positions in zip(backbone.depths, backbone.widths, after, strict=True):
            rest = _depthwise_unit(width, width, positions, positions) * (depth - 1)
            stages.append(_depthwise_unit(inputs, width, before, positions) + rest)
            before, inputs = positions, width
        return stem, pool, stages
    a, b, inputs = backbone.stem
    stem = _conv_bn(3, a, 3, before) + _conv_bn(a, b, 3, before) + _conv_bn(b, inputs, 3, before)
    pool = Count(macs=inputs * before)
    before = after[0]
    for depth, planes, outputs, positions in zip(
        backbone.depths, backbone.widths, backbone.channels, after, strict=True
    ):
        block = _bottleneck if backbone.block == "bottleneck" else _basic
        # The projection stands where the shape changes: in C3..C5 always, in C2 when the stem's width differs.
        changes = True if stages else inputs != outputs
        shortcut = Count(macs=inputs * before) + _conv(inputs, outputs, 1, positions) + _norm(outputs, positions)
        first = block(inputs, planes, before, positions) + shortcut * changes
        stages.append(first + block(outputs, planes, positions, positions) * (depth - 1))
        before, inputs = positions, outputs
    return stem, pool, stages


def neck_count(inputs: Sequence[Whole], width: Whole, positions: Sequence[int]) -> Count:
    """PAFPN over C3..C5 of `inputs` channels and `positions` cells."""
    total = Count()
    for i, (channels, cells) in enumerate(zip(inputs, positions, strict=True)):
        # One lateral and one top-down convolution per level; all but the first also one down to it and one after.
        total += _conv(channels, width, 1, cells, bias=True)
        total += _conv(width, width, 3, cells, bias=True) * (3 if i else 1)
    return total


def head_count(inputs: Whole, head: Head, anchors: int, positions: Sequence[int]) -> Count:
    """Towers and predictors over the neck's maps of `inputs` channels and `positions` cells."""
    counts = [_tower(inputs, head, anchors, cells) for cells in positions]
    total = sum(counts[1:], counts[0])
    params = counts[0].params if head.shared else total.params
    return replace(total, params=params + (len(positions) if head.scale else 0))


def _tower(inputs: Whole, head: Head, anchors: int, cells: int) -> Count:
    counted = head.norm == "batch"
    width = head.width
    if head.depthwise:
        first = _depthwise_unit(inputs, width, cells, cells, counted)
        rest = _depthwise_unit(width, width, cells, cells, counted)
    else:
        first, rest = _conv_bn(inputs, width, 3, cells, counted), _conv_bn(width, width, 3, cells, counted)
    predictions = anchors * (1 + 4 + (10 if head.landmarks else 0))
    return first + rest * (head.convs - 1) + _conv(width, predictions, 3, cells, bias=True)


def _positions(depthwise: bool, size: tuple[int, int]) -> list[int]:
    """Cells at strides 2, 4, 8, 16, 32. Convolutions round odd sides up; the residual stem's max-pool rounds down."""
    height, width = size
    out = []
    for i in range(5):
        up = 0 if i == 1 and not depthwise else 1
        height, width = (height + up) // 2, (width + up) // 2
        out.append(height * width)
    return out


def _basic(inputs: Whole, planes: Whole, before: int, after: int) -> Count:
    return _conv_bn(inputs, planes, 3, after) + _conv_bn(planes, planes, 3, after)


def _bottleneck(inputs: Whole, planes: Whole, before: int, after: int) -> Count:
    # The last ReLU stands after the addition.
    return (
        _conv_bn(inputs, planes, 1, before)
        + _conv_bn(planes, planes, 3, after)
        + _conv_bn(planes, planes * 4, 1, after)
    )


def _depthwise_unit(inputs: Whole, outputs: Whole, before: int, after: int, norm: bool = True) -> Count:
    return _conv_bn(inputs, inputs, 3, after, norm, inputs) + _conv_bn(inputs, outputs, 1, after, norm)


def _conv_bn(inputs: Whole, outputs: Whole, kernel: int, positions: int, norm: bool = True, groups: Whole = 1) -> Count:
    """Bias-free convolution, norm (counted or not) and ReLU."""
    relu = Count(macs=outputs * positions)
    return _conv(inputs, outputs, kernel, positions, groups) + _norm(outputs, positions, norm) + relu


def _conv(inputs: Whole, outputs: Whole, kernel: int, positions: int, groups: Whole = 1, bias: bool = False) -> Count:
    weights = kernel * kernel * inputs * outputs // groups
    biases = outputs if bias else 0
    return Count(weights + biases, (weights + biases) * positions, weights * positions)


def _norm(channels: Whole, positions: int, counted: bool = True) -> Count:
    return Count(2 * channels, 2 * channels * positions if counted else 0)
