"""Networks with random weights, photographs to calibrate with, and the bundled model converted once."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scrfd_edge_converters.conversion import SUFFIXES, Request, convert

from scrfd_edge import catalog
from scrfd_edge.description import DESCRIPTIONS
from scrfd_edge.networks import SCRFD
from scrfd_edge.networks.checkpoint import metadata_of
from scrfd_edge.networks.export import to_onnx

BUNDLED = catalog.BUNDLED / "scrfd_500m_kps.onnx"


@pytest.fixture(scope="session")
def random_onnx() -> Callable[[str], bytes]:
    """Name of a model -> ONNX with random weights whose scores are not all alike."""
    return _random_onnx


def _random_onnx(name: str) -> bytes:
    torch.manual_seed(0)
    net = SCRFD(DESCRIPTIONS[name]).eval()
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight)
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.fill_(1.0)
        small = 0.3 if net.description.backbone.block == "depthwise" else 0.003
        for tower in net.head.towers:
            tower.score.bias.zero_()  # type: ignore[operator, union-attr]
            for predictor in (tower.score, tower.box, tower.landmarks):
                if predictor is not None:
                    predictor.weight.mul_(small)  # type: ignore[operator, union-attr]
    return to_onnx(net, metadata_of(net.description))


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory, photographs: Path) -> Callable[[str, str], Path]:
    """Format, precision -> the bundled model converted so; each only once."""
    folder = tmp_path_factory.mktemp("converted")

    def get(target: str, precision: str) -> Path:
        path = folder / f"scrfd_500m_kps.{precision}{SUFFIXES[target]}"
        if not path.exists():
            request = Request(BUNDLED, target, precision, path, calibration=photographs, pictures=20)
            convert(request, lambda what, done, of: None)
        return path

    return get


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample portrait in 24 sizes and places, before parts of itself without the face: enough to calibrate with."""
    folder = tmp_path_factory.mktemp("photographs")
    image = Image.open(catalog.SAMPLE)
    random = np.random.default_rng(0)
    for i in range(24):
        side = int(random.integers(150, 480))
        x, y = (int(v) for v in random.integers((0, 190), (192, 272)))
        canvas = image.crop((x, y, x + 320, y + 240)).resize((640, 480))
        canvas.paste(
            image.resize((side, side)), (int(random.integers(0, 640 - side)), int(random.integers(0, 480 - side)))
        )
        canvas.save(folder / f"{i:02}.png")
    return folder
