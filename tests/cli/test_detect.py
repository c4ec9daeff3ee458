"""`scrfd-edge detect`: every kind of input, what it leaves behind, and its exit codes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from scrfd_edge import SettingError, catalog, image
from scrfd_edge.cli import make_app, video
from scrfd_edge.metadata import KEY

Array = npt.NDArray[Any]
Run = Callable[..., Result]
COMMAND = [sys.executable, "-m", "scrfd_edge.cli"]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    return lambda *args, **more: runner.invoke(make_app(), ["detect", *map(str, args)], **more)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """in/: two pictures at two depths, a text file, and a truncated picture."""
    data = catalog.SAMPLE.read_bytes()
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "a.jpg").write_bytes(data)
    Image.open(catalog.SAMPLE).save(tmp_path / "in" / "deep" / "b.png")
    (tmp_path / "in" / "notes.txt").write_text("not a picture")
    return tmp_path / "in"


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def left(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_sample_to_standard_output(run: Run) -> None:
    result = run("--sample")
    assert result.exit_code == 0
    (line,) = lines(result.stdout)
    assert (line["path"], line["frame"], line["width"], line["height"]) == (str(catalog.SAMPLE), 0, 512, 512)
    (face,) = line["faces"]
    assert set(face) == {"box", "score", "landmarks"} and np.array(face["landmarks"]).shape == (5, 2)
    assert line["ms"] > 0
    assert "1 faces in 1 pictures" in result.stderr


def test_folder_to_folder(run: Run, folder: Path, tmp_path: Path) -> None:
    result = run(folder, "-o", tmp_path / "out", "--json", tmp_path / "all.jsonl")
    assert result.exit_code == 0 and result.stdout == ""
    assert left(tmp_path / "out") == ["a.jpg", "deep/b.png"]
    assert [Path(line["path"]).name for line in lines((tmp_path / "all.jsonl").read_text())] == ["a.jpg", "b.png"]
    drawn = np.asarray(Image.open(tmp_path / "out" / "deep" / "b.png"))
    changed = (drawn != np.asarray(Image.open(catalog.SAMPLE))).any(2)
    assert 300 < changed.sum() < 5000, "box and landmarks, nothing else"


def test_globs_and_equal_names(run: Run, folder: Path, tmp_path: Path) -> None:
    result = run(f"{folder}/**/*.[jp][pn]g", folder / "a.jpg", "-o", tmp_path / "out", "--json", "-")
    assert result.exit_code == 0
    assert len(lines(result.stdout)) == 3
    assert left(tmp_path / "out") == ["a-2.jpg", "a.jpg", "b.png"]


def test_standard_input(run: Run, tmp_path: Path) -> None:
    result = run("-", "-o", "drawn.png", "--json", "-", input=catalog.SAMPLE.read_bytes())
    assert result.exit_code == 0
    assert lines(result.stdout)[0]["path"] == "-"
    assert Image.open(tmp_path / "drawn.png").size == (512, 512)


def test_options_reach_the_detector(run: Run, folder: Path) -> None:
    picture = folder / "a.jpg"
    assert len(lines(run(picture, "--threshold", "0.01").stdout)[0]["faces"]) > 5
    assert len(lines(run(picture, "--threshold", "0.01", "--max-faces", "2").stdout)[0]["faces"]) == 2
    assert lines(run(picture, "--threshold", "0.99").stdout)[0]["faces"] == []
    assert "(640, 192)" in run(picture, "--input-size", "640,192").stderr
    other = run(picture, "--model", catalog.BUNDLED / "scrfd_500m_kps.onnx", "--backend", "onnx")
    assert other.exit_code == 0


def test_a_bad_file_among_many(run: Run, folder: Path, tmp_path: Path) -> None:
    (folder / "broken.jpg").write_bytes(catalog.SAMPLE.read_bytes()[:20000])
    result = run(folder, tmp_path / "missing.jpg", "-o", tmp_path / "out", "--json", "-")
    assert result.exit_code == 1
    answers = lines(result.stdout)
    assert [("error" in a) for a in answers] == [False, True, False, True]
    assert set(answers[1]) == {"path", "error"} and "truncated" in answers[1]["error"]
    assert "broken.jpg" in result.stderr and "missing.jpg" in result.stderr
    assert left(tmp_path / "out") == ["a.jpg", "deep/b.png"]


def test_inputs_that_stand_for_nothing_among_others(run: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run("empty", folder / "a.jpg", "*.nothing")
    assert result.exit_code == 1
    assert [(line["path"], "error" in line) for line in lines(result.stdout)] == [
        ("empty", True),
        ("*.nothing", True),
        (str(folder / "a.jpg"), False),
    ]
    assert "holds no pictures" in result.stderr and "No file matches" in result.stderr
    result = run("empty", "*.nothing", "-o", "out")
    assert result.exit_code == 2 and not (tmp_path / "out").exists()


@pytest.fixture
def gif_and_png(tmp_path: Path) -> Path:
    """in/: a.gif and a.png, which a drawing of a.gif must not replace."""
    (tmp_path / "in").mkdir()
    for name in ("a.gif", "a.png"):
        Image.open(catalog.SAMPLE).save(tmp_path / "in" / name)
    return tmp_path / "in"


def test_two_sources_never_share_a_drawing(run: Run, gif_and_png: Path, tmp_path: Path) -> None:
    assert run(gif_and_png, "-o", "out").exit_code == 0
    assert left(tmp_path / "out") == ["a-2.png", "a.png"]


def test_a_drawing_never_replaces_an_input(run: Run, gif_and_png: Path) -> None:
    before = (gif_and_png / "a.png").read_bytes()
    result = run(gif_and_png, "-o", gif_and_png, "--json", "-")
    assert result.exit_code == 1 and "a.png is an input itself" in result.stderr
    assert (gif_and_png / "a.png").read_bytes() == before
    answers = [(Path(line["path"]).name, "error" in line) for line in lines(result.stdout)]
    assert answers == [("a.gif", True), ("a.png", False)], "one line each, also where drawing fails"
    assert left(gif_and_png) == ["a-2.png", "a.gif", "a.png"]


@pytest.mark.skipif(sys.platform != "linux", reason="only there a name may be any bytes")
def test_names_that_are_not_utf8(run: Run, clip: Path, tmp_path: Path) -> None:
    picture, film = (tmp_path / os.fsdecode(b"caf\xe9" + suffix) for suffix in (b".jpg", b".avi"))
    picture.write_bytes(catalog.SAMPLE.read_bytes())
    clip.rename(film)
    result = run(picture, film, tmp_path / os.fsdecode(b"\xe9.jpg"), "-o", "out", "--json", "all.jsonl")
    assert result.exit_code == 1
    answers = lines((tmp_path / "all.jsonl").read_text())
    assert [line["path"] for line in answers[:2]] == [str(picture), str(film)] and "error" in answers[-1]
    assert left(tmp_path / "out") == [picture.name, film.with_suffix(".mp4").name]


BAD: list[tuple[list[str], str]] = [
    ([], "--sample"),
    (["missing.jpg"], "no such file"),
    (["empty"], "no pictures"),
    (["*.jpeg"], "No file matches"),
    (["zero.jpg"], "empty"),
    (["text.jpg"], "not a picture"),
    (["text.mp4"], "not a video"),
    (["missing.mp4"], "no such file"),
    (["ok.jpg", "--model", "scrfd_500m_kpz"], "did you mean scrfd_500m_kps"),
    (["ok.jpg", "--model", "text.onnx"], "damaged"),
    (["ok.jpg", "--model", "insightface/scrfd_10g_kps"], "models download"),
    (["ok.jpg", "--backend", "caffe"], "Unknown back end"),
    (["ok.jpg", "--threshold", "1.5"], "score_threshold"),
    (["ok.jpg", "--input-size", "big"], "whole numbers"),
    (["ok.jpg", "--input-size", "0"], "input_size"),
    (["ok.jpg", "--max-faces", "0"], "max_faces"),
    (["ok.jpg", "--backend", "openvino", "--model", "net.xml"], "pip install 'scrfd-edge[openvino]'"),
    (["ok.jpg", "--model", "external.onnx"], "external data"),
    (["ok.jpg", "--model", "foreign.onnx"], "foreign.onnx: metadata format must be 1"),
    (["truncated.jpg"], "truncated"),
    (["large.png"], "more than 300,000 pixels"),
    (["99999999999"], "no such file"),
    (["²"], "no such file"),
    (["ok.jpg", "-o", "ok.jpg"], "is an input itself"),
    (["ok.jpg", "-o", "drawn.heic"], ".jpg, .jpeg, .png"),
    (["ok.jpg", "-o", "drawn.mp4"], ".jpg, .jpeg, .png"),
    (["text.mp4", "-o", "drawn.avi"], ".mp4"),
    (["ok.jpg", "ok.jpg", "-o", "text.jpg"], "is a file"),
    (["ok.jpg", "-o", "text.jpg/out"], "cannot be written"),
    (["ok.jpg", "--json", "text.jpg/out.jsonl"], "cannot be written"),
]


@pytest.mark.parametrize(("args", "message"), BAD, ids=lambda v: " ".join(v) if isinstance(v, list) else "")
def test_bad_input_is_one_line_and_exit_code_2(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], message: str
) -> None:
    monkeypatch.setenv("SCRFD_EDGE_HOME", str(tmp_path / "home"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "zero.jpg").touch()
    (tmp_path / "ok.jpg").write_bytes(catalog.SAMPLE.read_bytes())
    for name in ("text.jpg", "text.mp4", "text.onnx"):
        (tmp_path / name).write_text("text")
    (tmp_path / "truncated.jpg").write_bytes(catalog.SAMPLE.read_bytes()[:20000])
    Image.new("L", (600, 600)).save(tmp_path / "large.png")
    monkeypatch.setattr(image, "MAX_PIXELS", 300_000)
    (tmp_path / "net.xml").touch()
    monkeypatch.setitem(sys.modules, "openvino", None)  # as if it were not installed
    if "external.onnx" in args or "foreign.onnx" in args:
        proto = onnx.load(str(catalog.BUNDLED / "scrfd_500m_kps.onnx"))
        (entry,) = (prop for prop in proto.metadata_props if prop.key == KEY)
        entry.value = '{"format": 99}'
        onnx.save(proto, str(tmp_path / "foreign.onnx"))
        onnx.save(proto, str(tmp_path / "external.onnx"), save_as_external_data=True, size_threshold=0)
    before = left(tmp_path)
    result = run(*args)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert left(tmp_path) == before, "nothing is left behind"


@pytest.fixture
def clip(tmp_path: Path, portrait: Array) -> Path:
    """Five frames, the face moving right by 10 pixels each."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (512, 512))
    for i in range(5):
        writer.write(np.roll(portrait, 10 * i, axis=1))
    writer.release()
    return path


