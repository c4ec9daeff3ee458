"""The compiled core: letterbox, anchor decoding, NMS. Source in cpp_ext/.

Every function checks shapes and dtypes first (ValueError), computes without the GIL, and may be called from several
threads at once.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

class Placement:
    """Where a picture lies in a tensor: resized to `content`, at the top left; the rest is padding.

    All three sizes are (height, width) in pixels. The one value that travels from letterbox to decode.
    """

    def __init__(self, image: tuple[int, int], content: tuple[int, int], tensor: tuple[int, int]) -> None: ...
    @staticmethod
    def fit(image: tuple[int, int], long_side: int) -> Placement:
        """Long side scaled to `long_side`, aspect kept (never under 1 px), padded to multiples of 32."""

    @staticmethod
    def fit_shape(image: tuple[int, int], tensor: tuple[int, int]) -> Placement:
        """Scaled to fit inside a fixed tensor, aspect kept (never under 1 px)."""

    @property
    def image(self) -> tuple[int, int]: ...
    @property
    def content(self) -> tuple[int, int]: ...
    @property
    def tensor(self) -> tuple[int, int]: ...

def letterbox(
    image: npt.NDArray[np.uint8],
    placement: Placement,
    out: npt.NDArray[np.float32] | npt.NDArray[np.uint8] | npt.NDArray[np.int8],
    *,
    layout: str,
    swap: bool,
    mean: float,
    std: float,
    pad: float | None = None,
    scale: float = 1.0,
    zero_point: int = 0,
) -> None:
    """Resizes, pads, reorders and normalises `image` (H,W[,1|3|4]) into `out` in one pass.

    `image` may have any strides. `out` is a C-contiguous (3,H,W) or (H,W,3) array of the placement's tensor size.
    layout: "chw" or "hwc", the order of `out`. swap: exchange channels 0 and 2 (BGR picture, RGB network).
    A grey picture is repeated to three channels; the fourth channel of a picture is ignored.
    float32: (v - mean) / std. Integers: round(((v - mean) / std) / scale) + zero_point, ties to even, clamped.
    pad: grey level of the padding, `mean` by default; a network that takes raw pixels (mean 0, std 1) wants 127.5.
    A side that shrinks by 2 or less, or grows, is sampled like cv2.INTER_LINEAR (within one grey level); one that
    shrinks by more is averaged over areas like cv2.INTER_AREA, which finds more faces (benchmarks/letterbox.py).
    """

class Candidates:
    """Faces of one picture before NMS, in pixels of that picture, inside it. Opaque; made by `decode`."""

    def __init__(
        self,
        boxes: npt.NDArray[np.float32],
        scores: npt.NDArray[np.float32],
        landmarks: npt.NDArray[np.float32] | None,
    ) -> None:
        """boxes (N,4) x1 y1 x2 y2, scores (N,), landmarks (N,5,2) or None; all finite."""

    def __len__(self) -> int: ...

def decode(
    outputs: Sequence[npt.NDArray[np.float32]],
    placements: Sequence[Placement],
    *,
    strides: Sequence[int],
    anchors: int,
    score_threshold: float,
) -> list[Candidates]:
    """Raw outputs (scores per stride, boxes per stride[, landmarks per stride]; each (N, H*W*anchors, 1|4|10)) to
    candidates per picture: score >= threshold, mapped back through the placement, boxes clipped to the picture.

    One placement per picture of the batch, all of the same tensor size. What is not finite, or has no area inside the
    picture, is left out. Landmarks are not clipped: they may lie outside.
    """

def nms(
    candidates: Sequence[Candidates],
    *,
    iou_threshold: float,
    max_faces: int | None = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
    """Merges the candidates of one picture (several sizes) by one greedy NMS (suppress when IoU > threshold, no +1).

    Returns boxes (N,4), scores (N,), landmarks (N,5,2) or None, sorted by score; ties: the earlier candidate first.
    """

def dequantize(
    array: npt.NDArray[np.uint8] | npt.NDArray[np.int8],
    *,
    scale: float,
    zero_point: int,
) -> npt.NDArray[np.float32]:
    """(array - zero_point) * scale as a new float32 array of the same shape."""
