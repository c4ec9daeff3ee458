"""A few pictures made here, four tiny candidates and a tiny recipe; a population with results drawn from a rule."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scrfd_edge.description import Description
from scrfd_edge.search.candidate import Candidate, Job, empty_row
from scrfd_edge.search.space import make_description
from scrfd_edge.search.store import Row
from scrfd_edge.training.recipe import Phase, Recipe

TINY = Recipe(
    name="tiny",
    phases=(Phase(24, 160, 2, "square"),),
    optimiser="muon",
    rate=0.03,
    weight_decay=0.05,
    warmup=2,
    milestones=(),
    ema=0,
    clip=10,
    half=False,
    init="short",
    clip_faces=True,
)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Ten pictures of noise with a bright square for a face, three of them to evaluate on."""
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    lines = []
    for i in range(10):
        picture = rng.integers(0, 100, (90, 120, 3), np.uint8)
        x, y = (int(v) for v in rng.integers(5, 50, 2))
        picture[y : y + 30, x : x + 30] = 220
        Image.fromarray(picture).save(folder / "images" / f"{i}.png")
        lines += [f"# {i}.png 120 90", f"{x} {y} {x + 30} {y + 30}"]
    (folder / "label.txt").write_text("\n".join(lines) + "\n")
    (folder / "dev.txt").write_text("0.png\n1.png\n2.png\n")
    return Job(folder, folder / "dev.txt", TINY)


@pytest.fixture
def candidates() -> list[Candidate]:
    widths = ([8, 8, 8, 8], [8, 8, 16, 16], [8, 16, 16, 16], [8, 8, 8, 24])
    made = [
        make_description(f"step1_{i:03d}", "depthwise", [1] * 4, row, 8, 8, 1, "paper") for i, row in enumerate(widths)
    ]
    return [Candidate(description.name, description, 0) for description in made]


@pytest.fixture
def scored(job: Job) -> Callable[[Description, float], Row]:
    """Makes the row of a network with that hard AP."""

    def make(description: Description, hard: float) -> Row:
        row = empty_row(Candidate(description.name, description, 0), job)
        return replace(row, easy=hard, medium=hard, hard=hard, seconds=1.0, node="here")

    return make
