"""Downloads against a server of our own: what arrives is whole and right, or an error and no file."""

import hashlib
import io
import multiprocessing
import socket
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from scrfd_edge import DownloadError
from scrfd_edge.catalog import ModelFile
from scrfd_edge.download import download

BODY = bytes(range(256)) * 2000
SHA = hashlib.sha256(BODY).hexdigest()


def zipped(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, BODY)
    return out.getvalue()


class Server(BaseHTTPRequestHandler):
    """Answers by path."""

    def do_GET(self) -> None:
        answers = {
            "/good": BODY,
            "/wrong": b"something else",
            "/truncated": BODY[:5000],
            "/one.zip": zipped("folder/det.onnx", "other.onnx"),
            "/none.zip": zipped("other.onnx"),
            "/two.zip": zipped("det.onnx", "b/det.onnx"),
            "/bad.zip": zipped("det.onnx")[:-40],
        }
        if self.path in ("/moved", "/elsewhere"):
            self.send_response(302)
            self.send_header("Location", "/good" if self.path == "/moved" else "ftp://localhost/good")
            self.end_headers()
        elif self.path in answers:
            body = answers[self.path]
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY) if self.path == "/truncated" else len(body)))
            self.end_headers()
            self.wfile.write(body)
        else:
            self.send_error(404)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCRFD_EDGE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def fetch(url: str, member: str | None = None, sha256: str = SHA) -> Path:
    return download(ModelFile("maker/det.onnx", "fp32", sha256, url, member), _schemes=("http",))


def files(home: Path) -> list[str]:
    return sorted(str(p.relative_to(home)) for p in home.rglob("*") if p.is_file())


@pytest.mark.parametrize(("path", "member"), [("/good", None), ("/moved", None), ("/one.zip", "det.onnx")])
def test_what_arrives_is_whole(address: str, home: Path, path: str, member: str | None) -> None:
    fetched = fetch(address + path, member)
    assert fetched.read_bytes() == BODY and fetched.stat().st_mode & 0o444 == 0o444  # other users may read it
    assert files(home) == ["maker/det.onnx"]


def test_progress_and_a_copy_that_is_there_already(address: str) -> None:
    seen: list[tuple[int, int | None]] = []
    file = ModelFile("det.onnx", "fp32", SHA, address + "/good")
    path = download(file, lambda done, total: seen.append((done, total)), _schemes=("http",))
    assert seen[-1] == (len(BODY), len(BODY)) and sorted(seen) == seen
    seen.clear()
    download(file, lambda done, total: seen.append((done, total)), _schemes=("http",))
    assert seen == []
    path.write_bytes(b"damaged later")
    assert download(file, _schemes=("http",)).read_bytes() == BODY


@pytest.mark.parametrize(
    ("path", "member", "message"),
    [
        ("/wrong", None, "SHA-256 is .* expected"),
        ("/truncated", None, "after 5,000 of 512,000 bytes"),
        ("/missing", None, "404"),
        ("/elsewhere", None, "refused"),
        ("/none.zip", "det.onnx", "0 files called det.onnx"),
        ("/two.zip", "det.onnx", "2 files called det.onnx"),
        ("/bad.zip", "det.onnx", "damaged"),
        ("/good", "det.onnx", "damaged"),
    ],
)
def test_what_is_wrong_is_not_kept(address: str, home: Path, path: str, member: str | None, message: str) -> None:
    with pytest.raises(DownloadError, match=message):
        fetch(address + path, member)
    assert files(home) == []


def test_a_bad_download_leaves_the_old_file_alone(address: str, home: Path) -> None:
    (home / "maker").mkdir(parents=True)
    (home / "maker" / "det.onnx").write_bytes(b"old")
    with pytest.raises(DownloadError):
        fetch(address + "/wrong")
    assert (home / "maker" / "det.onnx").read_bytes() == b"old"


def test_no_network() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DownloadError, match="network"):
        fetch(f"http://127.0.0.1:{port}/good")


def test_only_https(address: str) -> None:
    with pytest.raises(DownloadError, match="not an https address"):
        download(ModelFile("det.onnx", "fp32", SHA, address + "/good"))


def test_bundled_files_are_not_downloaded() -> None:
    with pytest.raises(DownloadError, match="part of the package"):
        download(ModelFile("det.onnx", "fp32", SHA))


def test_a_cache_folder_that_cannot_be(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SCRFD_EDGE_HOME", str(tmp_path / "file"))
    with pytest.raises(DownloadError, match="cannot be written"):
        fetch(address + "/good")


def test_two_processes_at_once(address: str, home: Path) -> None:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        paths = pool.map(fetch, [address + "/good"] * 2, chunksize=1)
    assert [p.read_bytes() == BODY for p in paths] == [True, True]
    assert files(home) == ["maker/det.onnx"]
