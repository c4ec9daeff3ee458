"""One letterbox: equal to the NumPy reference and to OpenCV, whatever the picture looks like in memory."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st

from scrfd_edge._core import Placement, letterbox

Picture = npt.NDArray[np.uint8]


def picture_of(height: int, width: int, channels: int = 3) -> Picture:
    rng = np.random.default_rng(height * 1000 + width)
    return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)


def gray_levels(picture: Picture, placement: Placement, swap: bool = False) -> npt.NDArray[np.float32]:
    out = np.empty((3, *placement.tensor), np.float32)
    letterbox(picture, placement, out, layout="chw", swap=swap, mean=0, std=1, pad=127.5)
    return out


def by_opencv(picture: Picture, placement: Placement) -> npt.NDArray[np.float64]:
    """The content in gray levels, (rows, columns, 3), by cv2's resize."""
    rows, columns = placement.content
    shrinks = picture.shape[0] > 2 * rows or picture.shape[1] > 2 * columns
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(picture, (columns, rows), interpolation=way).astype(np.float64)


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 150),
    width=st.integers(1, 150),
    channels=st.sampled_from([1, 3, 4]),
    side=st.integers(1, 150),
    swap=st.booleans(),
)
def test_equals_the_reference_within_one_gray_level(
    height: int, width: int, channels: int, side: int, swap: bool
) -> None:
    picture = picture_of(height, width, channels)
    placement = Placement.fit((height, width), side)
    expected = reference.letterbox(picture, placement, swap=swap, mean=0, std=1, pad=127.5)
    difference = np.abs(gray_levels(picture, placement, swap) - expected).max()
    assert difference < (3 if max(height, width) > 16 * side else 1)


@pytest.mark.parametrize(
    ("height", "width", "side"),
    [(1, 1, 64), (20000, 10, 640), (480, 640, 640), (720, 1280, 640), (333, 517, 1000), (97, 64, 64)],
)
def test_equals_opencv_on_any_size(height: int, width: int, side: int) -> None:
    picture = picture_of(height, width)
    placement = Placement.fit((height, width), side)
    rows, columns = placement.content
    content = gray_levels(picture, placement)[:, :rows, :columns].transpose(1, 2, 0)
    # OpenCV rounds to whole levels.
    assert np.abs(content - by_opencv(picture, placement)).max() <= (1.5 if max(height, width) > 16 * side else 1)


def test_equals_opencv_on_photographs(shared: Path) -> None:
    paths = sorted((shared / "data" / "val" / "images").glob("*/*.jpg"))[::40]
    assert len(paths) >= 10
    for path in paths:
        picture = np.asarray(cv2.imread(str(path)), np.uint8)
        for side in (640, 1600, 320):
            placement = Placement.fit((picture.shape[0], picture.shape[1]), side)
            rows, columns = placement.content
            content = gray_levels(picture, placement)[:, :rows, :columns].transpose(1, 2, 0)
            assert np.abs(content - by_opencv(picture, placement)).max() <= 1, path.name


@pytest.mark.parametrize("size", [(45, 61), (64, 64), (200, 150)])
def test_normalises_as_the_network_was_trained(size: tuple[int, int]) -> None:
    picture = picture_of(*size)
    placement = Placement.fit(size, 64)
    out = np.full((3, *placement.tensor), np.nan, np.float32)
    letterbox(picture, placement, out, layout="chw", swap=True, mean=127.5, std=128)
    np.testing.assert_allclose(out, (gray_levels(picture, placement, swap=True) - 127.5) / 128, atol=1e-6)
    rows, columns = placement.content
    assert (out[:, rows:] == 0).all() and (out[:, :, columns:] == 0).all()
    packed = np.empty((*placement.tensor, 3), np.float32)
    letterbox(picture, placement, packed, layout="hwc", swap=True, mean=127.5, std=128)
    assert (packed.transpose(2, 0, 1) == out).all()


