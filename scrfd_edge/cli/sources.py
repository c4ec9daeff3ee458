"""What a user names on the command line -> single pictures, videos and cameras."""

import glob
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import ImageError, ScrfdError
from ..image import ImageSource

PICTURES = frozenset(
    (
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".webp",
        ".bmp",
        ".tif",
        ".tiff",
        ".gif",
        ".jp2",
        ".ppm",
        ".pgm",
        ".heic",
        ".heif",
        ".avif",
    )
)
WRITABLE = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
"""Pictures that a drawing can be saved as."""
VIDEOS = frozenset((".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".3gp"))


@dataclass(frozen=True)
class Source:
    """One input. name: as the user will recognise it.

    place: where its drawing belongs below the output folder, with a suffix that can be written.
    """

    kind: Literal["picture", "video", "camera"]
    name: str
    place: Path

    def read(self) -> ImageSource:
        """What `scrfd_edge.image.load` takes; standard input for "-"."""
        return sys.stdin.buffer.read() if self.name == "-" else Path(self.name)


def expand(inputs: Iterable[str]) -> tuple[list[Source], list[tuple[str, ScrfdError]]]:
    """Folders (recursively), globs, files, camera numbers and "-" to single sources, each with a place of its own.

    Beside them the inputs that stand for nothing, a folder without pictures or a pattern without matches, and why.
    """
    used: set[Path] = set()
    sources: list[Source] = []
    problems: list[tuple[str, ScrfdError]] = []
    for text in inputs:
        try:
            found = list(_expand(text))
        except ImageError as error:
            problems.append((text, error))
            continue
        for source in found:
            place, n = source.place, 1
            while place in used:
                n += 1
                place = source.place.with_stem(f"{source.place.stem}-{n}")
            used.add(place)
            sources.append(Source(source.kind, source.name, place))
    return sources, problems


def _expand(text: str) -> Iterator[Source]:
    path = Path(text)
    if text == "-":
        yield Source("picture", "-", Path("stdin.png"))
    elif path.is_dir():
        yield from _below(path)
    elif not path.exists() and text.isdecimal() and int(text) < 10000:
        yield Source("camera", text, Path(f"camera-{text}.mp4"))
    elif not path.exists() and any(sign in text for sign in "*?["):
        names = sorted(glob.glob(text, recursive=True))
        if not names:
            raise ImageError(f"No file matches {text!r}.")
        for name in names:
            yield from _below(Path(name)) if Path(name).is_dir() else [_file(Path(name), Path(Path(name).name))]
    else:
        yield _file(path, Path(path.name))


def _below(folder: Path) -> list[Source]:
    wanted = PICTURES | VIDEOS
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in wanted and p.is_file())
    if not paths:
        raise ImageError(f"{folder} holds no pictures and no videos.")
    return [_file(path, path.relative_to(folder)) for path in paths]


def _file(path: Path, place: Path) -> Source:
    if path.suffix.lower() in VIDEOS:
        return Source("video", str(path), place.with_suffix(".mp4"))
    return Source("picture", str(path), place if place.suffix.lower() in WRITABLE else place.with_suffix(".png"))
