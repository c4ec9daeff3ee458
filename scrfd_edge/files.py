"""Files that appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import SettingError


def make_folder(folder: Path) -> None:
    """So that a place that cannot be written is told before the work begins. Raises SettingError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(f"{folder}: the folder cannot be made ({error.strerror}).") from None


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`, of the same suffix, which takes its place when the block ends well.

    Makes the folder. What a link leads to is replaced, not the link; a device or a pipe is written as it is. Raises
    SettingError where the file cannot be written, and for the name of an open file such as /dev/stdout, when that is
    a file on the disk: what it holds already would be lost.
    """
    if os.path.isfile(path) and str(path.absolute()).startswith(("/dev/", "/proc/")):
        raise SettingError(f"{path} stands for a file that is open: give its own name, or - for standard output.")
    if os.path.exists(path) and not os.path.isfile(path):
        try:
            yield path
        except OSError as error:
            raise SettingError(f"{path} cannot be written: {error}.") from None
        return
    path = Path(os.path.realpath(path))
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


def write_file(path: str | Path, data: bytes | str) -> None:
    """Writes `data`, text as UTF-8. Raises SettingError."""
    with whole_file(Path(path)) as temporary:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)
