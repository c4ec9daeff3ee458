"""The mean of checkpoints: of tensors, with records, measured."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from scrfd_edge.annotations import read_annotations
from scrfd_edge.description import Description
from scrfd_edge.errors import ModelError
from scrfd_edge.evaluation.held_out import HeldOut
from scrfd_edge.networks import SCRFD, checkpoint
from scrfd_edge.training.mean import mean


def test_the_mean_has_the_means_of_tensors_and_says_of_what(
    description: Description, data: Path, tmp_path: Path
) -> None:
    held = HeldOut(data / "images", tuple(read_annotations(data / "label.txt")[:2]))
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    states = []
    for seed, path in enumerate(paths):
        torch.manual_seed(seed)
        states.append(SCRFD(description).state_dict())
        checkpoint.save(path, states[-1], description, {"seed": seed})
    found = mean(paths, held, tmp_path / "mean.safetensors")
    net, header = checkpoint.load(tmp_path / "mean.safetensors")
    for key, value in net.state_dict().items():
        expected = (states[0][key] + states[1][key]) / 2 if value.is_floating_point() else states[0][key]
        torch.testing.assert_close(value, expected)
    assert [record["seed"] for record in header["training"]["mean_of"]] == [0, 1]
    assert header["training"]["held_out"]["hard"] == found.hard and header["score_threshold"] == found.score_threshold


def test_what_has_no_mean(description: Description, tmp_path: Path) -> None:
    for name, of in (("a", description), ("b", replace(description, name="other", neck=16))):
        checkpoint.save(tmp_path / f"{name}.safetensors", SCRFD(of).state_dict(), of, {})
    for names in (["a"], ["a", "b"]):
        with pytest.raises(ModelError, match="two or more checkpoints of one model"):
            mean([tmp_path / f"{n}.safetensors" for n in names], HeldOut(tmp_path, ()), tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()
