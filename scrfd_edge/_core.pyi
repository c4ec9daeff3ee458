"""The compiled core: letterbox, anchor decoding, NMS. Source in cpp_ext/."""

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
    scale: float = 1.0,
    zero_point: int = 0,
) -> None:
    """Resizes, pads, reorders and normalises `image` (H,W[,1|3|4]) into `out` in one pass.

    layout: "chw" or "hwc", the order of `out`. swap: exchange channels 0 and 2 (BGR picture, RGB network).
    A grey picture is repeated to three channels; the fourth channel of a picture is ignored.
    float32: (v - mean) / std, padding 0. Integers: round(((v - mean) / std) / scale) + zero_point, clamped;
    padding is what v = mean gives, rounded half up (128 for plain uint8 input, mean 0, std 1 use `pad`).
    """

class Candidates:
    """Faces of one picture before NMS, in pixels of that picture, inside it. Opaque; made by `decode`."""

    def __init__(
        self,
        boxes: npt.NDArray[np.float32],
        scores: npt.NDArray[np.float32],
        landmarks: npt.NDArray[np.float32] | None,
    ) -> None: ...
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
    candidates per picture: score >= threshold, mapped back through the placement, clipped to the picture."""

def nms(
    candidates: Sequence[Candidates],
    *,
    iou_threshold: float,
    max_faces: int | None = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
    """Merges the candidates of one picture (several sizes) by one greedy NMS (suppress when IoU > threshold, no +1).

    Returns boxes (N,4), scores (N,), landmarks (N,5,2) or None, sorted by score; ties: the earlier candidate first.
    """
