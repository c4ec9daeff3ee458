"""Photographs for calibration and checks: chosen with a seed, and brought into tensors by the SDK's own letterbox."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scrfd_edge import _core
from scrfd_edge.errors import DataError, ImageError
from scrfd_edge.image import Picture, load
from scrfd_edge.metadata import Calibration, Metadata

from .layers import TRACE

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp"))
FEWEST = 20
"""Pictures under which ranges say more about the pictures than about faces."""


def choose_pictures(folder: Path, count: int, seed: int, exclude: frozenset[str] = frozenset()) -> list[Path]:
    """`count` photographs of `folder` and below, or all where there are fewer, in a random order that the seed fixes.

    exclude: paths relative to `folder`, with / between folders. Raises DataError for fewer than FEWEST, and where
    `exclude` names none of them: its paths then belong to another folder.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder of photographs for calibration.")
    found = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file()
    )
    if exclude and exclude.isdisjoint(found):
        raise DataError(
            f"None of the {len(exclude)} pictures to leave alone is in {folder}: expected paths relative to it, got "
            f"{min(exclude)!r}."
        )
    found = [name for name in found if name not in exclude]
    if len(found) < FEWEST:
        raise DataError(
            f"{folder} holds {len(found)} photographs ({', '.join(sorted(SUFFIXES))}); calibration needs at least "
            f"{FEWEST}, better 300, with faces as you expect them."
        )
    order = np.random.default_rng(seed).permutation(len(found))
    return [folder / found[i] for i in order[:count]]


def read_pictures(paths: Sequence[Path]) -> list[Picture]:
    """Raises DataError that names the first file which is no picture."""
    pictures = []
    for path in paths:
        try:
            pictures.append(load(path))
        except ImageError as error:
            raise DataError(f"A photograph for calibration cannot be used: {error}") from None
    return pictures


def describe(paths: Sequence[Path], seed: int) -> Calibration:
    """What the metadata say about the pictures."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return Calibration(len(paths), seed, digest.hexdigest())


def tensors(paths: Sequence[Path], metadata: Metadata) -> Iterator[npt.NDArray[Any]]:
    """Each photograph as a network's input of TRACE's size, one at a time."""
    for path in paths:
        (picture,) = read_pictures([path])
        yield to_tensor(picture, metadata, _core.Placement.fit_shape(picture.size, TRACE))


def to_tensor(picture: Picture, metadata: Metadata, placement: _core.Placement) -> npt.NDArray[Any]:
    """(1, 3, H, W) or (1, H, W, 3), as the metadata say."""
    chw = metadata.layout == "NCHW"
    height, width = placement.tensor
    out = np.empty((3, height, width) if chw else (height, width, 3), metadata.dtype)
    _core.letterbox(
        picture.pixels,
        placement,
        out,
        layout="chw" if chw else "hwc",
        swap=picture.color != metadata.color,
        mean=metadata.mean,
        std=metadata.std,
        pad=127.5,
    )
    return out[None]
