"""What `detect` leaves behind: JSON lines, drawn pictures and videos."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from PIL import Image

from ..errors import SettingError
from ..files import whole_file
from ..image import Pixels
from .sources import PICTURES, VIDEOS, WRITABLE, Source
from .video import video_writer


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
                print(json.dumps(line), file=file, flush=True)  # ASCII: names of files need not be UTF-8

        yield write


class Drawings:
    """Where each source's drawing goes: `out` itself for a single source that it fits, else a place below `out`."""

    def __init__(self, out: Path, sources: list[Source]) -> None:
        """Raises SettingError where `out` cannot take what these sources give."""
        suffix = out.suffix.lower()
        self._single = len(sources) == 1 and suffix in PICTURES | VIDEOS and not out.is_dir()
        if self._single:
            writable = WRITABLE if sources[0].kind == "picture" else (".mp4",)
            if suffix not in writable:
                raise SettingError(f"{out}: expected a folder or a file that ends in {', '.join(writable)}.")
        elif out.exists() and not out.is_dir():
            raise SettingError(f"{out} is a file, but {len(sources)} inputs need a folder.")
        self._out = out
        self._inputs = {_identity(Path(source.name)) for source in sources}

    def path_of(self, source: Source) -> Path:
        """Raises SettingError where the drawing would replace an input, its own or another."""
        path = self._out if self._single else self._out / source.place
        identity = _identity(path)
        if identity is not None and identity in self._inputs:
            raise SettingError(f"{path} is an input itself: choose another output.")
        return path

    def save(self, source: Source, drawn: Pixels) -> None:
        """Writes one picture, (H, W, 3) RGB."""
        with whole_file(self.path_of(source)) as path:
            try:
                Image.fromarray(drawn).save(path, quality=95)
            except ValueError as error:  # WebP ends at 16,383 pixels
                raise SettingError(f"{source.name} cannot be saved as {path.suffix}: {error}.") from None

    @contextmanager
    def video(self, source: Source, rate: float) -> Iterator[Callable[[Pixels], None]]:
        with whole_file(self.path_of(source)) as path, video_writer(path, rate) as write:
            yield write


def _identity(path: Path) -> tuple[int, int] | None:
    """Equal for all names of one file, None where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
