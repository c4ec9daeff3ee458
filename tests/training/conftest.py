"""A tiny network, a tiny recipe, and a few pictures made here."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scrfd_edge.annotations import read_annotations
from scrfd_edge.description import Backbone, Description, Head
from scrfd_edge.training.batches import Pictures
from scrfd_edge.training.recipe import Phase, Recipe

COUNT = 8


@pytest.fixture
def description() -> Description:
    backbone = Backbone("depthwise", (8, 8), (1, 1, 1, 1), (8, 8, 16, 16))
    return Description("tiny", backbone, 8, Head(8, 1, True, "batch", 1, shared=False, scale=True, landmarks=True))


@pytest.fixture
def recipe() -> Recipe:
    return Recipe(
        name="tiny",
        phases=(Phase(1, 64, 4, "face"), Phase(1, 96, 2, "rectangle")),
        optimiser="muon",
        rate=0.01,
        weight_decay=0.05,
        warmup=2,
        milestones=(),
        ema=0.9,
        clip=10,
        half=False,
        init="short",
        clip_faces=True,
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with label.txt and images/: noise with a bright square for a face."""
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    lines = []
    for i in range(COUNT):
        picture = rng.integers(0, 100, (90, 120, 3), np.uint8)
        x, y = (int(v) for v in rng.integers(5, 50, 2))
        picture[y : y + 30, x : x + 30] = 220
        Image.fromarray(picture).save(folder / "images" / f"{i}.png")
        points = " ".join(f"{x + dx} {y + dy} 1" for dx, dy in ((9, 10), (21, 10), (15, 17), (10, 23), (20, 23)))
        lines += [f"# {i}.png 120 90", f"{x} {y} {x + 30} {y + 30} {points}"]
    (folder / "label.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def pictures(data: Path) -> Pictures:
    return Pictures(data / "images", read_annotations(data / "label.txt"), 1 << 30)
