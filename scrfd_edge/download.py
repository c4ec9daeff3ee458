"""Fetches one file of the catalog over https, checks its hash, and puts it into the cache folder whole."""

import hashlib
import os
import shutil
import tempfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import urlsplit

from .catalog import ModelFile, cache_folder
from .errors import DownloadError

Progress = Callable[[int, int | None], None]
"""Called with the bytes read so far and their total, None where the server does not say."""

_BLOCK = 1 << 16
_SECONDS = 30.0


def download(file: ModelFile, progress: Progress | None = None, *, _schemes: tuple[str, ...] = ("https",)) -> Path:
    """Fetches `file` and returns its path in the cache folder; a copy that is there already is checked and kept.

    The file appears under its name only after its SHA-256 is right, in one step, so that several processes may do
    this at once. Raises DownloadError when the network, the server, the hash or the disk says no.
    """
    if file.url is None:
        raise DownloadError(f"{file.name} is part of the package: there is nothing to download.")
    target = cache_folder() / file.name
    try:
        if target.is_file() and _sha256(target) == file.sha256:
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        with _temporary(target) as fetched:
            _fetch(file.url, fetched, progress, _schemes)
            if file.member is None:
                _install(fetched, target, file)
            else:
                with _temporary(target) as unpacked:
                    _unpack(fetched, file.member, unpacked)
                    _install(unpacked, target, file)
    except OSError as error:
        raise DownloadError(f"{target} cannot be written: {error}.") from None
    return target


def _fetch(url: str, path: Path, progress: Progress | None, schemes: tuple[str, ...]) -> None:
    _check_scheme(url, schemes)
    opener = urllib.request.build_opener(_Redirects(schemes))
    try:
        with opener.open(url, timeout=_SECONDS) as answer, path.open("wb") as out:
            length = answer.headers.get("Content-Length")
            total = int(length) if length and length.isdigit() else None
            done = 0
            for block in iter(lambda: answer.read(_BLOCK), b""):
                out.write(block)
                done += len(block)
                if progress is not None:
                    progress(done, total)
    except urllib.error.HTTPError as error:
        raise DownloadError(f"{url}: the server answered {error.code} {error.reason}.") from None
    except urllib.error.URLError as error:
        raise DownloadError(f"{url} cannot be reached: {error.reason}. Is there a network?") from None
    except (TimeoutError, ConnectionError, HTTPException) as error:
        raise DownloadError(f"{url}: the connection broke ({error!r}); try again.") from None
    if total is not None and done != total:
        raise DownloadError(f"{url}: the transfer ended after {done:,} of {total:,} bytes; try again.")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to the allowed schemes only."""

    def __init__(self, schemes: tuple[str, ...]) -> None:
        self._schemes = schemes

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        _check_scheme(newurl, self._schemes)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_scheme(url: str, schemes: tuple[str, ...]) -> None:
    if urlsplit(url).scheme not in schemes:
        raise DownloadError(f"{url} is not an https address: refused.")


def _unpack(archive: Path, member: str, path: Path) -> None:
    """Writes the archive's file called `member`, in whatever folder of the archive it lies."""
    try:
        with zipfile.ZipFile(archive) as zipped:
            names = [name for name in zipped.namelist() if PurePosixPath(name).name == member]
            if len(names) != 1:
                raise DownloadError(f"The archive holds {len(names)} files called {member}; expected one.")
            with zipped.open(names[0]) as source, path.open("wb") as out:
                shutil.copyfileobj(source, out)
    except (zipfile.BadZipFile, EOFError, RuntimeError, zlib.error) as error:  # RuntimeError: encrypted, unknown method
        raise DownloadError(f"The archive with {member} is damaged: {error}.") from None


def _install(path: Path, target: Path, file: ModelFile) -> None:
    came = _sha256(path)
    if came != file.sha256:
        raise DownloadError(
            f"{file.url} is not what the catalog promises for {file.name}: SHA-256 is {came}, expected {file.sha256}. "
            "Nothing was kept."
        )
    path.chmod(0o644)  # mkstemp's files are for their owner alone, models for every user of the machine
    os.replace(path, target)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(_BLOCK), b""):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    """A new name beside `target`, gone afterwards whatever happens."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    os.close(handle)
    path = Path(name)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
