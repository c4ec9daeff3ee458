"""`scrfd-edge mean`: of tensors, with records, measured."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from scrfd_edge.cli import make_app
from scrfd_edge.description import Backbone, Description, Head
from scrfd_edge.networks import SCRFD, checkpoint

HEAD = Head(8, 1, True, "batch", 1, shared=False, scale=True, landmarks=True)
TINY = Description("tiny", Backbone("depthwise", (8, 8), (1, 1, 1, 1), (8, 8, 16, 16)), 8, HEAD)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (96, 64)).save(tmp_path / "images/0.png")
    (tmp_path / "label.txt").write_text("# 0.png 96 64\n10 10 40 40\n")
    (tmp_path / "dev.txt").write_text("0.png\n")
    return tmp_path


def run(data: Path, *names: str) -> Result:
    options = ["--data", str(data), "--dev", str(data / "dev.txt"), "-o", str(data / "mean.safetensors")]
    return CliRunner().invoke(make_app(), ["mean", *(str(data / f"{name}.safetensors") for name in names), *options])


def test_the_mean_has_the_means_of_tensors_and_says_of_what(data: Path) -> None:
    states = []
    for seed, name in enumerate("ab"):
        torch.manual_seed(seed)
        states.append(SCRFD(TINY).state_dict())
        checkpoint.save(data / f"{name}.safetensors", states[-1], TINY, {"seed": seed})
    result = run(data, "a", "b")
    assert result.exit_code == 0, result.stderr
    net, header = checkpoint.load(data / "mean.safetensors")
    for key, value in net.state_dict().items():
        expected = (states[0][key] + states[1][key]) / 2 if value.is_floating_point() else states[0][key]
        torch.testing.assert_close(value, expected)
    training = header["training"]
    assert [record["seed"] for record in training["mean_of"]] == [0, 1] and len(set(training["mean_of_sha256"])) == 2
    assert f"{training['held_out']['hard']:.2f}" in result.stdout
    assert training["held_out"]["score_threshold"] == header["score_threshold"]


def test_what_lies_there_stays_until_the_mean_is_measured(data: Path) -> None:
    for name in "ab":
        checkpoint.save(data / f"{name}.safetensors", SCRFD(TINY).state_dict(), TINY, {})
    (data / "mean.safetensors").write_bytes(b"old")
    (data / "images/0.png").unlink()
    assert run(data, "a", "b").exit_code == 2
    assert (data / "mean.safetensors").read_bytes() == b"old"


def test_trainings_from_different_weights_have_no_mean(data: Path) -> None:
    for name in "ab":
        checkpoint.save(data / f"{name}.safetensors", SCRFD(TINY).state_dict(), TINY, {"init_sha256": name})
    result = run(data, "a", "b")
    assert result.exit_code == 2 and "began with different weights" in result.stderr


def test_what_has_no_mean(data: Path) -> None:
    for name, of in (("a", TINY), ("b", replace(TINY, name="other", neck=16))):
        checkpoint.save(data / f"{name}.safetensors", SCRFD(of).state_dict(), of, {})
    for names in (["a"], ["a", "b"]):
        result = run(data, *names)
        assert result.exit_code == 2 and "two or more checkpoints of one model" in result.stderr
    assert not (data / "mean.safetensors").exists()