@pytest.mark.parametrize("layout", ["chw", "hwc"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
@pytest.mark.parametrize("size", [(45, 61), (64, 64), (200, 150)])
def test_integers_are_the_quantized_floats(size: tuple[int, int], dtype: type[np.int8], layout: str) -> None:
    picture = picture_of(*size)
    placement = Placement.fit(size, 64)
    scale, zero_point = 0.0091, 117 if dtype is np.uint8 else -11
    floats = np.empty((3, *placement.tensor), np.float32)
    letterbox(picture, placement, floats, layout="chw", swap=True, mean=127.5, std=128)
    out = np.empty((3, *placement.tensor) if layout == "chw" else (*placement.tensor, 3), dtype)
    letterbox(
        picture, placement, out, layout=layout, swap=True, mean=127.5, std=128, scale=scale, zero_point=zero_point
    )
    planar = out if layout == "chw" else out.transpose(2, 0, 1)
    expected = reference.quantize(floats, scale, zero_point, dtype)
    # Scale is applied to gray levels at once: a value half way between two integers may go to the other one.
    difference = planar.astype(int) - expected.astype(int)
    assert np.abs(difference).max() <= 1 and (difference != 0).mean() < 1e-3
    assert (planar[:, placement.content[0] :] == zero_point).all()


@pytest.mark.parametrize("side", [30, 64, 100])
def test_any_memory_layout_gives_the_same(side: int) -> None:
    picture = picture_of(90, 70)
    placement = Placement.fit((90, 70), side)
    expected = gray_levels(picture, placement)
    frame = np.zeros((200, 200, 3), np.uint8)
    frame[20:110, 30:100] = picture
    read_only = picture.copy()
    read_only.flags.writeable = False
    four = np.zeros((90, 70, 4), np.uint8)
    four[..., :3] = picture
    for view in (
        frame[20:110, 30:100],
        np.asfortranarray(picture),
        picture[::-1].copy()[::-1],
        picture[:, ::-1].copy()[:, ::-1],
        picture[..., ::-1].copy()[..., ::-1],
        np.repeat(picture, 2, axis=1)[:, ::2],
        read_only,
        four,
        four[..., :3],
    ):
        assert (gray_levels(view, placement) == expected).all()
    gray = picture[..., 0]
    same = gray_levels(np.repeat(gray[..., None], 3, axis=2), placement)
    for view in (gray, gray[..., None], np.ascontiguousarray(gray), np.asfortranarray(gray)):
        assert (gray_levels(view, placement) == same).all()


GOOD = np.zeros((8, 8, 3), np.uint8)


@pytest.mark.parametrize(
    ("picture", "out", "changes", "message"),
    [
        (GOOD.astype(np.float32), None, {}, "uint8 array"),
        (np.zeros((8, 8, 2), np.uint8), None, {}, "1, 3 or 4 channels"),
        (np.zeros((8, 8, 3, 1), np.uint8), None, {}, "uint8 array"),
        (np.zeros((8, 7, 3), np.uint8), None, {}, "placement is for an image of"),
        (GOOD, np.zeros((3, 32, 31), np.float32), {}, "out must be"),
        (GOOD, np.zeros((1, 3, 32, 32), np.float32), {}, "out must be"),
        (GOOD, np.zeros((3, 32, 32), np.float64), {}, "float32, uint8 or int8"),
        (GOOD, np.zeros((3, 32, 32), ">f4"), {}, "float32, uint8 or int8"),
        (GOOD, np.zeros((3, 32, 64), np.float32)[:, :, ::2], {}, "C-contiguous"),
        (GOOD, None, {"layout": "nchw"}, "'chw' or 'hwc'"),
        (GOOD, None, {"layout": "hwc"}, "out must be"),
        (GOOD, None, {"std": 0.0}, "std must be"),
        (GOOD, None, {"mean": float("nan")}, "mean and pad"),
        (GOOD, None, {"pad": float("inf")}, "mean and pad"),
        (GOOD, None, {"scale": -1.0}, "scale must be"),
        (GOOD, None, {"zero_point": 300}, "zero_point must be"),
    ],
)
def test_a_wrong_call_is_refused(
    picture: Picture, out: npt.NDArray[np.float32] | None, changes: dict[str, object], message: str
) -> None:
    arguments: dict[str, object] = {"layout": "chw", "swap": True, "mean": 127.5, "std": 128.0, **changes}
    tensor = np.zeros((3, 32, 32), np.float32) if out is None else out
    with pytest.raises(ValueError, match=message):
        letterbox(picture, Placement.fit((8, 8), 32), tensor, **arguments)  # type: ignore[arg-type]


def test_a_read_only_tensor_is_refused() -> None:
    out = np.zeros((3, 32, 32), np.float32)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="writeable"):
        letterbox(GOOD, Placement.fit((8, 8), 32), out, layout="chw", swap=True, mean=0, std=1)
