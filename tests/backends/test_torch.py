"""The PyTorch back end beside ONNX Runtime, and what it refuses."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from scrfd_edge import FaceDetector, _core
from scrfd_edge.backends.base import Decoded
from scrfd_edge.backends.torch import TorchBackend
from scrfd_edge.candidates import candidates_of
from scrfd_edge.description import DESCRIPTIONS
from scrfd_edge.errors import BackendError, ModelError
from scrfd_edge.metadata import Metadata
from scrfd_edge.networks import SCRFD
from scrfd_edge.networks.checkpoint import load, save
from scrfd_edge.networks.flattened import Flattened
from scrfd_edge.networks.official import load_official

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights, but scores from 0 to 1 instead of about 0.01."""
    torch.manual_seed(0)
    net = SCRFD(DESCRIPTIONS["scrfd_2.5g_kps"])
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight)
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.fill_(1)
        for tower in net.head.towers:
            for predictor in (tower.score, tower.box, tower.landmarks):
                predictor.weight.mul_(0.02)  # type: ignore[operator, union-attr]
    path = tmp_path_factory.mktemp("torch") / "net.safetensors"
    save(path, net.state_dict(), net.description, {})
    return path


def image(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


def test_says_what_runs(checkpoint: Path) -> None:
    backend = TorchBackend(checkpoint, device="cpu")
    assert (backend.engine, backend.version, backend.device, backend.precision) == (
        "torch",
        torch.__version__,
        "cpu",
        "fp32",
    )
    assert backend.threads == torch.get_num_threads()
    assert backend.shape is None and backend.dynamic_batch
    assert backend.metadata == Metadata("scrfd_2.5g_kps", (8, 16, 32), 2, True)


def test_runs_the_checkpoint(checkpoint: Path) -> None:
    x = image(2, 3, 96, 128)
    net, _ = load(checkpoint)
    with torch.inference_mode():
        expected = Flattened(net)(torch.from_numpy(x))
    outputs = TorchBackend(checkpoint, device="cpu").run(x)
    assert len(outputs) == 9
    for ours, theirs in zip(outputs, expected, strict=True):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, theirs.numpy(), atol=2e-5 if ours.shape[2] == 1 else 2e-4, rtol=0)


def assert_same(ours: list[_core.Candidates], theirs: list[_core.Candidates]) -> None:
    """All candidates, in their order: NMS of threshold 1 sorts them by score and drops none but equal boxes."""
    for a, b in zip(ours, theirs, strict=True):
        assert len(a) == len(b)
        for mine, other in zip(_core.nms([a], iou_threshold=1), _core.nms([b], iou_threshold=1), strict=True):
            np.testing.assert_allclose(mine, other, atol=1e-3, rtol=1e-5)  # type: ignore[arg-type]


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("size", [(64, 96), (96, 64)])
def test_decoded_on_the_device_as_by_the_core(checkpoint: Path, threshold: float, size: tuple[int, int]) -> None:
    backend = TorchBackend(checkpoint, device="cpu")
    x = image(3, 3, *size)
    full = backend.run(x)
    assert 0.02 < (full[0] >= 0.5).mean() < 0.98
    pictures = ((480, 640), (50, 50), (1, 300))  # larger, smaller, and of which next to nothing is left
    placements = [_core.Placement.fit_shape(picture, size) for picture in pictures]
    m = backend.metadata
    expected = _core.decode(full, placements, strides=m.strides, anchors=m.anchors, score_threshold=threshold)
    decoded = backend.run_decoded(x, threshold)
    assert len(decoded.scores) == sum((scores >= np.float32(threshold)).sum() for scores in full[:3])
    assert_same(candidates_of(decoded, placements), expected)


def test_nothing_above_the_threshold(checkpoint: Path) -> None:
    decoded = TorchBackend(checkpoint, device="cpu").run_decoded(image(2, 3, 64, 64), 2.0)
    assert (decoded.scores.shape, decoded.boxes.shape) == ((0,), (0, 4))
    assert decoded.landmarks is not None and decoded.landmarks.shape == (0, 5, 2)
    assert [len(c) for c in candidates_of(decoded, [_core.Placement.fit((9, 9), 64)] * 2)] == [0, 0]


def test_what_is_not_finite_or_outside_is_left_out() -> None:
    boxes = [[1, 1, 9, 9], [-5, -5, 70, 70], [40, 1, 50, 9], [9, 9, 1, 1], [np.nan, 1, 9, 9], [1, 1, np.inf, 9]]
    table = np.array([*boxes, boxes[0], boxes[0]], np.float32)
    landmarks = np.zeros((8, 5, 2), np.float32)
    landmarks[6, 2, 1] = np.nan
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.9, 0.9, 0.9, np.inf], np.float32)
    decoded = Decoded(np.zeros(8, np.int64), scores, table, landmarks)
    placement = _core.Placement((64, 64), (32, 32), (64, 64))  # half the picture, so everything doubles
    [found] = candidates_of(decoded, [placement])
    kept, _, _ = _core.nms([found], iou_threshold=1)
    assert kept.tolist() == [[2, 2, 18, 18], [0, 0, 64, 64]]
    [plain] = candidates_of(replace(decoded, landmarks=None), [placement])
    assert _core.nms([plain], iou_threshold=1)[2] is None and len(plain) == 3


