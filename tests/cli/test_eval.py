"""`scrfd-edge eval`, by its command line."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from scrfd_edge.cli import make_app
from scrfd_edge.cli.eval import model_name
from scrfd_edge.evaluation.detections import write_text

NAMES = "a", "b", "blank"


@pytest.fixture
def data(tmp_path: Path, portrait: npt.NDArray[np.uint8]) -> Path:
    """label.txt and images/ with the portrait, which holds one face, twice, and a blank picture."""
    images = tmp_path / "images/e"
    images.mkdir(parents=True)
    Image.fromarray(portrait[:, :, ::-1]).save(images / "a.png")
    Image.fromarray(portrait[:, ::-1, ::-1]).save(images / "b.png")
    Image.new("RGB", (64, 48)).save(images / "blank.png")
    height, width = portrait.shape[:2]
    (tmp_path / "label.txt").write_text(
        f"# e/a.png {width} {height}\n170 50 285 210\n# e/b.png {width} {height}\n{width - 285} 50 {width - 170} 210\n"
        "# e/blank.png 64 48\n"
    )
    return tmp_path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(make_app(), ["eval", *map(str, arguments)])


def test_model_on_annotations(data: Path) -> None:
    options: list[str | Path] = [
        "--model",
        "scrfd_500m_kps",
        "--backend",
        "onnx",
        "--precision",
        "fp32",
        "--images",
        data / "images",
        "--ground-truth",
        data / "label.txt",
    ]
    outputs: list[str | Path] = ["--json", data / "out/eval.json", "--plot", data / "plots", "--write", data / "text"]
    result = run(*options, *outputs)
    assert result.exit_code == 0, result.output
    assert "scrfd_500m_kps onnx fp32 square640" in " ".join(result.stdout.split())
    figures = json.loads((data / "out/eval.json").read_text())
    assert {k: figures[k] for k in ("model", "backend", "precision", "size", "images")} == {
        "model": "scrfd_500m_kps", "backend": "onnx", "precision": "fp32", "size": "square640", "images": 3,
    }  # fmt: skip
    assert figures["hard"] > 90 and figures["ms_per_image"] > 0
    assert {row["size"]: row["faces"] for row in figures["recall_by_size"] if row["faces"]} == {"128-256": 2}
    assert figures["easy"] == figures["medium"] == figures["hard"]  # both faces are larger than 32 pixels
    assert (data / "plots/hard.png").exists() and (data / "text/e/blank.txt").exists()

    again = run("--detections", data / "text", "--ground-truth", data / "label.txt", "--json", "-")
    assert again.exit_code == 0, again.output
    stored = json.loads(again.stdout)
    assert stored["hard"] == figures["hard"] and stored["operating_point"] == figures["operating_point"]
    assert (stored["backend"], stored["ms_per_image"], stored["landmark_error"]) == (None, None, None)


def test_only_the_pictures_of_a_list(data: Path) -> None:
    (data / "list.txt").write_text("e/b.png\n")
    result = run(
        "--model", "scrfd_500m_kps", "--images", data / "images", "--ground-truth", data / "label.txt",
        "--list", data / "list.txt", "--size", "original", "--json", "-",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert (figures["images"], figures["size"]) == (1, "original") and figures["hard"] > 90
    (data / "list.txt").write_text("e/c.png\n")
    bad = run("--detections", data, "--ground-truth", data / "label.txt", "--list", data / "list.txt")
    assert bad.exit_code == 2 and "e/c.png is not annotated" in bad.stderr


def test_json_lines_with_landmarks(data: Path) -> None:
    (data / "one.txt").write_text("e/a.png\n")
    (data / "label.txt").write_text(
        "# e/a.png 512 512\n100 100 200 200 " + " ".join(f"{120 + 10 * i} 150 1" for i in range(5)) + "\n"
    )
    landmarks = [[125 + 10 * i, 150] for i in range(5)]
    face = {"box": [100, 100, 200, 200], "score": 0.9, "landmarks": landmarks}
    (data / "faces.json").write_text(json.dumps({"path": "images/e/a.png", "faces": [face]}) + "\n")
    options: list[str | Path] = [
        "--ground-truth",
        data / "label.txt",
        "--list",
        data / "one.txt",
        "--images",
        data / "images",
    ]
    result = run("--detections", data / "faces.json", *options, "--json", "-")
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert (figures["model"], figures["hard"]) == ("faces.json", 100.0)
    assert figures["landmark_error"] == {"faces": 1, "mean": 5.0, "median": 5.0}
    text = run("--detections", data / "faces.json", *options).stdout
    assert "Landmarks off by 5.00 %" in text and "recall 100.00 %" in text


def test_figures_that_cannot_be_written_are_shown_before(data: Path) -> None:
    (data / "faces.json").write_text("".join(json.dumps({"path": f"e/{n}.png", "faces": []}) + "\n" for n in NAMES))
    options = ["--detections", data / "faces.json", "--ground-truth", data / "label.txt", "--json", data]
    result = run(*options)
    assert result.exit_code == 2 and "cannot be written" in result.stderr and "0.00" in result.stdout


def test_annotations_of_another_size(data: Path) -> None:
    (data / "label.txt").write_text("# e/blank.png 48 64\n1 2 30 40\n")
    options: list[str | Path] = ["--images", data / "images", "--ground-truth", data / "label.txt"]
    result = run("--model", "scrfd_500m_kps", *options)
    assert result.exit_code == 2 and "annotated as 48 x 64, the picture has 64 x 48" in result.stderr


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        ("scrfd_2.5g_kps", "scrfd_2.5g_kps"),
        ("a/scrfd_2.5g.onnx", "scrfd_2.5g"),
        ("insightface/x", "insightface/x"),
        ("runs/mine/weights.safetensors", "mine"),
    ],
)
def test_model_name(model: str, wanted: str) -> None:
    assert model_name(model) == wanted


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "--model to run or --detections"),
        (["--model", "m", "--detections", "d"], "one of the two"),
        (["--model", "scrfd_500m_kps"], "Give --images"),
        (["--model", "scrfd_500m_kps", "--images", ".", "--size", "huge"], "Unknown size 'huge'"),
        (["--detections", "absent.json"], "absent.json"),
        (["--detections", "absent.json", "--plot", "/dev/null/x"], "/dev/null/x: the folder cannot be made"),
        (["--detections", "absent.json", "--write", "/dev/null/x"], "/dev/null/x: the folder cannot be made"),
    ],
)
def test_bad_options(data: Path, options: list[str], words: str) -> None:
    result = run("--ground-truth", data / "label.txt", *options)
    assert result.exit_code == 2 and not result.stdout
    assert result.stderr.startswith("scrfd-edge: ") and words in result.stderr


def test_official_ground_truth(shared: Path, tmp_path: Path) -> None:
    names = ["0--Parade/0_Parade_Parade_0_120.jpg", "0--Parade/0_Parade_Parade_0_137.jpg"]
    (tmp_path / "list.txt").write_text("\n".join(names))
    write_text(tmp_path / "none", {name: (np.zeros((0, 4)), np.zeros(0)) for name in names})
    result = run(
        "--detections", tmp_path / "none", "--ground-truth", shared / "data/val/ground_truth",
        "--list", tmp_path / "list.txt",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "No score threshold reaches a precision of 98 %" in result.stdout and "medium" in result.stdout
