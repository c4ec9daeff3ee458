"""A tiny network, and one black picture kept out of its training."""

from pathlib import Path

import pytest
from PIL import Image

from scrfd_edge.description import Backbone, Description, Head


@pytest.fixture
def description() -> Description:
    backbone = Backbone("depthwise", (8, 8), (1, 1, 1, 1), (8, 8, 16, 16))
    return Description("tiny", backbone, 8, Head(8, 1, True, "batch", 1, shared=False, scale=True, landmarks=True))


@pytest.fixture
def one_picture(tmp_path: Path) -> Path:
    """A folder with images/, label.txt and dev.txt."""
    (tmp_path / "images").mkdir()
    Image.new("RGB", (96, 64)).save(tmp_path / "images/0.png")
    (tmp_path / "label.txt").write_text("# 0.png 96 64\n10 10 40 40\n")
    (tmp_path / "dev.txt").write_text("0.png\n")
    return tmp_path
