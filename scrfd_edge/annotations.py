"""Annotated pictures: the text format that the paper's authors train from, and WIDER FACE's own.

An annotation file holds, for each picture, a line `# path width height` and one line per face: corners `x1 y1 x2 y2`,
then nothing (landmarks unknown), a lone `1` (a face to ignore; `0`: not), or five landmarks as `x y flag`, all three -1
where the point is unknown.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from .errors import DataError
from .image import PICTURE_ERRORS

_UNKNOWN_LANDMARKS = ["-1"] * 15
_WIDER_LABEL = "wider_face_split/wider_face_train_bbx_gt.txt"
_WIDER_IMAGES = "WIDER_train/images"


@dataclass(frozen=True)
class Annotation:
    """The faces of one picture, in pixels of it.

    path: relative to the folder of pictures. line: of the annotation file, from 1, right above the first face.
    boxes: (N, 4) float32 x1 y1 x2 y2. ignored: (N,) bool. landmarks: (N, 5, 2) float32 x y, -1 where unknown.
    visible: (N, 5) float32, 1 where the point is known, else 0.
    """

    path: str
    width: int
    height: int
    line: int
    boxes: npt.NDArray[np.float32]
    ignored: npt.NDArray[np.bool_]
    landmarks: npt.NDArray[np.float32]
    visible: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Annotated:
    """A folder's pictures with their faces. label: the annotation file. images: what the paths are relative to."""

    label: Path
    images: Path
    notes: tuple[Annotation, ...]

    def split(self, listed: str | Path) -> "tuple[Annotated, Annotated]":
        """What the list does not name, to train on, and what it names, held out. Raises DataError."""
        held = set(read_list(listed))
        unknown = sorted(held - {note.path for note in self.notes})
        if unknown:
            raise DataError(f"{listed}: {unknown[0]} is not in {self.label} ({len(unknown)} such): expected its paths.")
        rest = tuple(note for note in self.notes if note.path not in held)
        return replace(self, notes=rest), replace(self, notes=tuple(n for n in self.notes if n.path in held))


def label_file(folder: str | Path) -> Path:
    """`label.txt`, or WIDER FACE's own file of the training pictures where that lies there instead.

    Raises DataError where neither does.
    """
    for name in ("label.txt", _WIDER_LABEL):
        if Path(folder, name).is_file():
            return Path(folder, name)
    raise DataError(f"{folder}: expected label.txt beside images/, or {_WIDER_LABEL} beside {_WIDER_IMAGES}/.")


def read_annotated(folder: str | Path) -> Annotated:
    """Reads a folder: label.txt beside images/, or WIDER FACE as its archives unpack. Raises DataError."""
    label = label_file(folder)
    if label.name == "label.txt":
        return Annotated(label, Path(folder, "images"), tuple(read_annotations(label)))
    images = Path(folder, _WIDER_IMAGES)
    return Annotated(label, images, tuple(read_wider(label, images)))


def read_annotations(path: str | Path) -> list[Annotation]:
    """Reads a whole annotation file, pictures in its order. Raises DataError with file and line of the first fault."""
    lines = _read_lines(path)
    if not lines or not lines[0].startswith("#"):
        raise DataError(f"{path}:1: expected '# path width height'; the file does not begin with a picture.")
    starts = [i for i, line in enumerate(lines) if line.startswith("#")] + [len(lines)]
    found: list[Annotation] = []
    seen: dict[str, int] = {}
    for start, end in pairwise(starts):
        name, width, height = _header(lines[start], f"{path}:{start + 1}")
        if name in seen:
            raise DataError(f"{path}:{start + 1}: {name} stands in line {seen[name]} already: join its faces.")
        seen[name] = start + 1
        faces = [_face(lines[i], f"{path}:{i + 1}") for i in range(start + 1, end)]
        values = np.array(faces, np.float32).reshape(-1, 20)
        points = values[:, 5:].reshape(-1, 5, 3)
        visible = (points[:, :, 2] >= 0).astype(np.float32)
        found.append(
            Annotation(
                name,
                width,
                height,
                start + 1,
                values[:, :4].copy(),
                values[:, 4] == 1,
                points[:, :, :2].copy(),
                visible,
            )
        )
    return found


