"""Whole conversions of the bundled model, and everything that stops one: nothing may be left behind."""

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from scrfd_edge_converters import conversion
from scrfd_edge_converters.calibration import FEWEST, choose_pictures
from scrfd_edge_converters.conversion import PRECISIONS, SUFFIXES, Request, convert
from scrfd_edge_converters.source import open_source
from scrfd_edge_converters.verify import BOUNDS, Agreement, Bounds
from typer.testing import CliRunner

from scrfd_edge import BackendError, DataError, FaceDetector, ModelError, SettingError, catalog
from scrfd_edge.backends.base import BACKENDS
from scrfd_edge.cli import make_app
from scrfd_edge.description import DESCRIPTIONS
from scrfd_edge.networks import SCRFD
from scrfd_edge.networks.checkpoint import save

onnxruntime: Any = importlib.import_module("onnxruntime")

BUNDLED = catalog.BUNDLED / "scrfd_500m_kps.onnx"
EVERY = [(target, precision) for target, precisions in PRECISIONS.items() for precision in precisions]
Converted = Callable[[str, str], Path]


def quiet(what: str, done: int, of: int) -> None:
    pass


@pytest.mark.parametrize(("target", "precision"), EVERY)
def test_finds_the_same_face(target: str, precision: str, converted: Converted, portrait: np.ndarray) -> None:
    path = converted(target, precision)
    here, there = FaceDetector(BUNDLED).detect(portrait), FaceDetector(path).detect(portrait)
    assert len(here) == len(there) == 1
    tolerance = {"fp32": 0.02, "fp16": 0.5}.get(precision, 8)
    np.testing.assert_allclose(there.boxes, here.boxes, atol=tolerance)
    assert here.landmarks is not None and there.landmarks is not None
    np.testing.assert_allclose(there.landmarks, here.landmarks, atol=tolerance)


@pytest.mark.parametrize(("target", "precision"), EVERY)
def test_metadata_travel(target: str, precision: str, converted: Converted) -> None:
    backend = FaceDetector(converted(target, precision))._backend
    m = backend.metadata
    assert (m.model, m.precision, m.landmarks) == ("scrfd_500m_kps", precision, True)
    assert m.source_sha256 == open_source(BUNDLED).metadata.source_sha256
    assert m.tool is not None and m.tool.startswith("scrfd-edge ")
    assert (m.calibration is not None) == precision.startswith("int8")
    assert m.score_threshold == open_source(BUNDLED).metadata.score_threshold
    if target == "tflite":
        assert (m.layout, m.dtype) == ("NHWC", "int8" if precision.startswith("int8") else "float32")


def test_a_smaller_file(converted: Converted) -> None:
    size = {
        (t, p): converted(t, p).with_suffix(".bin" if t == "openvino" else SUFFIXES[t]).stat().st_size for t, p in EVERY
    }
    for target in PRECISIONS:
        assert size[target, "int8"] < 0.4 * size[target, "fp32"]
        assert size[target, "fp16"] < 0.6 * size[target, "fp32"]


