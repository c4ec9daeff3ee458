"""Detections as files: WIDER FACE's text format, one file per picture, and the JSON lines of `scrfd-edge detect`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from ..files import write_file
from .ground_truth import stem

Boxes = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


def write_text(
    directory: str | Path, detections: Mapping[str, tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]]
) -> None:
    """Writes EVENT/NAME.txt per picture: its name, the number of faces, then `x y w h score` by falling score.

    This is what the official tool and the submission server read. Scores keep the precision of a float32.
    """
    for name, (boxes, scores) in detections.items():
        path = Path(directory, stem(name) + ".txt")
        order = np.argsort(-np.asarray(scores), kind="stable")
        lines = [PurePosixPath(stem(name)).name, str(len(order))]
        for (x1, y1, x2, y2), score in zip(boxes[order].tolist(), scores[order].tolist(), strict=True):
            lines.append(f"{x1:.3f} {y1:.3f} {x2 - x1:.3f} {y2 - y1:.3f} {score:.9g}")
        write_file(path, "\n".join(lines) + "\n")


def read_text(directory: str | Path, names: Sequence[str]) -> dict[str, Boxes]:
    """Reads EVENT/NAME.txt of every picture in `names`. Raises DataError with the file and line of the first fault."""
    return {name: _read_picture(Path(directory, stem(name) + ".txt")) for name in names}


def read_json_lines(
    path: str | Path, names: Sequence[str]
) -> tuple[dict[str, Boxes], dict[str, npt.NDArray[np.float64]] | None]:
    """Reads what `scrfd-edge detect --json` wrote: boxes and scores, and landmarks where all faces have them.

    A line belongs to the picture of `names` with which its path ends, the longest; others are left out. Raises
    DataError for a line that is malformed, a picture without a line, and one that detect could not read.
    """
    wanted = {stem(name): name for name in names}
    depths = sorted({len(PurePosixPath(name).parts) for name in wanted}, reverse=True)
    found: dict[str, Boxes] = {}
    landmarks: dict[str, npt.NDArray[np.float64]] = {}
    complete = True
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: the detections cannot be read ({error}).") from error
    for number, line in enumerate(text.splitlines(), 1):
        try:
            record = json.loads(line)
            parts = PurePosixPath(stem(record["path"])).parts
            name = next((n for n in ("/".join(parts[-d:]) for d in depths) if n in wanted), None)
            if name is None:
                continue
            if "error" in record:
                raise DataError(f"{path}:{number}: {name} was not read by detect: {record['error']}")
            faces = record["faces"]
            boxes = np.array([face["box"] for face in faces], np.float64).reshape(len(faces), 4)
            scores = np.array([face["score"] for face in faces], np.float64).reshape(len(faces))
            points = [face["landmarks"] for face in faces]
            if any(five is None for five in points):
                complete = False
            else:
                landmarks[wanted[name]] = np.array(points, np.float64).reshape(len(faces), 5, 2)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{path}:{number}: not a line of `scrfd-edge detect --json` ({error!r}).") from error
        if wanted[name] in found:
            raise DataError(f"{path}:{number}: {name} was detected twice; expected still pictures, one line each.")
        found[wanted[name]] = boxes, scores
    missing = [name for name in names if name not in found]
    if missing:
        raise DataError(f"{path}: {len(missing)} of {len(names)} pictures have no line, {missing[0]} for one.")
    return found, landmarks if complete else None


def _read_picture(path: Path) -> Boxes:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: no such file; expected one for every picture, with 0 where no face is found."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: the detections cannot be read ({error}).") from error
    if len(lines) < 2 or not lines[1].strip().isdecimal():
        raise DataError(f"{path}:2: expected the number of faces below the name of the picture.")
    count = int(lines[1])
    rows = [(number, line.split()) for number, line in enumerate(lines[2:], 3) if line.strip()]
    if len(rows) != count:
        raise DataError(f"{path}: expected {count} faces as line 2 says, got {len(rows)}.")
    values = np.zeros((count, 5))
    for i, (number, parts) in enumerate(rows):
        try:
            x, y, width, height, score = map(float, parts)
        except ValueError as error:
            raise DataError(f"{path}:{number}: expected 'x y w h score', got {' '.join(parts)!r}.") from error
        values[i] = x, y, width, height, score
    if not np.isfinite(values).all():
        raise DataError(f"{path}: expected finite numbers 'x y w h score'.")
    return np.concatenate([values[:, :2], values[:, :2] + values[:, 2:4]], 1), values[:, 4]
