"""What `detect` leaves behind: JSON lines, drawn pictures and videos. Files appear whole or not at all."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from PIL import Image

from ..errors import SettingError
from ..image import Pixels
from .sources import PICTURES, VIDEOS, Source
from .video import video_writer

_WRITABLE = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"))


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`, of the same suffix, which takes its place when the block ends well."""
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if temporary.exists():
            os.replace(temporary, path)
    except OSError as error:
        raise SettingError(f"{path} cannot be written: {error}.") from None
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def json_lines(target: str | None) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Gives a function that writes one JSON object per line: to a file, to standard output ("-"), nowhere (None)."""
    with ExitStack() as stack:
        file: IO[str] | None = None
        if target == "-":
            file = sys.stdout
        elif target is not None:
            file = stack.enter_context(stack.enter_context(whole_file(Path(target))).open("w", encoding="utf-8"))

        def write(line: dict[str, Any]) -> None:
            if file is not None:
                print(json.dumps(line, ensure_ascii=False), file=file, flush=True)

        yield write


class Drawings:
    """Where each source's drawing goes: `out` itself for a single source that it fits, else a place below `out`."""

    def __init__(self, out: Path, sources: list[Source]) -> None:
        kinds = PICTURES if sources[0].kind == "picture" else VIDEOS
        self._single = len(sources) == 1 and out.suffix.lower() in kinds and not out.is_dir()
        if not self._single and out.exists() and not out.is_dir():
            raise SettingError(f"{out} is a file, but {len(sources)} inputs need a folder.")
        self._out = out

    def path_of(self, source: Source) -> Path:
        """Raises SettingError where the drawing would replace its own source."""
        path = self._out if self._single else self._out / source.place
        suffixes = _WRITABLE if source.kind == "picture" else {".mp4"}
        if path.suffix.lower() not in suffixes:
            path = path.with_suffix(".png" if source.kind == "picture" else ".mp4")
        if path.exists() and os.path.exists(source.name) and path.samefile(source.name):
            raise SettingError(f"{path} is the input itself: choose another output.")
        return path

    def save(self, source: Source, drawn: Pixels) -> None:
        """Writes one picture, (H, W, 3) RGB."""
        with whole_file(self.path_of(source)) as path:
            Image.fromarray(drawn).save(path, quality=95)

    @contextmanager
    def video(self, source: Source, rate: float) -> Iterator[Callable[[Pixels], None]]:
        with whole_file(self.path_of(source)) as path, video_writer(path, rate) as write:
            yield write