@needs_cuda
def test_half_precision_on_cuda(checkpoint: Path) -> None:
    backend = TorchBackend(checkpoint, device="cuda")
    assert (backend.device, backend.precision, backend.threads) == ("cuda:0", "fp16", None)
    x = image(2, 3, 96, 128)
    for ours, exact in zip(backend.run(x), TorchBackend(checkpoint, device="cpu").run(x), strict=True):
        assert np.abs(ours - exact).max() <= 0.05 * max(1.0, float(np.abs(exact).max()))
    m, placements = backend.metadata, [_core.Placement.fit_shape((480, 640), (96, 128))] * 2
    expected = _core.decode(backend.run(x), placements, strides=m.strides, anchors=m.anchors, score_threshold=0.5)
    assert_same(candidates_of(backend.run_decoded(x, 0.5), placements), expected)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:7"])
def test_missing_gpu_is_an_error(checkpoint: Path, device: str) -> None:
    with pytest.raises(BackendError, match="sees 0 CUDA devices"):
        TorchBackend(checkpoint, device=device)


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cuda:-1", "mps", ""])
def test_unknown_device(checkpoint: Path, device: str) -> None:
    with pytest.raises(BackendError, match="'cpu', 'cuda' or 'cuda:N'"):
        TorchBackend(checkpoint, device=device)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_precision_that_the_cpu_has_not(checkpoint: Path, precision: str) -> None:
    with pytest.raises(BackendError, match="computes in fp32 on cpu"):
        TorchBackend(checkpoint, device="cpu", precision=precision)


def test_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "net.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="expected an SCRFD checkpoint"):
        FaceDetector(tmp_path / "net.safetensors")


@pytest.mark.parametrize("name", ["scrfd_10g", "scrfd_34g_paper"])
def test_a_model_without_weights_of_ours(name: str) -> None:
    with pytest.raises(ModelError, match=f"no weights of ours for '{name}'"):
        FaceDetector(name, backend="torch")


@pytest.mark.parametrize("name", ["scrfd_10g", "scrfd_34g"])
def test_full_models_run_from_a_users_checkpoint(tmp_path: Path, name: str) -> None:
    path = tmp_path / "net.safetensors"
    save(path, SCRFD(DESCRIPTIONS[name]).state_dict(), DESCRIPTIONS[name], {})
    detector = FaceDetector(path, device="cpu", input_size=64, score_threshold=0.0, max_faces=5)
    assert detector.backend == "torch"
    faces = detector.detect(np.zeros((48, 64, 3), np.uint8))
    # Fresh weights answer about 0.01 everywhere.
    np.testing.assert_allclose(faces.scores, 0.01, atol=0.01)


def test_faces_equal_onnxruntime(shared: Path, tmp_path: Path) -> None:
    official = shared / "weights/scrfd_500m_kps.onnx"
    net = load_official(official)
    path = tmp_path / "net.safetensors"
    save(path, net.state_dict(), net.description, {})
    theirs = FaceDetector(official, backend="onnx")
    ours = FaceDetector(path, backend="torch", device="cpu")
    pictures = [shared / "data/val/images" / line for line in (shared / "data/val/images.txt").read_text().split()]
    count = 0
    for picture in pictures[:50]:
        a, b = ours.detect(picture), theirs.detect(picture)
        assert len(a) == len(b)
        np.testing.assert_allclose(a.boxes, b.boxes, atol=0.1, rtol=0)
        np.testing.assert_allclose(a.scores, b.scores, atol=1e-3, rtol=0)
        assert a.landmarks is not None and b.landmarks is not None
        np.testing.assert_allclose(a.landmarks, b.landmarks, atol=0.1, rtol=0)
        count += len(b)
    assert count > 100


def test_batch_equals_single(checkpoint: Path) -> None:
    detector = FaceDetector(checkpoint, device="cpu", input_size=96)
    pictures = [np.random.default_rng(i).integers(0, 256, (60, 96, 3), np.uint8) for i in range(3)]
    for one, several in zip(map(detector.detect, pictures), detector.detect_batch(pictures), strict=True):
        assert len(one) == len(several)
        np.testing.assert_allclose(one.boxes, several.boxes, atol=0.1)


def test_threads_do_not_disturb_each_other(checkpoint: Path) -> None:
    detector = FaceDetector(checkpoint, device="cpu", input_size=96)
    pictures = [np.random.default_rng(i).integers(0, 256, (96, 32 * (1 + i % 3), 3), np.uint8) for i in range(12)]
    expected = [detector.detect(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        for faces, alone in zip(pool.map(detector.detect, pictures), expected, strict=True):
            np.testing.assert_allclose(faces.boxes, alone.boxes, atol=1e-2)