@pytest.mark.parametrize("target", PRECISIONS)
def test_group_norm_and_checkpoints_convert(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = SCRFD(DESCRIPTIONS["scrfd_500m"])
    save(tmp_path / "net.safetensors", net.state_dict(), net.description, {})
    # Random weights find no face to compare.
    monkeypatch.setattr(conversion, "check", lambda *_: Agreement(0, 1, 0, 0, 0, None))
    out = tmp_path / f"out{SUFFIXES[target]}"
    convert(Request(tmp_path / "net.safetensors", target, "fp32", out), quiet)
    assert not FaceDetector(out)._backend.metadata.landmarks


@pytest.mark.parametrize("target", PRECISIONS)
def test_a_fixed_size(target: str, tmp_path: Path, portrait: np.ndarray) -> None:
    out = tmp_path / f"out{SUFFIXES[target]}"
    convert(Request(BUNDLED, target, "fp32", out, size=(384, 640)), quiet)
    detector = FaceDetector(out)
    assert detector.input_shape == (384, 640)
    assert len(detector.detect(portrait)) == 1


def test_a_file_without_batch_dimension(tmp_path: Path) -> None:
    single, usual = tmp_path / "single.onnx", tmp_path / "usual.onnx"
    command = ["convert", str(BUNDLED), "--to", "onnx", "-o"]
    assert CliRunner().invoke(make_app(), [*command, str(single), "--single"]).exit_code == 0
    assert CliRunner().invoke(make_app(), [*command, str(usual)]).exit_code == 0
    x = np.random.default_rng(0).uniform(-1, 1, (1, 3, 64, 96)).astype(np.float32)
    sessions = [onnxruntime.InferenceSession(path) for path in (single, usual)]
    rows = [out.shape for out in sessions[0].get_outputs()]
    assert [len(shape) for shape in rows] == [2] * 9 and sessions[0].get_inputs()[0].shape[0] == 1
    for one, whole in zip(*(s.run(None, {s.get_inputs()[0].name: x}) for s in sessions), strict=True):
        np.testing.assert_array_equal(one, whole[0])
    convert(Request(single, "onnx", "fp32", tmp_path / "again.onnx"), quiet)


def test_the_command_reports_layers(tmp_path: Path, photographs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "int8.onnx"
    arguments = ["convert", str(BUNDLED), "--to", "onnx", "--precision", "int8", "-o", str(out), "--report"]
    result = CliRunner().invoke(make_app(), [*arguments, "--calibration", str(photographs), "--pictures", "20"])
    assert result.exit_code == 0, result.output
    assert "predictions_8" in result.stdout and "faces agree" in result.stderr and out.exists()
    again = CliRunner().invoke(make_app(), [*arguments, "--calibration", str(photographs)])
    assert again.exit_code == 2 and "--force" in again.stderr
    monkeypatch.setitem(BOUNDS, "int8", Bounds(0, 0, 0, 0, 0))
    failed = CliRunner().invoke(
        make_app(), [*arguments, "--force", "--calibration", str(photographs), "--pictures", "20"]
    )
    assert failed.exit_code == 2 and "predictions_8" in failed.stdout  # what lost most is told all the more


def test_the_seed_fixes_the_pictures(photographs: Path) -> None:
    assert choose_pictures(photographs, 5, 1) == choose_pictures(photographs, 5, 1)
    assert choose_pictures(photographs, 5, 1) != choose_pictures(photographs, 5, 2)
    left_out = frozenset({"00.png", "01.png"})
    assert {p.name for p in choose_pictures(photographs, 99, 0, left_out)} == {f"{i:02}.png" for i in range(2, 24)}
    with pytest.raises(DataError, match=r"None of the 1 pictures .* relative to it, got 'photographs/00.png'"):
        choose_pictures(photographs, 99, 0, frozenset({"photographs/00.png"}))


@pytest.mark.parametrize(("count", "calibrated"), [(2, 2), (4, 4), (10, 10), (300, 24)])
def test_as_many_pictures_calibrate_as_are_asked_for(
    count: int, calibrated: int, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths: list[Path] = []
    checked: list[Path] = []

    def stop(source: object, given: list[Path], progress: object) -> None:
        paths.extend(given)
        raise KeyboardInterrupt

    monkeypatch.setattr(conversion, "_statistics", stop)
    monkeypatch.setattr(conversion, "read_pictures", checked.extend)
    request = Request(BUNDLED, "onnx", "int8", tmp_path / "out.onnx", calibration=photographs, pictures=count)
    with pytest.raises(KeyboardInterrupt):
        convert(request, quiet)
    assert len(set(paths)) == calibrated and len(checked) == 20
    assert not set(paths) & set(checked) or calibrated + 20 > 24


def test_a_source_of_one_size_keeps_it(tmp_path: Path) -> None:
    convert(Request(BUNDLED, "onnx", "fp32", tmp_path / "fixed.onnx", size=(384, 640)), quiet)
    with pytest.raises(SettingError, match="fixed.onnx takes 640x384 alone: leave --size away"):
        convert(Request(tmp_path / "fixed.onnx", "onnx", "fp32", tmp_path / "out.onnx", size=(320, 320)), quiet)
    assert not (tmp_path / "out.onnx").exists()


REQUEST = Request(BUNDLED, "onnx", "fp32", Path("out.onnx"))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"target": "ncnn"}, SettingError, "'ncnn'.*onnx, openvino, tflite"),
        ({"precision": "int4"}, SettingError, "fp32, fp16, int8"),
        ({"out": Path("out.bin")}, SettingError, "must end in .onnx"),
        ({"out": Path("nowhere/out.onnx")}, SettingError, "no folder that can be written to"),
        ({"out": Path("folder.onnx"), "force": True}, SettingError, "is a folder"),
        ({"size": (100, 640)}, SettingError, "multiples of 32, got 640x100"),
        ({"report": print}, SettingError, "--report tells what layers lose in int8"),
        ({"exclude": frozenset({"a.jpg"})}, SettingError, "--exclude names pictures of the --calibration folder"),
        ({"seed": -1}, SettingError, "seed must be 0 or more"),
        ({"single": True, "target": "tflite", "out": Path("out.tflite")}, SettingError, "for ONNX, not for tflite"),
        ({"precision": "int8"}, SettingError, "--calibration"),
        ({"precision": "int8", "calibration": Path("nowhere")}, DataError, "expected a folder"),
        ({"precision": "int8", "calibration": Path()}, DataError, f"at least {FEWEST}"),
        ({"source": Path("nothing.onnx")}, ModelError, "cannot be read"),
        ({"source": Path("text.onnx")}, ModelError, "damaged, truncated or no ONNX"),
        ({"source": Path("text.pt")}, ModelError, "expected an .onnx or .safetensors"),
        ({"source": Path("half.onnx")}, ModelError, "damaged, truncated"),
    ],
    ids=str,
)
def test_what_stops_a_conversion(
    change: dict[str, object],
    error: type[Exception],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder.onnx").mkdir()
    Path("text.onnx").write_text("no model")
    Path("text.pt").write_text("no model")
    Path("half.onnx").write_bytes(BUNDLED.read_bytes()[:100_000])
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(error, match=message):
        convert(replace(REQUEST, **change), quiet)  # type: ignore[arg-type]
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_group_norm_has_no_integers(tmp_path: Path) -> None:
    """Said before calibration begins, which would not find its folder."""
    net = SCRFD(DESCRIPTIONS["scrfd_500m"])
    save(tmp_path / "net.safetensors", net.state_dict(), net.description, {})
    request = Request(tmp_path / "net.safetensors", "tflite", "int8-io", tmp_path / "o.tflite")
    with pytest.raises(SettingError, match="group norm.*choose int8"):
        convert(replace(request, calibration=tmp_path / "nowhere"), quiet)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no JSON", "expected metadata in JSON"),
        ('{"format": 2}', "format"),
        ('{"format": 1, "model": "a"}', "must be"),
        ('"landmarks": false', "disagree about landmarks"),
    ],
)
def test_foreign_metadata(text: str, message: str, tmp_path: Path) -> None:
    model = onnx.load(BUNDLED)
    (entry,) = model.metadata_props
    entry.value = entry.value.replace('"landmarks": true', text) if "landmarks" in text else text
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=message) as raised:
        convert(replace(REQUEST, source=tmp_path / "m.onnx", out=tmp_path / "o.onnx"), quiet)
    assert str(raised.value).count(str(tmp_path / "m.onnx")) == 1
    assert not (tmp_path / "o.onnx").exists()


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_leaves_nothing_behind(name: str, tmp_path: Path) -> None:
    """One that comes when the file lies, unchecked, in its temporary folder."""
    code = (
        "import signal\n"
        "from scrfd_edge_converters import conversion\n"
        "from scrfd_edge.cli import main\n"
        "def check(out, *_):\n"
        "    assert list(out.parent.glob('.scrfd-edge-*'))\n"
        f"    signal.raise_signal(signal.{name})\n"
        "conversion.check = check\n"
        "main()\n"
    )
    arguments = ("convert", str(BUNDLED), "--to", "onnx", "--out", str(tmp_path / "o.onnx"))
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "scrfd-edge: stopped\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("target", PRECISIONS)
def test_an_engine_that_is_missing(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKENDS, target, replace(BACKENDS[target], packages=("no_such_engine",)))
    with pytest.raises(BackendError, match=f"engine for {target} is not installed: pip install"):
        convert(Request(BUNDLED, target, "fp32", tmp_path / f"o{SUFFIXES[target]}"), quiet)


