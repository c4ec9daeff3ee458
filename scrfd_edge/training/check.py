"""Looks at all pictures before the first step, so that bad data is told at once and by name."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from ..errors import DataError
from ..image import PICTURE_ERRORS
from .batches import WORKERS, Pictures

_SHOWN = 20


def load_pictures(pictures: Pictures, label: str) -> Iterator[int]:
    """Decodes every picture once (into the cache as far as its bound goes), yielding how many are done.

    label: the annotation file, for messages. Raises DataError with the file and line of each picture that is missing,
    truncated, of another size than its annotation says, and of each face outside its picture.
    """
    if len(pictures) == 0:
        raise DataError(f"{label}: expected at least one picture of 32 pixels or more with a face line; found none.")
    problems: list[str] = []
    with ThreadPoolExecutor(WORKERS) as pool:
        for done, found in enumerate(pool.map(lambda i: _problems(pictures, i), range(len(pictures))), 1):
            problems += found
            yield done
    if problems:
        more = f"\n... and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        shown = "\n".join(problems[:_SHOWN])
        raise DataError(f"{label}: {len(problems)} problems in its pictures:\n{shown}{more}")


def _problems(pictures: Pictures, index: int) -> list[str]:
    note = pictures.annotations[index]
    where = f"line {note.line}, {note.path}"
    try:
        height, width = pictures.picture(index).shape[:2]
    except FileNotFoundError:
        return [f"{where}: the picture is missing."]
    except PICTURE_ERRORS as error:
        return [f"{where}: the picture cannot be decoded ({error})."]
    if (width, height) != (note.width, note.height):
        return [f"{where}: the label says {note.width}x{note.height}, the picture has {width}x{height}."]
    centres = (note.boxes[:, :2] + note.boxes[:, 2:]) / 2
    outside = ((centres < 0) | (centres > (width, height))).any(1)
    return [f"line {note.line + 1 + int(i)}, {note.path}: the face lies outside." for i in outside.nonzero()[0]]
