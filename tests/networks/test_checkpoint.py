import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from scrfd_edge.description import DESCRIPTIONS
from scrfd_edge.errors import ModelError, SettingError
from scrfd_edge.networks import SCRFD
from scrfd_edge.networks.checkpoint import load, metadata_of, save

SMALL = DESCRIPTIONS["scrfd_500m_kps"]


@pytest.fixture(scope="module")
def net() -> SCRFD:
    torch.manual_seed(0)
    return SCRFD(SMALL)


@pytest.fixture
def path(tmp_path: Path, net: SCRFD) -> Path:
    save(tmp_path / "net.safetensors", net.state_dict(), SMALL, {"epochs": 2, "seed": 0})
    return tmp_path / "net.safetensors"


@pytest.mark.parametrize("name", ["scrfd_500m", "scrfd_2.5g_kps", "resnet_2.5g"])
def test_round_trip(tmp_path: Path, name: str) -> None:
    net = SCRFD(DESCRIPTIONS[name])
    for buffer in net.buffers():
        buffer.copy_(torch.rand_like(buffer, dtype=torch.float32))
    path = tmp_path / "net.safetensors"
    save(path, net.state_dict(), net.description, {"loss": [1.5, 0.5]})
    loaded, header = load(path)
    assert loaded.description == net.description
    assert header.pop("description") == net.description.to_dict()
    assert header == {
        "format": 1,
        "input": {"color": "rgb", "mean": 127.5, "std": 128.0},
        "training": {"loss": [1.5, 0.5]},
        "score_threshold": None,
    }
    assert not loaded.training
    for (key, a), (_, b) in zip(net.state_dict().items(), loaded.state_dict().items(), strict=True):
        assert torch.equal(a, b), key
    assert all(p.requires_grad for p in loaded.parameters())


def test_same_outputs(path: Path, net: SCRFD) -> None:
    x = torch.rand(1, 3, 64, 64)
    loaded, _ = load(path)
    with torch.no_grad():
        for a, b in zip(net.eval()(x), loaded(x), strict=True):
            assert all(torch.equal(p, q) for p, q in zip(a, b, strict=True))


def test_the_operating_point_travels_to_the_metadata(path: Path, net: SCRFD) -> None:
    save(path, net.state_dict(), SMALL, {}, 0.25)
    header = load(path)[1]
    assert header["score_threshold"] == 0.25
    assert metadata_of(net.description, header["score_threshold"]).score_threshold == 0.25
    with pytest.raises(ModelError, match="score_threshold"):
        save(path, net.state_dict(), SMALL, {}, 2.0)
    assert load(path)[1]["score_threshold"] == 0.25


def test_where_nothing_can_be_written(tmp_path: Path, net: SCRFD) -> None:
    for path in (Path("/dev/null/net.safetensors"), tmp_path):
        with pytest.raises(SettingError, match="cannot be written"):
            save(path, net.state_dict(), SMALL, {})
    assert not list(tmp_path.iterdir())


def test_nothing_else_left_in_the_folder(path: Path) -> None:
    assert [p.name for p in path.parent.iterdir()] == ["net.safetensors"]


def test_failed_save_keeps_the_old_file(path: Path, net: SCRFD) -> None:
    before = path.read_bytes()
    with pytest.raises(ModelError, match="does not fit JSON"):
        save(path, net.state_dict(), SMALL, {"loss": float("nan")})
    with pytest.raises(ModelError, match="does not fit the description"):
        save(path, net.state_dict(), DESCRIPTIONS["scrfd_500m"], {})
    assert path.read_bytes() == before


def test_half_precision_is_refused(tmp_path: Path, net: SCRFD) -> None:
    half = {k: v.half() if v.is_floating_point() else v for k, v in net.state_dict().items()}
    with pytest.raises(ModelError, match="float32"):
        save(tmp_path / "net.safetensors", half, SMALL, {})


@pytest.mark.parametrize("cut", [0, 4, 8, 100, -1000])
def test_truncated(path: Path, cut: int) -> None:
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ModelError, match="expected an SCRFD checkpoint"):
        load(path)


def test_huge_header_length(path: Path) -> None:
    path.write_bytes(struct.pack("<Q", 1 << 60) + path.read_bytes()[8:])
    with pytest.raises(ModelError, match="expected an SCRFD checkpoint"):
        load(path)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file"):
        load(tmp_path / "none.safetensors")


def test_pickle_is_refused(tmp_path: Path, net: SCRFD) -> None:
    torch.save(net.state_dict(), tmp_path / "net.pt")
    with pytest.raises(ModelError, match="expected an SCRFD checkpoint"):
        load(tmp_path / "net.pt")


def header_of(**changes: object) -> str:
    header: dict[str, object] = {
        "format": 1,
        "description": SMALL.to_dict(),
        "input": {"color": "rgb", "mean": 127.5, "std": 128.0},
        "training": {},
    }
    return json.dumps({**header, **changes})


DEEP = replace(SMALL, backbone=replace(SMALL.backbone, depths=(10**9, 1, 1, 1)))
ENORMOUS = replace(SMALL, neck=2**31 - 1)
WIDE = replace(SMALL, backbone=replace(SMALL.backbone, widths=(10**7, 10**7, 10**7, 10**7)))


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "without the header entry"),
        ({"other": "x"}, "without the header entry"),
        ({"scrfd_edge": "{"}, "not JSON"),
        ({"scrfd_edge": "[" * 100_000}, "not JSON"),
        ({"scrfd_edge": "[]"}, "format 1"),
        ({"scrfd_edge": header_of(format=2)}, "format 1"),
        ({"scrfd_edge": header_of(description=None)}, r"net\.safetensors: .*needs exactly the fields"),
        ({"scrfd_edge": header_of(input={"color": "bgr"})}, "expected the input"),
        ({"scrfd_edge": header_of(training=None)}, "no training record"),
        ({"scrfd_edge": header_of(description=DESCRIPTIONS["scrfd_1g"].to_dict())}, "does not fit the description"),
        ({"scrfd_edge": header_of(description=DEEP.to_dict())}, "too few"),
        ({"scrfd_edge": header_of(description=WIDE.to_dict())}, "should be"),
        ({"scrfd_edge": header_of(description=ENORMOUS.to_dict())}, "cannot be built"),
    ],
)
def test_foreign_headers(tmp_path: Path, net: SCRFD, metadata: dict[str, str] | None, message: str) -> None:
    path = tmp_path / "net.safetensors"
    save_file(net.state_dict(), path, metadata)
    with pytest.raises(ModelError, match=message) as raised:
        load(path)
    assert str(raised.value).count(str(path)) == 1
