"""`scrfd-edge bench` on the bundled model: the fields of the JSON, what --save does, what it refuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scrfd_edge import catalog
from scrfd_edge.backends.selection import factors_here
from scrfd_edge.cli import bench, make_app
from scrfd_edge.description import DESCRIPTIONS
from scrfd_edge.networks import SCRFD
from scrfd_edge.networks.checkpoint import save

QUICK = ["bench", "--rounds", "2", "--sizes", "64"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCRFD_EDGE_HOME", str(tmp_path / "home"))
    return tmp_path


def test_measures_saves_and_draws(home: Path) -> None:
    out, figure = home / "out.json", home / "out.png"
    arguments = [
        *QUICK,
        "--backends",
        "onnx",
        "--precisions",
        "fp32",
        "--json",
        str(out),
        "--plot",
        str(figure),
        "--save",
    ]
    result = CliRunner().invoke(make_app(), arguments)
    assert result.exit_code == 0, result.output
    (row,) = json.loads(out.read_text())
    assert {k: row[k] for k in ("model", "backend", "precision", "device", "threads", "frame", "tensor")} == {
        "model": "scrfd_500m_kps",
        "backend": "onnx",
        "precision": "fp32",
        "device": "cpu",
        "threads": 1,
        "frame": [1280, 720],
        "tensor": [64, 64],
    }
    assert set(row["ms"]) == {"pre", "network", "post", "total"}
    assert 0 < row["ms"]["network"] < row["ms"]["total"] and row["spread"][0] <= row["spread"][1]
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert factors_here() == ({("onnx", "fp32"): 1.0}, "this machine")


def test_save_without_the_reference_is_refused_before_measuring(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_measure", lambda *arguments: pytest.fail("measured"))
    result = CliRunner().invoke(make_app(), [*QUICK, "--backends", "onnx", "--precisions", "int8", "--save"])
    assert result.exit_code == 2 and "compares with fp32 on onnx" in str(result.stderr)


def test_a_file_opens_with_its_engines() -> None:
    result = CliRunner().invoke(make_app(), [*QUICK, "--models", str(catalog.BUNDLED / "scrfd_500m_kps.onnx")])
    assert result.exit_code == 0 and result.stdout.count(" onnx ") == 1 and "left out" not in result.stderr
    assert result.stdout.count(" openvino ") == 1 and "tflite" not in result.stdout


def test_an_engine_that_decodes_itself_is_timed_too(home: Path) -> None:
    net = SCRFD(DESCRIPTIONS["scrfd_500m"])
    save(home / "net.safetensors", net.state_dict(), net.description, {})
    arguments = [*QUICK, "--models", str(home / "net.safetensors"), "--json", str(home / "out.json")]
    assert CliRunner().invoke(make_app(), arguments).exit_code == 0
    (row,) = json.loads((home / "out.json").read_text())
    assert row["backend"] == "torch" and 0 < row["ms"]["network"] < row["ms"]["total"]


def test_every_file_of_a_model() -> None:
    result = CliRunner().invoke(make_app(), [*QUICK, "--json", "-"])
    assert result.exit_code == 0 and "left out" not in result.stderr
    rows = json.loads(result.stdout)
    assert {(row["backend"], row["precision"]) for row in rows} == {
        ("onnx", "fp32"),
        ("onnx", "int8"),
        ("openvino", "fp32"),
        ("openvino", "int8"),
        ("tflite", "fp16"),
        ("tflite", "int8"),
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--backends", "ncnn"], "Unknown back end 'ncnn'"),
        (["--sizes", "big"], "--sizes must be positive integers"),
        (["--threads", "0"], "--threads must be positive integers"),
        (["--frame", "720p"], "--frame must be WIDTHxHEIGHT"),
        (["--frame", "99999x99999"], "--frame must be 16384x16384 at most"),
        (["--rounds", "0"], "--rounds must be positive"),
        (["--models", "no_such_model"], "Unknown model 'no_such_model'"),
        (["--backends", "tflite", "--precisions", "fp32"], "Nothing could be measured"),
        (["--picture", "nothing.jpg"], "no such file"),
    ],
    ids=str,
)
def test_refusals(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(make_app(), [*QUICK, *arguments])
    assert result.exit_code == 2 and message in " ".join(result.stderr.split())