def test_an_unreadable_photograph(tmp_path: Path, photographs: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(FEWEST):
        (folder / f"{i}.png").write_text("no picture")
    with pytest.raises(DataError, match=r"calibration cannot be used: .*\.png"):
        convert(replace(REQUEST, precision="int8", calibration=folder, out=tmp_path / "o.onnx"), quiet)
    assert not (tmp_path / "o.onnx").exists()


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(conversion, "_write", full)
    with pytest.raises(SettingError, match="o.onnx cannot be written: .*No space left"):
        convert(replace(REQUEST, out=tmp_path / "o.onnx"), quiet)
    assert list(tmp_path.iterdir()) == []


def test_quantized_files_are_no_source(converted: Converted, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds int8: convert from the FP32 file"):
        convert(replace(REQUEST, source=converted("onnx", "int8"), out=tmp_path / "o.onnx"), quiet)


@pytest.mark.parametrize("target", PRECISIONS)
def test_a_worse_file_is_not_kept(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights of one layer are spoiled between reading and writing."""
    real = open_source

    def spoiled(path: Path) -> object:
        source = real(path)
        last = source.network.layers[-10]
        broken = replace(last, bias=last.bias + 0.7)  # type: ignore[union-attr, arg-type]
        layers = (*source.network.layers[:-10], broken, *source.network.layers[-9:])
        return replace(source, network=replace(source.network, layers=layers))

    monkeypatch.setattr(conversion, "open_source", spoiled)
    out = tmp_path / f"o{SUFFIXES[target]}"
    with pytest.raises(ModelError, match="does not find the faces of its source and was not kept"):
        convert(Request(BUNDLED, target, "fp32", out), quiet)
    assert list(tmp_path.iterdir()) == []


def test_every_precision_has_bounds() -> None:
    assert set(BOUNDS) == {precision for precisions in PRECISIONS.values() for precision in precisions}


@pytest.mark.parametrize("field", ["outputs", "lost", "box", "score", "landmarks"])
def test_each_bound_is_kept(field: str) -> None:
    good = Agreement(outputs=0, faces=100, lost=0, box=0, score=0, landmarks=0)
    assert good.problems(BOUNDS["int8"]) == []
    assert "landmarks" in str(good) and "landmarks" not in str(replace(good, landmarks=None))
    assert replace(good, landmarks=None).problems(BOUNDS["int8"]) == []
    assert len(replace(good, **{field: 50}).problems(BOUNDS["int8"])) == 1
    assert len(replace(good, **{field: float("nan")}).problems(BOUNDS["int8"])) == 1  # type: ignore[arg-type]
