"""Fixtures for all tests: the reference photographs and weights, where they are, and the package's own sample."""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from scrfd_edge import FaceDetector, catalog


@pytest.fixture(scope="session")
def shared() -> Path:
    """Reference photographs and official weights: $SCRFD_EDGE_SHARED, or a folder `shared` beside the checkout."""
    folder = Path(os.environ.get("SCRFD_EDGE_SHARED") or Path(__file__).parents[2] / "shared")
    if not folder.is_dir():
        reason = f"reference photographs and official weights are not at {folder} (SCRFD_EDGE_SHARED moves it)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def portrait() -> npt.NDArray[np.uint8]:
    """The sample portrait, (512, 512, 3) BGR, one face."""
    rgb = np.asarray(Image.open(catalog.SAMPLE), np.uint8)
    return np.ascontiguousarray(rgb[:, :, ::-1])


@pytest.fixture(scope="session")
def detector() -> FaceDetector:
    """The bundled model with its defaults, in the engine and precision that every machine has."""
    return FaceDetector(backend="onnx", precision="fp32", threads=1)
