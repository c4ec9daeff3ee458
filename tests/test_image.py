"""Anything a user has becomes the same picture, and anything else one clear error."""

import io
import struct
import sys
import types
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageOps

from scrfd_edge import ImageError, SettingError, catalog
from scrfd_edge.image import MAX_PIXELS, Picture, load

Array = npt.NDArray[Any]


def encoded(array: Array, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(array).save(out, kind, **options)
    return out.getvalue()


@pytest.fixture(scope="module")
def rgb() -> Array:
    return np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda data, tmp: data,
        lambda data, tmp: bytearray(data),
        lambda data, tmp: memoryview(data),
        lambda data, tmp: io.BytesIO(data),
        lambda data, tmp: Image.open(io.BytesIO(data)),
        lambda data, tmp: Image.open(io.BytesIO(data)).copy(),
        lambda data, tmp: write(tmp / "a.png", data),
        lambda data, tmp: str(write(tmp / "a.png", data)),
        lambda data, tmp: write(tmp / "wrong suffix.txt", data),
    ],
)
def test_every_way_in_gives_the_same_pixels(rgb: Array, tmp_path: Path, wrap: Callable[[bytes, Path], Any]) -> None:
    picture = load(wrap(encoded(rgb), tmp_path))
    assert picture.size == (24, 40)
    np.testing.assert_array_equal(picture.to_array("rgb"), rgb)
    np.testing.assert_array_equal(picture.to_array("bgr"), rgb[:, :, ::-1])


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_arrays_keep_their_memory_and_order(rgb: Array) -> None:
    view = rgb[::2, 5:30]
    assert load(view).pixels is view
    np.testing.assert_array_equal(load(view).to_array("bgr"), view)
    np.testing.assert_array_equal(load(view, "rgb").to_array("bgr"), view[:, :, ::-1])
    picture = load(view)
    assert load(picture, "rgb") is picture
    out = picture.to_array("bgr")
    assert out.flags.c_contiguous and not np.shares_memory(out, rgb)


@pytest.mark.parametrize("channels", [None, 1, 3, 4])
def test_channels(rgb: Array, channels: int | None) -> None:
    array = rgb[:, :, 0] if channels is None else np.dstack([rgb, rgb])[:, :, :channels]
    out = load(array).to_array("bgr")
    assert out.shape == (24, 40, 3)
    expected = np.dstack([rgb[:, :, 0]] * 3) if channels in (None, 1) else rgb
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_honoured(kind: str, orientation: int) -> None:
    upright = np.zeros((32, 64, 3), np.uint8)
    upright[:16, :32] = 255  # white where the displayed picture starts
    turns = [None, None, 0, 3, 1, 5, 2, 6, 4]  # Pillow's transposes that undo what the tag asks for
    stored = Image.fromarray(upright)
    turn = turns[orientation]
    if turn is not None:
        stored = stored.transpose(Image.Transpose(turn))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(np.asarray(stored), kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    for source in (data, Image.open(io.BytesIO(data))):
        picture = load(source).to_array("rgb").astype(int)
        assert picture.shape == upright.shape
        assert abs(picture - upright).max() < 60  # JPEG


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "HSV", "I;16", "I"])
def test_modes_of_pillow(mode: str) -> None:
    grey = Image.fromarray(np.tile(np.array([[0, 255]], np.uint8), (8, 8)))
    if mode in ("I;16", "I"):
        wide = np.asarray(grey).astype(np.uint16 if mode == "I;16" else np.int32) * 257
        image = Image.fromarray(wide)
    elif mode == "HSV":
        image = grey.convert("RGB").convert("HSV")
    else:
        image = grey.convert(mode)
    assert image.mode == mode
    picture = load(image).to_array("rgb")
    np.testing.assert_array_equal(picture, np.dstack([np.asarray(grey)] * 3))


def bomb(height: int = 20000) -> bytes:
    """A PNG that says 20000 x `height` in its header."""
    head = struct.pack(">IIBBBBB", 20000, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(d)) + kind + d + struct.pack(">I", zlib.crc32(kind + d)) for kind, d in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


