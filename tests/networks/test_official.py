"""The authors' files against onnxruntime, and files that are not theirs."""

import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from scrfd_edge.description import DESCRIPTIONS
from scrfd_edge.errors import ModelError
from scrfd_edge.networks import SCRFD
from scrfd_edge.networks.checkpoint import metadata_of
from scrfd_edge.networks.export import export_onnx
from scrfd_edge.networks.flattened import Flattened
from scrfd_edge.networks.official import load_official

onnxruntime: Any = importlib.import_module("onnxruntime")

OFFICIAL = ["scrfd_500m", "scrfd_500m_kps", "scrfd_1g", "scrfd_2.5g", "scrfd_2.5g_kps"]
SCORE, DISTANCE = 2e-5, 2e-4


def assert_outputs_agree(ours: list[NDArray[np.float32]], theirs: list[NDArray[np.float32]]) -> None:
    assert [a.shape for a in ours] == [b.shape for b in theirs]
    for a, b in zip(ours, theirs, strict=True):
        assert np.abs(a - b).max() <= (SCORE if a.shape[2] == 1 else DISTANCE)


@pytest.mark.parametrize("name", OFFICIAL)
def test_outputs_equal_onnxruntime(
    shared: Path, photographs: Callable[[int, int, int], NDArray[np.float32]], name: str
) -> None:
    path = shared / "weights" / f"{name}.onnx"
    net = load_official(path)
    assert net.description == DESCRIPTIONS[name]
    session = onnxruntime.InferenceSession(str(path))
    for count, height, width in [(1, 640, 640), (1, 480, 640), (2, 480, 640)]:
        x = photographs(count, height, width)
        with torch.inference_mode():
            ours = [y.numpy() for y in Flattened(net)(torch.from_numpy(x))]
        assert_outputs_agree(ours, session.run(None, {"input.1": x}))


def test_another_network(tmp_path: Path) -> None:
    net = SCRFD(replace(DESCRIPTIONS["scrfd_500m"], neck=32))
    export_onnx(net, metadata_of(net.description), tmp_path / "net.onnx")
    with pytest.raises(ModelError, match=r"57 convolutions are not those of any of scrfd_500m, .*resnet_34g"):
        load_official(tmp_path / "net.onnx")


def edited(shared: Path, tmp_path: Path, name: str, weight: str, change: float) -> Path:
    model = onnx.load(shared / "weights" / f"{name}.onnx")
    [tensor] = [t for t in model.graph.initializer if t.name == weight]
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) + np.float32(change), weight))
    onnx.save(model, tmp_path / "edited.onnx")
    return tmp_path / "edited.onnx"


def test_every_weight_is_read(shared: Path, tmp_path: Path) -> None:
    before = load_official(shared / "weights/scrfd_2.5g.onnx").state_dict()
    path = edited(shared, tmp_path, "scrfd_2.5g", "bbox_head.scales.1.scale", 0.5)
    after = load_official(path).state_dict()
    changed = {k for k in before if not torch.equal(before[k], after[k])}
    assert changed == {"head.scales"}
    assert (after["head.scales"] - before["head.scales"]).tolist() == pytest.approx([0, 0.5, 0])


def test_shared_group_norm_that_differs_between_strides(shared: Path, tmp_path: Path) -> None:
    # "632" is the weight of the first group norm at stride 8 alone.
    with pytest.raises(ModelError, match="should be shared by the strides"):
        load_official(edited(shared, tmp_path, "scrfd_2.5g", "632", 0.1))


def test_official_scales(shared: Path) -> None:
    # As the authors' graphs print them.
    for name, expected in {
        "scrfd_500m": [0.795778, 1.201926, 1.992024],
        "scrfd_2.5g_kps": [0.880725, 0.931547, 1.142366],
    }.items():
        scales = load_official(shared / "weights" / f"{name}.onnx").head.scales
        assert scales is not None
        assert scales.tolist() == pytest.approx(expected, abs=1e-6)
    assert load_official(shared / "weights/scrfd_500m_kps.onnx").head.scales is None


def test_external_weights_are_refused(shared: Path, tmp_path: Path) -> None:
    model = onnx.load(shared / "weights/scrfd_500m.onnx")
    onnx.save(model, tmp_path / "net.onnx", save_as_external_data=True, location="net.bin", size_threshold=0)
    with pytest.raises(ModelError, match="other files"):
        load_official(tmp_path / "net.onnx")


@pytest.mark.parametrize("data", [b"", b"no onnx", b"\x08" * 100])
def test_not_onnx(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "net.onnx").write_bytes(data)
    with pytest.raises(ModelError, match=r"expected an SCRFD network|0 convolutions"):
        load_official(tmp_path / "net.onnx")


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file"):
        load_official(tmp_path / "net.onnx")