def read_wider(path: str | Path, images: str | Path) -> list[Annotation]:
    """Reads WIDER FACE's own annotation file (`wider_face_train_bbx_gt.txt`); landmarks are unknown.

    images: the folder of pictures, whose headers give the sizes. Faces marked invalid, and the few boxes without an
    area, are to be ignored. Raises DataError with file and line.
    """
    lines = _read_lines(path)
    found: list[Annotation] = []
    at = 0
    while at < len(lines):
        name = lines[at].strip()
        where = f"{path}:{at + 2}"
        count_text = lines[at + 1].strip() if at + 1 < len(lines) else "the end of the file"
        if not count_text.isdecimal():
            raise DataError(f"{where}: expected the number of faces of {name}, got {count_text!r}.")
        count = int(count_text)
        rows = lines[at + 2 : at + 2 + max(count, 1)]  # a picture without faces has one row of zeros
        if len(rows) < count:
            raise DataError(f"{where}: {name} should have {count} faces; the file ends after {len(rows)}.")
        faces = np.array([_wider_face(row, f"{path}:{at + 3 + i}") for i, row in enumerate(rows)], np.float32)
        faces = faces.reshape(-1, 10)[:count]
        width, height = _size(Path(images, name), where)
        found.append(
            Annotation(
                name,
                width,
                height,
                at + 2,
                np.concatenate([faces[:, :2], faces[:, :2] + faces[:, 2:4]], 1),
                (faces[:, 7] == 1) | (faces[:, 2:4] <= 0).any(1),
                np.full((count, 5, 2), -1, np.float32),
                np.zeros((count, 5), np.float32),
            )
        )
        at += 2 + max(count, 1)
    if not found:
        raise DataError(f"{path}: the file is empty; expected WIDER FACE's list of pictures and faces.")
    return found


def read_list(path: str | Path) -> list[str]:
    """Reads a list of pictures, one path per line; blank lines are skipped. Raises DataError."""
    names = [line.strip() for line in _read_lines(path) if line.strip()]
    if not names:
        raise DataError(f"{path}: expected one path of a picture per line; the file is empty.")
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"{path}: {name} stands in it twice.")
        seen.add(name)
    return names


def _read_lines(path: str | Path) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected UTF-8 text ({error}).") from error
    except OSError as error:
        raise DataError(f"{path}: the file cannot be read ({error.strerror}).") from error


def _header(line: str, where: str) -> tuple[str, int, int]:
    parts = line[1:].strip().rsplit(maxsplit=2)
    if len(parts) != 3 or not (parts[1].isdecimal() and parts[2].isdecimal()) or "0" in parts[1:]:
        raise DataError(f"{where}: expected '# path width height', got {line!r}.")
    return parts[0], int(parts[1]), int(parts[2])


def _face(line: str, where: str) -> list[float]:
    """x1 y1 x2 y2, ignore flag, 5 x (x, y, flag)."""
    parts = line.split()
    if len(parts) not in (4, 5, 19):
        raise DataError(f"{where}: expected a face of 4, 5 or 19 numbers, got {len(parts)}: {line!r}.")
    values = _numbers(parts[:4] + (parts[4:] if len(parts) == 5 else ["0"]), line, where)
    values += _numbers(parts[4:] if len(parts) == 19 else _UNKNOWN_LANDMARKS, line, where)
    if values[4] not in (0, 1):
        raise DataError(f"{where}: expected 1 (ignore) or 0 as the fifth number, got {parts[4]}.")
    if values[4] == 0 and (values[2] <= values[0] or values[3] <= values[1]):
        raise DataError(f"{where}: expected x1 < x2 and y1 < y2, got {line!r}.")
    for point in range(5, 20, 3):
        if values[point + 2] < 0 and values[point : point + 3] != [-1, -1, -1]:
            raise DataError(f"{where}: expected landmarks with a flag of 0 or more, or -1 -1 -1, got {line!r}.")
    return values


def _wider_face(line: str, where: str) -> list[float]:
    """x y w h blur expression illumination invalid occlusion pose."""
    parts = line.split()
    if len(parts) != 10:
        raise DataError(f"{where}: expected x y w h and six attributes, got {line!r}.")
    return _numbers(parts, line, where)


def _numbers(parts: list[str], line: str, where: str) -> list[float]:
    try:
        values = [float(part) for part in parts]
    except ValueError as error:
        raise DataError(f"{where}: expected numbers, got {line!r}.") from error
    if not all(abs(value) < 1e9 for value in values):  # false for NaN too
        raise DataError(f"{where}: expected finite numbers of pixels, got {line!r}.")
    return values


def _size(path: Path, where: str) -> tuple[int, int]:
    try:
        with Image.open(path) as picture:
            width, height = picture.size
            turned = picture.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)  # and so is what is decoded
            return (height, width) if turned else (width, height)
    except PICTURE_ERRORS as error:
        raise DataError(f"{where}: the picture {path} cannot be opened ({error}).") from error
