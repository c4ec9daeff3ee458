"""`scrfd-edge mean`: of tensors, with records, measured."""

from dataclasses import replace
from pathlib import Path

import torch
from typer.testing import CliRunner, Result

from scrfd_edge.cli import make_app
from scrfd_edge.description import Description
from scrfd_edge.networks import SCRFD, checkpoint


def run(folder: Path, *names: str) -> Result:
    options = ["--data", str(folder), "--dev", str(folder / "dev.txt"), "-o", str(folder / "mean.safetensors")]
    return CliRunner().invoke(make_app(), ["mean", *(str(folder / f"{name}.safetensors") for name in names), *options])


def test_the_mean_has_the_means_of_tensors_and_says_of_what(description: Description, one_picture: Path) -> None:
    states = []
    for seed, name in enumerate("ab"):
        torch.manual_seed(seed)
        states.append(SCRFD(description).state_dict())
        checkpoint.save(one_picture / f"{name}.safetensors", states[-1], description, {"seed": seed})
    result = run(one_picture, "a", "b")
    assert result.exit_code == 0, result.stderr
    net, header = checkpoint.load(one_picture / "mean.safetensors")
    for key, value in net.state_dict().items():
        expected = (states[0][key] + states[1][key]) / 2 if value.is_floating_point() else states[0][key]
        torch.testing.assert_close(value, expected)
    training = header["training"]
    assert [record["seed"] for record in training["mean_of"]] == [0, 1] and len(set(training["mean_of_sha256"])) == 2
    assert f"{training['held_out']['hard']:.2f}" in result.stdout
    assert training["held_out"]["score_threshold"] == header["score_threshold"]


def test_what_lies_there_stays_until_the_mean_is_measured(description: Description, one_picture: Path) -> None:
    for name in "ab":
        checkpoint.save(one_picture / f"{name}.safetensors", SCRFD(description).state_dict(), description, {})
    (one_picture / "mean.safetensors").write_bytes(b"old")
    (one_picture / "images/0.png").unlink()
    assert run(one_picture, "a", "b").exit_code == 2
    assert (one_picture / "mean.safetensors").read_bytes() == b"old"


def test_trainings_from_different_weights_have_no_mean(description: Description, one_picture: Path) -> None:
    for name in "ab":
        checkpoint.save(
            one_picture / f"{name}.safetensors", SCRFD(description).state_dict(), description, {"init_sha256": name}
        )
    result = run(one_picture, "a", "b")
    assert result.exit_code == 2 and "began with different weights" in result.stderr


def test_a_mean_comes_before_the_balance(description: Description, one_picture: Path) -> None:
    for name, record in (("a", {"balance": 0.1}), ("b", {})):
        checkpoint.save(one_picture / f"{name}.safetensors", SCRFD(description).state_dict(), description, record)
    result = run(one_picture, "a", "b")
    assert result.exit_code == 2 and "then balance it" in result.stderr


def test_what_has_no_mean(description: Description, one_picture: Path) -> None:
    for name, of in (("a", description), ("b", replace(description, name="other", neck=16))):
        checkpoint.save(one_picture / f"{name}.safetensors", SCRFD(of).state_dict(), of, {})
    for names in (["a"], ["a", "b"]):
        result = run(one_picture, *names)
        assert result.exit_code == 2 and "two or more checkpoints of one model" in result.stderr
    assert not (one_picture / "mean.safetensors").exists()
