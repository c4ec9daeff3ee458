"""Tables to figures, and the sizes of faces."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scrfd_edge.errors import DataError
from scrfd_edge.search.candidate import Job
from scrfd_edge.search.figures import save
from scrfd_edge.search.overview import (
    accuracy_figure,
    computation_figure,
    read_accuracies,
    read_faces,
    read_parts,
    sizes_figure,
    smaller_parts,
)

PUBLISHED = Path(__file__).parents[2] / "docs" / "search" / "published.csv"


def test_figure_1_shows_every_published_detector(tmp_path: Path) -> None:
    rows = read_accuracies(PUBLISHED)
    assert {row.name: row.hard for row in rows}["SCRFD-2.5GF"] == 77.87
    png, svg = save(accuracy_figure(rows), tmp_path, "accuracy")
    assert Image.open(png).size > (500, 300)
    for row in rows:
        assert row.name in svg.read_text()


def test_figure_2b_sums_by_component_and_by_stride(tmp_path: Path) -> None:
    table = tmp_path / "tinaface.csv"
    table.write_text("component,stride,gmac\nbackbone,4,10\nbackbone,8,11\nhead,4,58\nhead,8,21\n")
    _, svg = save(computation_figure(read_parts(table), "x"), tmp_path, "computation")
    for label in ("79 %", "21 %", "68 %", "32 %", "100.0 GMAC"):
        assert label in svg.read_text()


def test_parts_without_computation_are_refused(tmp_path: Path) -> None:
    table = tmp_path / "none.csv"
    table.write_text("component,stride,gmac\nhead,8,0\n")
    with pytest.raises(DataError, match="sum of the column gmac is 0"):
        computation_figure(read_parts(table), "x")


def test_figures_are_the_same_bytes_again(tmp_path: Path) -> None:
    first = [p.read_bytes() for p in save(accuracy_figure(read_accuracies(PUBLISHED)), tmp_path / "a", "f")]
    again = [p.read_bytes() for p in save(accuracy_figure(read_accuracies(PUBLISHED)), tmp_path / "b", "f")]
    assert first == again


def test_sizes_are_taken_at_a_long_side_of_640(job: Job) -> None:
    label = job.data / "label.txt"
    label.write_text("# 0.png 1280 720\n0 0 30 30\n0 0 62 62\n# 1.png 320 320\n0 0 5 3\n0 0 100 100\n")
    truth = read_faces(job.data)
    assert smaller_parts(truth, "all") == [0.25, 0.5, 0.75]  # 15, 31, 2 * sqrt(15), 200


def test_figure_3_of_annotations(job: Job, tmp_path: Path) -> None:
    _, svg = save(sizes_figure(read_faces(job.data), "x"), tmp_path, "sizes")
    assert "all (10)" in svg.read_text()


def test_figure_3_of_wider_face(shared: Path) -> None:
    truth = read_faces(shared / "data" / "val")
    parts = smaller_parts(truth, "hard")
    assert 0 < parts[0] < parts[1] < parts[2] < 1
    assert len(truth.names) == 484 and np.isfinite(truth.sizes).all()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "columns component, stride, gmac"),
        ("component,gmac\nhead,1\n", "columns component, stride, gmac"),
        ("component,stride,gmac\n", "0 lines"),
        ("component,stride,gmac\nhead,4,many\n", ":2: expected a number"),
        ("component,stride,gmac\nhead,4,1\nhead,8,-1\n", ":3: expected a number"),
        ("component,stride,gmac\nhead,4\n", ":2: expected a number"),
        ("component,stride,gmac\nhead,4,nan\n", ":2: expected a number"),
    ],
)
def test_bad_tables(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_parts(path)


def test_missing_tables_and_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="CSV"):
        read_accuracies(tmp_path / "none.csv")
    with pytest.raises(DataError, match=r"label\.txt"):
        read_faces(tmp_path)
