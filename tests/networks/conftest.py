"""Photographs as networks take them."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray


@pytest.fixture
def photographs(shared: Path) -> Callable[[int, int, int], NDArray[np.float32]]:
    """(count, height, width) -> network input made of real photographs, the same ones every time."""
    names = (shared / "data/val/images.txt").read_text().split()

    def tensor(count: int, height: int, width: int) -> NDArray[np.float32]:
        out = []
        for name in names[:count]:
            picture = cv2.imread(str(shared / "data/val/images" / name))
            assert picture is not None
            resized = cv2.resize(picture, (width, height))[:, :, ::-1]
            out.append((resized.transpose(2, 0, 1).astype(np.float32) - 127.5) / 128)
        return np.stack(out)

    return tensor
