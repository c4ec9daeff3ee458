"""Anything a user has, turned into one checked uint8 picture."""

import importlib
import io
import os
import struct
import zlib
from dataclasses import dataclass
from typing import IO, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from .errors import ImageError, SettingError

Color: TypeAlias = Literal["bgr", "rgb"]
Pixels: TypeAlias = npt.NDArray[np.uint8]

MAX_PIXELS = 178_956_970
"""Largest picture that is decoded from a file, in pixels: where Pillow itself refuses a decompression bomb."""

_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_DECODER_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    struct.error,
    zlib.error,
)
"""What Pillow's decoders raise on damaged data."""
PICTURE_ERRORS: tuple[type[Exception], ...] = (*_DECODER_ERRORS, Image.DecompressionBombError)
"""And on pictures that are too large."""


@dataclass(frozen=True, eq=False)
class Picture:
    """pixels: uint8 (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), as displayed, any strides. color: order of channels."""

    pixels: Pixels
    color: Color

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def to_array(self, color: Color) -> Pixels:
        """A new array (H, W, 3), contiguous, with channels in the order `color`; alpha is dropped."""
        pixels = self.pixels if self.pixels.ndim == 3 else self.pixels[:, :, None]
        if pixels.shape[2] == 1:
            return np.repeat(pixels, 3, axis=2)
        pixels = pixels[:, :, :3]
        out: Pixels = (pixels if color == self.color else pixels[:, :, ::-1]).copy()
        return out


ImageSource: TypeAlias = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image | npt.NDArray[Any] | Picture
)
"""What `load` takes."""


def load(source: ImageSource, color: Color = "bgr") -> Picture:
    """Reads a picture from a path, the bytes of a file, a binary file object, a PIL image or a uint8 array.

    Files are decoded whole by Pillow, first frame, turned upright by their EXIF orientation. `color` is the channel
    order of arrays. Raises ImageError when the source is missing, damaged, too large or not a picture.
    """
    if color not in ("bgr", "rgb"):
        raise SettingError(f"color must be 'bgr' or 'rgb', got {color!r}.")
    if isinstance(source, Picture):
        return source
    if isinstance(source, np.ndarray):
        return Picture(_checked(source), color)
    if isinstance(source, Image.Image):
        return _from_pil(source, "the PIL image")
    if isinstance(source, str | os.PathLike):
        return _from_bytes(_read_path(source), os.fspath(source))
    if isinstance(source, bytes | bytearray | memoryview):
        return _from_bytes(bytes(source), "the bytes given")
    if hasattr(source, "read"):
        try:
            data = source.read()
        except (OSError, ValueError) as error:
            raise ImageError(f"The file object cannot be read: {error}.") from None
        if not isinstance(data, bytes):
            raise ImageError("The file object returns text: open it in binary mode ('rb').")
        return _from_bytes(data, str(getattr(source, "name", "the file object")))
    raise ImageError(
        f"Expected a path, bytes, a binary file object, a PIL image or a uint8 array, got {type(source).__name__}."
    )


def _checked(array: npt.NDArray[Any]) -> Pixels:
    came = f"got {array.dtype} {array.shape}"
    if array.dtype != np.uint8:
        hint = "convert it with .astype(numpy.uint8), after scaling its values to 0..255"
        if array.dtype.kind == "f" and np.isnan(array).any():
            hint = "it holds NaN; replace them, scale to 0..255 and convert with .astype(numpy.uint8)"
        raise ImageError(f"Expected a uint8 array with values 0..255, {came}: {hint}.")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        hint = ""
        if array.ndim == 3 and array.shape[0] in (1, 3, 4):
            hint = " Channels come last: use array.transpose(1, 2, 0)."
        elif array.ndim == 4:
            hint = " For several pictures use detect_batch."
        raise ImageError(f"Expected (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), {came}.{hint}")
    if array.size == 0:
        raise ImageError(f"The picture is empty: {came}. A failed read often gives such an array.")
    return array


def _read_path(path: str | os.PathLike[str]) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise ImageError(f"{os.fspath(path)}: there is no such file.") from None
    except IsADirectoryError:
        raise ImageError(f"{os.fspath(path)} is a folder; expected a picture.") from None
    except (OSError, ValueError) as error:
        if os.path.isdir(path):  # Windows says "permission denied" for a folder
            raise ImageError(f"{os.fspath(path)} is a folder; expected a picture.") from None
        raise ImageError(f"{os.fspath(path)!r} cannot be read: {error}.") from None


def _from_bytes(data: bytes, name: str) -> Picture:
    if not data:
        raise ImageError(f"{name} is empty (0 bytes).")
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        return _from_pil(_open_heif(data, name), name)
    try:
        image = Image.open(io.BytesIO(data))
    except UnidentifiedImageError:
        raise ImageError(f"{name} is not a picture that Pillow can read; it starts with {data[:12]!r}.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(name) from None
    except _DECODER_ERRORS as error:
        raise ImageError(f"{name} is damaged: {error}.") from None
    if image.format == "EPS":
        raise ImageError(f"{name} is PostScript, which Pillow gives to Ghostscript to run: convert it to PNG first.")
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(name)
    with image:
        return _from_pil(image, name)


def _from_pil(image: Image.Image, name: str) -> Picture:
    if 0 in image.size:
        raise ImageError(f"{name} is empty: {image.width} x {image.height} pixels.")
    if image.mode == "F":
        raise ImageError(f"{name} holds float values: scale them to 0..255 and convert to uint8.")
    try:
        image.load()
        upright = _upright(image)
        if upright.mode.startswith("I;16") or upright.mode == "I":
            pixels = (np.asarray(upright).clip(0, 65535) >> 8).astype(np.uint8)  # 16 bits per pixel
        else:
            pixels = np.asarray(upright if upright.mode in ("L", "RGB") else upright.convert("RGB"))
    except _DECODER_ERRORS as error:
        raise ImageError(f"{name} is damaged or truncated: {error}.") from None
    return Picture(pixels, "rgb")


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except _DECODER_ERRORS:  # the picture is whole, only its EXIF is damaged
        return image


def _open_heif(data: bytes, name: str) -> Image.Image:
    try:
        pillow_heif = importlib.import_module("pillow_heif")
    except ImportError:
        raise ImageError(f"{name} is a HEIC picture; to read it: pip install pillow-heif") from None
    try:
        heif = pillow_heif.open_heif(data)  # reads sizes only
        too_large = heif.size[0] * heif.size[1] > MAX_PIXELS
        image: Image.Image | None = None if too_large else heif.to_pillow()
    except _DECODER_ERRORS as error:
        raise ImageError(f"{name} is a damaged HEIC picture: {error}.") from None
    if image is None:
        raise _too_large(name)
    return image


def _too_large(name: str) -> ImageError:
    return ImageError(f"{name} has more than {MAX_PIXELS:,} pixels, the limit for files: scale it down first.")