def test_video(run: Run, clip: Path, tmp_path: Path) -> None:
    result = run(clip, "-o", tmp_path / "out", "--json", "-")
    assert result.exit_code == 0
    answers = lines(result.stdout)
    assert [a["frame"] for a in answers] == [0, 1, 2, 3, 4]
    lefts = [a["faces"][0]["box"][0] for a in answers]
    np.testing.assert_allclose(np.diff(lefts), 10, atol=3)
    capture = cv2.VideoCapture(str(tmp_path / "out" / "clip.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 5
    assert left(tmp_path / "out") == ["clip.mp4"]


def test_video_to_a_named_file(run: Run, clip: Path, tmp_path: Path) -> None:
    assert run(clip, "-o", tmp_path / "seen.mp4").exit_code == 0
    assert (tmp_path / "seen.mp4").stat().st_size > 1000


class Camera:
    """A camera of 100 frames per second whose frames carry their number; Ctrl-C follows after some."""

    def __init__(self, frames: int, rate: float = 30.0) -> None:
        self.frames, self.rate, self.number = frames, rate, -1

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def get(self, what: int) -> float:
        return self.rate if what == cv2.CAP_PROP_FPS else -1.0

    def read(self) -> tuple[bool, Array | None]:
        time.sleep(0.01)
        self.number += 1
        if self.number >= self.frames:
            return False, None
        return True, np.full((48, 64, 3), self.number, np.uint8)

    def release(self) -> None:
        pass


def plug_in(monkeypatch: pytest.MonkeyPatch, camera: Camera) -> None:
    """Every index is this camera; files open as they are."""
    opened = cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", lambda name: camera if isinstance(name, int) else opened(name))


def test_a_camera_gives_only_the_newest_frame() -> None:
    newest = video.NewestFrame(Camera(40))
    seen = []
    while (frame := newest.read()) is not None:
        assert frame[0] == frame[1][0, 0, 0], "number and frame belong together"
        seen.append(frame[0])
        time.sleep(0.05)  # slower than the camera
    assert seen == sorted(set(seen))
    assert 4 < len(seen) < 20 and seen[-1] == 39
    newest.stop()


class Unplugged(Camera):
    def read(self) -> tuple[bool, Array | None]:
        raise cv2.error("unplugged")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_camera_that_breaks_ends() -> None:
    newest = video.NewestFrame(Unplugged(1))
    assert newest.read() is None
    newest.stop()


@pytest.mark.parametrize("rate", [-1.0, 0.0, float("nan"), float("inf")])
def test_a_camera_that_does_not_know_its_rate(monkeypatch: pytest.MonkeyPatch, rate: float) -> None:
    plug_in(monkeypatch, Camera(1, rate))
    opened = video.Video("0", camera=True)
    opened.close()
    assert opened.rate == 25


def test_camera(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, Camera(30))
    result = run("7", "-o", tmp_path / "out", "--json", "-")
    assert result.exit_code == 2  # it ended by itself
    assert all(a["path"] == "7" for a in lines(result.stdout))
    assert left(tmp_path / "out") == ["camera-7.mp4"]


def test_ctrl_c_ends_a_camera_well(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(self: video.NewestFrame) -> tuple[int, Array]:
        count.append(0)
        if len(count) > 3:
            raise KeyboardInterrupt
        return len(count), np.zeros((48, 64, 3), np.uint8)

    count: list[int] = []
    plug_in(monkeypatch, Camera(10**6))
    monkeypatch.setattr(video.NewestFrame, "read", read)
    result = run("0", "-o", tmp_path / "out", "--json", tmp_path / "seen.jsonl")
    assert result.exit_code == 0
    assert len(lines((tmp_path / "seen.jsonl").read_text())) == 3
    assert left(tmp_path / "out") == ["camera-0.mp4"]


def test_a_camera_that_stops_is_told_and_its_video_kept(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = iter([(i, np.zeros((48, 64, 3), np.uint8)) for i in range(3)])
    plug_in(monkeypatch, Camera(10**6))
    monkeypatch.setattr(video.NewestFrame, "read", lambda self: next(frames, None))
    result = run("0", "-o", tmp_path / "out", "--json", tmp_path / "seen.jsonl")
    assert result.exit_code == 2 and "Camera 0 stopped giving frames" in result.stderr
    assert ["error" in line for line in lines((tmp_path / "seen.jsonl").read_text())] == [False] * 3 + [True]
    assert left(tmp_path / "out") == ["camera-0.mp4"]


def test_a_video_that_lost_frames_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out.mp4"
    with pytest.raises(SettingError, match="holds 0 of 2 frames"), video.video_writer(target, 25) as write:
        for _ in range(2):
            write(np.zeros((48, 64, 3), np.uint8))
        monkeypatch.setattr(cv2.VideoCapture, "get", lambda self, what: 0.0)


def test_a_video_whose_frames_change_size_keeps_them_all(tmp_path: Path) -> None:
    with video.video_writer(tmp_path / "out.mp4", 25) as write:
        for width in (64, 80, 64):
            write(np.zeros((48, width, 3), np.uint8))
    made = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    assert made.get(cv2.CAP_PROP_FRAME_COUNT) == 3 and made.get(cv2.CAP_PROP_FRAME_WIDTH) == 64


def test_the_name_of_an_open_file_is_refused(run: Run, folder: Path, tmp_path: Path) -> None:
    log = tmp_path / "all.jsonl"
    log.write_text("before\n")
    with log.open("a") as opened:
        result = run(folder / "a.jpg", "--json", f"/proc/self/fd/{opened.fileno()}")
    assert result.exit_code == 2 and "stands for a file that is open" in result.stderr
    assert log.read_text() == "before\n"
    assert "cannot be written" in run(folder / "a.jpg", "--json", tmp_path / ("x" * 300)).stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in folders")
def test_json_goes_through_links_and_pipes(run: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real.jsonl")
    assert run(folder / "a.jpg", "--json", tmp_path / "link").exit_code == 0
    assert (tmp_path / "link").is_symlink() and len(lines((tmp_path / "real.jsonl").read_text())) == 1
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    assert run(folder / "a.jpg", "--json", tmp_path / "pipe").exit_code == 0
    assert (tmp_path / "pipe").is_fifo() and len(lines(os.read(reader, 1 << 16).decode())) == 1
    os.close(reader)


def test_a_camera_that_is_not_there(run: Run) -> None:
    result = run("97")
    assert result.exit_code == 2 and "Camera 97 cannot be opened" in result.stderr


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_leaves_whole_files_only(folder: Path, tmp_path: Path) -> None:
    for i in range(60):
        (folder / f"c{i:02}.jpg").write_bytes(catalog.SAMPLE.read_bytes())
    out = tmp_path / "out"
    command = [*COMMAND, "detect", str(folder), "-o", str(out), "--json", str(tmp_path / "all.jsonl")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not (out / "c00.jpg").exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, talk = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in talk
    written = left(out)
    assert 0 < len(written) < 62
    for name in written:
        assert not name.startswith(".")
        Image.open(out / name).load()
    assert left(tmp_path) == sorted(["out/" + n for n in written] + ["in/" + n for n in left(folder)])