JPEG = catalog.SAMPLE.read_bytes()
HEIC = b"\0\0\0\x18ftypheic" + bytes(16)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (Path("missing.jpg"), "no such file"),
        ("missing.jpg", "no such file"),
        (Path(__file__).parent, "is a folder"),
        ("nul\0byte", "cannot be read"),
        (b"", "empty"),
        (io.BytesIO(), "empty"),
        (io.StringIO("text"), "binary mode"),
        (JPEG[: len(JPEG) // 2], "truncated"),
        (JPEG[:3], "not a picture"),
        (b"just text, renamed to .jpg", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "PostScript"),
        (bomb(), "limit"),
        (HEIC, "pip install pillow-heif"),
        (np.zeros((0, 0, 3), np.uint8), "empty"),
        (np.zeros((0, 5), np.uint8), "empty"),
        (Image.new("RGB", (0, 0)), "empty"),
        (Image.new("F", (4, 4)), "float"),
        (np.zeros((4, 4, 3), np.float32), "uint8"),
        (np.zeros((4, 4, 3), np.float64), "0..255"),
        (np.full((4, 4, 3), np.nan, np.float32), "NaN"),
        (np.zeros((4, 4, 3), np.uint16), "uint16"),
        (np.zeros((4, 4), bool), "bool"),
        (np.zeros((4, 4, 2), np.uint8), r"\(4, 4, 2\)"),
        (np.zeros((4, 4, 5), np.uint8), r"\(4, 4, 5\)"),
        (np.zeros((3, 4, 4), np.uint8)[:, :, [0, 0, 1, 2, 3]], "Channels come last"),
        (np.zeros((2, 4, 4, 3), np.uint8), "detect_batch"),
        (np.zeros(4, np.uint8), r"\(4,\)"),
        (np.array("x"), "uint8"),
        (None, "NoneType"),
        (42, "int"),
        ([1, 2], "list"),
    ],
    ids=str,
)
def test_bad_pictures(source: Any, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        load(source)


def test_a_damaged_header_is_no_crash() -> None:
    for cut in range(4, 400, 13):
        with pytest.raises(ImageError):
            load(JPEG[:cut] + bytes(50))


def test_a_damaged_exif_leaves_a_whole_picture(monkeypatch: pytest.MonkeyPatch, rgb: Array) -> None:
    def fail(image: Image.Image) -> Image.Image:
        raise TypeError("required argument is not an integer")

    monkeypatch.setattr(ImageOps, "exif_transpose", fail)
    assert np.array_equal(load(Image.fromarray(rgb)).pixels, rgb)


def test_pillows_bomb_warning_as_an_error() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ImageError, match="limit"):
            load(bomb(5000))


def test_our_limit_holds_where_pillows_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with pytest.raises(ImageError, match=f"{MAX_PIXELS:,}"):
        load(bomb())


def test_heic_is_read_where_pillow_heif_is_installed(monkeypatch: pytest.MonkeyPatch, rgb: Array) -> None:
    fake = types.ModuleType("pillow_heif")
    fake.open_heif = lambda data: types.SimpleNamespace(size=(3, 2), to_pillow=lambda: Image.fromarray(rgb))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pillow_heif", fake)
    np.testing.assert_array_equal(load(HEIC).to_array("rgb"), rgb)

    def fail(data: bytes) -> None:
        raise ValueError("no such box")

    fake.open_heif = fail  # type: ignore[attr-defined]
    with pytest.raises(ImageError, match="damaged HEIC"):
        load(HEIC)


def test_color_is_checked() -> None:
    with pytest.raises(SettingError, match="bgr"):
        load(np.zeros((2, 2), np.uint8), "gray")  # type: ignore[arg-type]


def test_a_picture_states_its_size() -> None:
    assert Picture(np.zeros((3, 7), np.uint8), "rgb").size == (3, 7)
