"""How many faces and positive anchors of each size one epoch trains on (paper, Fig. 4)."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..description import Description
from .atss import assign, make_anchors
from .batches import Batch

FACE_SIZES = (4, 8, 16, 32, 64, 128, 256, 512)
"""Upper bounds in pixels of the tensor, root of the area; one more bucket holds what is larger."""


@dataclass(frozen=True)
class Samples:
    """faces: (9,) ground truths per bucket of FACE_SIZES. positives: anchor size -> positive anchors."""

    faces: npt.NDArray[np.int64]
    positives: dict[int, int]


def count_samples(batches: Iterable[Batch], description: Description) -> Samples:
    """Counts the targets of some batches, one epoch for the paper's figure."""
    faces = np.zeros(len(FACE_SIZES) + 1, np.int64)
    sizes = sorted({size for level in description.anchor_sizes for size in level})
    positives = np.zeros(len(sizes), np.int64)
    for batch in batches:
        height, width = batch.pictures.shape[2:]
        grids = [(height // s, width // s) for s in description.strides]
        anchors = make_anchors(grids, description.strides, description.anchor_sizes)
        boxes = batch.targets.boxes
        root = np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(-1).numpy())
        faces += np.bincount(np.searchsorted(FACE_SIZES, root, side="right"), minlength=len(faces))
        found = assign(anchors, batch.targets.pictures, boxes)
        chosen = anchors.sizes[found.anchor].numpy()
        positives += np.bincount(np.searchsorted(sizes, chosen), minlength=len(sizes))
    return Samples(faces, dict(zip(sizes, positives.tolist(), strict=True)))
