"""`scrfd-edge balance`: shifts nothing but scores, by size, as far as hard AP allows."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from scrfd_edge.cli import make_app
from scrfd_edge.cli.balance import shifted
from scrfd_edge.description import Description
from scrfd_edge.evaluation.held_out import Accuracy, HeldOut
from scrfd_edge.networks import SCRFD, checkpoint


@pytest.fixture
def data(one_picture: Path, description: Description) -> Path:
    """The picture, and weights a.safetensors."""
    torch.manual_seed(0)
    checkpoint.save(one_picture / "a.safetensors", SCRFD(description).state_dict(), description, {"seed": 7})
    return one_picture


def run(data: Path, name: str = "a") -> Result:
    options = ["--data", str(data), "--dev", str(data / "dev.txt"), "-o", str(data / "out.safetensors")]
    return CliRunner().invoke(make_app(), ["balance", str(data / f"{name}.safetensors"), *options])


def measured(monkeypatch: pytest.MonkeyPatch, hard: list[float]) -> None:
    """Makes measurements find these hard APs, one after another."""
    found: Iterator[Accuracy] = (Accuracy(80 + i, 70 + i, ap, 0.5 + i / 100) for i, ap in enumerate(hard))
    monkeypatch.setattr(HeldOut, "measure", lambda self, weights: next(found))


@pytest.mark.parametrize("shared", [False, True])
def test_every_doubling_of_an_anchor_raises_its_scores_alone_by_as_much(description: Description, shared: bool) -> None:
    torch.manual_seed(1)
    description = replace(description, head=replace(description.head, shared=shared))
    net = SCRFD(description).eval()
    picture = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before = net(picture)
        net.load_state_dict(shifted(net.state_dict(), description, 0.3))
        after = net(picture)
    for level, (old, new) in enumerate(zip(before.scores, after.scores, strict=True)):
        first = 0 if shared else 0.6 * level  # 16, 32; 64, 128; 256, 512 pixels
        torch.testing.assert_close(new, old + torch.tensor([first, first + 0.3]).view(1, 2, 1, 1))
    torch.testing.assert_close(after[1:], before[1:], rtol=0, atol=0)


def test_it_goes_as_far_as_hard_ap_allows(
    data: Path, description: Description, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured(monkeypatch, [50, 50.2, 49.91, 49.89, 60])
    result = run(data)
    assert result.exit_code == 0, result.stderr
    net, header = checkpoint.load(data / "out.safetensors")
    wanted = shifted(checkpoint.load(data / "a.safetensors")[0].state_dict(), description, 0.1)
    torch.testing.assert_close(net.state_dict(), wanted)
    training = header["training"]
    assert (training["seed"], training["balance"], training["held_out"]["hard"]) == (7, 0.1, 49.91)
    assert header["score_threshold"] == training["held_out"]["score_threshold"] == 0.52


def test_what_costs_at_once_stays_as_it_is(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured(monkeypatch, [50, 49.8])
    assert run(data).exit_code == 0
    net, header = checkpoint.load(data / "out.safetensors")
    torch.testing.assert_close(net.state_dict(), checkpoint.load(data / "a.safetensors")[0].state_dict())
    assert header["training"]["balance"] == 0 and header["score_threshold"] == 0.5


def test_it_ends_where_larger_faces_gain_no_more(
    data: Path, description: Description, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = iter([Accuracy(80, 70, 50, 0.5), Accuracy(81, 70, 50, 0.5), Accuracy(80.5, 70.5, 50, 0.5)])
    monkeypatch.setattr(HeldOut, "measure", lambda self, weights: next(found))
    assert run(data).exit_code == 0
    training = checkpoint.load(data / "out.safetensors")[1]["training"]
    assert training["balance"] == 0.05
    assert (training["held_out_before"]["easy"], training["held_out"]["easy"]) == (80, 81)


def test_pictures_without_a_face_found_tell_nothing(data: Path) -> None:
    result = run(data)  # the picture is black
    assert result.exit_code == 2 and "none of the faces" in result.stderr
    assert not (data / "out.safetensors").exists()


def test_the_only_unbalanced_file_is_not_replaced(data: Path) -> None:
    before = (data / "a.safetensors").read_bytes()
    options = ["--data", str(data), "--dev", str(data / "dev.txt"), "-o", str(data / "a.safetensors")]
    result = CliRunner().invoke(make_app(), ["balance", str(data / "a.safetensors"), *options])
    assert result.exit_code == 2 and "choose another file" in result.stderr
    assert (data / "a.safetensors").read_bytes() == before


def test_one_anchor_for_all_has_nothing_to_weigh(data: Path, description: Description) -> None:
    one = replace(description, head=replace(description.head, shared=True), anchor_sizes=((16,), (64,), (256,)))
    checkpoint.save(data / "one.safetensors", SCRFD(one).state_dict(), one, {})
    result = run(data, "one")
    assert result.exit_code == 2 and "nothing to weigh" in result.stderr


def test_nothing_is_balanced_twice(data: Path, description: Description) -> None:
    checkpoint.save(data / "twice.safetensors", SCRFD(description).state_dict(), description, {"balance": 0.1})
    result = run(data, "twice")
    assert result.exit_code == 2 and "balanced already" in result.stderr
    assert not (data / "out.safetensors").exists()


def test_what_lies_there_stays_until_all_is_measured(data: Path) -> None:
    (data / "out.safetensors").write_bytes(b"old")
    (data / "images/0.png").unlink()
    assert run(data).exit_code == 2
    assert (data / "out.safetensors").read_bytes() == b"old"
