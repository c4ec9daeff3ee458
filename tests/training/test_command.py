"""`scrfd-edge train` end to end on a tiny network, and what it refuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scrfd_edge.cli import make_app
from scrfd_edge.description import Description
from scrfd_edge.networks import checkpoint


@pytest.fixture
def arguments(data: Path, description: Description, tmp_path: Path) -> list[str]:
    (tmp_path / "tiny.json").write_text(json.dumps(description.to_dict()))
    out = str(tmp_path / "out")
    short = ["--recipe", "short", "--epochs", "0.1"]
    return ["train", "--model", str(tmp_path / "tiny.json"), "--data", str(data), "--out", out, *short]


def test_trains_writes_weights_and_refuses_to_start_over(arguments: list[str], data: Path, tmp_path: Path) -> None:
    (tmp_path / "dev.txt").write_text("3.png\n")
    arguments += ["--dev", str(tmp_path / "dev.txt")]
    result = CliRunner().invoke(make_app(), arguments)
    assert result.exit_code == 0, result.stderr
    net, header = checkpoint.load(tmp_path / "out" / "weights.safetensors")
    assert net.description.name == "tiny"
    assert header["training"]["pictures"] == 7 and header["training"]["step"] == 2
    measured = header["training"]["held_out"]
    assert 0 <= measured["hard"] <= 100 and measured["score_threshold"] == header["score_threshold"]
    last = json.loads((tmp_path / "out" / "log.jsonl").read_text().splitlines()[-1])
    assert last == {"step": 2, **measured}
    again = CliRunner().invoke(make_app(), arguments)
    assert again.exit_code == 2 and "--resume" in again.stderr
    log = (tmp_path / "out" / "log.jsonl").read_text()
    resumed = CliRunner().invoke(make_app(), [*arguments, "--resume"])
    assert resumed.exit_code == 0, resumed.stderr
    assert (tmp_path / "out" / "log.jsonl").read_text() == log  # the measurement is there once
    weights = str(tmp_path / "out" / "weights.safetensors")
    (tmp_path / "out" / "state.pt").unlink()
    lost = CliRunner().invoke(make_app(), arguments)
    assert lost.exit_code == 2 and "holds weights already" in lost.stderr
    fresh = [*arguments[:-4], "--epochs", "0.1", "--out", str(tmp_path / "next"), "--init", weights]
    assert CliRunner().invoke(make_app(), fresh).exit_code == 0
    started = checkpoint.load(tmp_path / "next" / "weights.safetensors")[1]
    assert started["training"]["init_sha256"] is not None


def test_trains_on_wider_face_as_its_archives_unpack(arguments: list[str], data: Path, tmp_path: Path) -> None:
    wider = tmp_path / "wider"
    (wider / "WIDER_train").mkdir(parents=True)
    (data / "images").rename(wider / "WIDER_train" / "images")
    (wider / "wider_face_split").mkdir()
    rows = "".join(f"{i}.png\n1\n10 10 30 30 0 0 0 0 0 0\n" for i in range(8))
    (wider / "wider_face_split" / "wider_face_train_bbx_gt.txt").write_text(rows)
    result = CliRunner().invoke(make_app(), [*arguments, "--data", str(wider)])
    assert result.exit_code == 0, result.stderr
    header = checkpoint.load(tmp_path / "out" / "weights.safetensors")[1]
    assert header["training"]["pictures"] == 8 and header["score_threshold"] is None


@pytest.mark.parametrize("faceless", [False, True])
def test_pictures_held_out_are_looked_at_before_the_training(
    arguments: list[str], data: Path, tmp_path: Path, faceless: bool
) -> None:
    (tmp_path / "dev.txt").write_text("2.png\n3.png\n")
    if faceless:
        label = (data / "label.txt").read_text().splitlines(keepends=True)
        (data / "label.txt").write_text("".join(label[:7] + label[8:]))
    (data / "images" / "3.png").unlink()
    result = CliRunner().invoke(make_app(), [*arguments, "--dev", str(tmp_path / "dev.txt")])
    assert result.exit_code == 2 and "line 7, 3.png: the picture is missing" in " ".join(result.stderr.split())
    assert not (tmp_path / "out" / "log.jsonl").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--recipe", "long"], "Unknown recipe"),
        (["--model", "scrfd_3g"], "Unknown model"),
        (["--device", "cuda:99"], "CUDA GPUs, counted from cuda:0"),
        (["--resume"], "state.pt"),
        (["--resume", "--init", "x.safetensors"], "exclude each other"),
        (["--recipe", "paper", "--kernels"], "bfloat16"),
        (["--epochs", "0"], "positive"),
        (["--batch", "0"], "at least 1"),
        (["--dev", "LIST"], "nobody.png is not in"),
        (["--variety", "1.5"], "from 0 to 1"),
        (["--seed", "-1"], "--seed must be"),
        (["--cache-gib", "inf"], "--cache-gib must be"),
        (["--device", "gpu"], "expected cpu, cuda or cuda:N"),
        (["--out", "/dev/null/x"], "/dev/null/x: the folder cannot be made"),
        (["--init", "absent.safetensors"], "absent.safetensors"),
    ],
)
def test_what_it_refuses(arguments: list[str], tmp_path: Path, more: list[str], message: str) -> None:
    (tmp_path / "list.txt").write_text("nobody.png\n")
    more = [str(tmp_path / "list.txt") if word == "LIST" else word for word in more]
    result = CliRunner().invoke(make_app(), [*arguments, *more])
    assert result.exit_code == 2 and message in " ".join(result.stderr.split())
