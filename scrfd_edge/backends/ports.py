"""Which output of a model file is which: engines keep neither the order nor always the names."""

from collections.abc import Sequence
from pathlib import Path

from ..errors import ModelError
from ..metadata import Metadata
from .base import Outputs

_KINDS = {1: "score", 4: "bbox", 10: "kps"}
_STRIDES = (8, 16, 32)


def official_order(names: Sequence[str], shapes: Sequence[Sequence[int]], path: Path) -> list[int]:
    """Indices of the outputs in the official order, by their names, or where those say nothing, by their shapes.

    shapes: (N, rows, 1 | 4 | 10) each, for one tensor size. Raises ModelError where neither tells them apart.
    """
    kinds = list(_KINDS.values())[: len(names) // len(_STRIDES)]
    official = [f"{kind}_{stride}" for kind in kinds for stride in _STRIDES]
    if sorted(names) == sorted(official):
        return [list(names).index(name) for name in official]
    keys = [(shape[-1], -shape[-2]) for shape in shapes if len(shape) == 3]
    columns = [column for column in _KINDS for _ in _STRIDES][: len(names)]
    if len(names) in (6, 9) and len(set(keys)) == len(names) and sorted(c for c, _ in keys) == columns:
        return sorted(range(len(keys)), key=lambda i: keys[i])
    raise ModelError(
        f"{path} is not an SCRFD network: its outputs {list(names)} with shapes {[tuple(s) for s in shapes]} are not "
        "scores, boxes and perhaps landmarks at three strides, one each."
    )


def check_outputs(outputs: Outputs, tensor: tuple[int, int], metadata: Metadata, path: Path) -> None:
    """Raises ModelError unless `outputs` are what the metadata promises for a tensor of (height, width)."""
    height, width = tensor
    columns = (1, 4, 10) if metadata.landmarks else (1, 4)
    strides = metadata.strides
    wanted = [(1, (height // s) * (width // s) * metadata.anchors, c) for c in columns for s in strides]
    came = [output.shape for output in outputs]
    if came != wanted:
        raise ModelError(f"{path} is not an SCRFD network: for {tensor} expected outputs {wanted}, got {came}.")
    kinds = {str(output.dtype) for output in outputs}
    if kinds != {"float32"}:
        raise ModelError(f"{path}: expected float32 outputs, got {', '.join(sorted(kinds))}: cast them in the file.")
