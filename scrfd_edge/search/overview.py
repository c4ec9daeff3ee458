"""The paper's Figs. 1, 2b and 3: figures from tables and from annotated pictures, not from a search."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..annotations import read_annotations, read_list
from ..errors import DataError
from ..evaluation.ground_truth import GroundTruth, from_annotations, load_ground_truth
from ..evaluation.measures import face_sizes
from .figures import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIDE = 640
_EDGES = (8, 16, 32)


@dataclass(frozen=True)
class Accuracy:
    """One detector of Fig. 1. family: detectors of one family are joined by a line. hard: AP in percent."""

    family: str
    name: str
    gmac: float
    hard: float


@dataclass(frozen=True)
class Part:
    """One piece of Fig. 2b: multiply-adds (10^9) of a component at a feature stride."""

    component: str
    stride: str
    gmac: float


def read_accuracies(path: str | Path) -> list[Accuracy]:
    """A CSV table with the columns family, name, gmac, hard. Raises DataError with the line of the first fault."""
    return [
        Accuracy(line["family"], line["name"], _number(path, i, line, "gmac"), _number(path, i, line, "hard"))
        for i, line in _lines(path, ("family", "name", "gmac", "hard"))
    ]


def read_parts(path: str | Path) -> list[Part]:
    """A CSV table with the columns component, stride, gmac. Raises DataError with the line of the first fault."""
    return [
        Part(line["component"], line["stride"], _number(path, i, line, "gmac"))
        for i, line in _lines(path, ("component", "stride", "gmac"))
    ]


def accuracy_figure(rows: Sequence[Accuracy]) -> "Figure":
    """Fig. 1: hard AP against multiply-adds, on a logarithmic axis."""
    figure = new_figure(8, 5)
    axes = figure.subplots()
    for place, family in enumerate(dict.fromkeys(row.family for row in rows)):
        offset = (4, -11) if place else (-4, 6)
        side: Literal["left", "right"] = "left" if place else "right"
        members = sorted((row for row in rows if row.family == family), key=lambda row: row.gmac)
        axes.plot([m.gmac for m in members], [m.hard for m in members], "o-", label=family, markersize=5)
        for m in members:
            axes.annotate(m.name, (m.gmac, m.hard), offset, textcoords="offset points", ha=side, fontsize=8)
    axes.set(xscale="log", xlabel="10^9 multiply-adds at 640x480", ylabel="hard AP, %")
    axes.margins(x=0.18)
    axes.grid(alpha=0.3, which="both")
    axes.legend(loc="lower right")
    return figure


def computation_figure(parts: Sequence[Part], title: str) -> "Figure":
    """Fig. 2b: where a detector computes, by component and stacked by stride, and the sums of both."""
    figure = new_figure(9, 4)
    left, right = figure.subplots(1, 2)
    total = sum(part.gmac for part in parts)
    if total == 0:
        raise DataError("Expected parts with multiply-adds; the sum of the column gmac is 0.")
    components = list(dict.fromkeys(part.component for part in parts))
    strides = list(dict.fromkeys(part.stride for part in parts))
    table = np.zeros((len(components), len(strides)))
    for part in parts:
        table[components.index(part.component), strides.index(part.stride)] += 100 * part.gmac / total
    for axes, values, names, others, what in (
        (left, table, components, strides, "stride "),
        (right, table.T, strides, components, ""),
    ):
        below = np.zeros(len(names))
        for i, other in enumerate(others):
            axes.bar(names, values[:, i], bottom=below, label=f"{what}{other}")
            below += values[:, i]
        for place, height in enumerate(below):
            axes.text(place, height + 1, f"{height:.0f} %", ha="center", fontsize=9)
        axes.set_ylim(0, 1.15 * below.max())
        axes.legend(fontsize="small")
    left.set(ylabel=f"% of {total:.1f} GMAC", xlabel="component")
    right.set(xlabel="stride of the feature map")
    figure.suptitle(title)
    return figure


def sizes_figure(truth: GroundTruth, title: str) -> "Figure":
    """Fig. 3: part of the counted faces that are smaller than a side, at a long side of 640, for each setting."""
    figure = new_figure(7, 4.5)
    axes = figure.subplots()
    sides = face_sizes(truth, _SIDE)
    for setting, counted in truth.counted.items():
        ordered = np.sort(sides[counted])
        axes.plot(ordered, 100 * np.arange(1, len(ordered) + 1) / len(ordered), label=f"{setting} ({len(ordered)})")
    for edge, part in zip(_EDGES, smaller_parts(truth, _widest(truth)), strict=True):
        axes.axvline(edge, color="grey", ls=":", lw=1)
        axes.text(edge * 0.97, 100 * part + 1, f"{100 * part:.1f} %", fontsize=9, ha="right")
    axes.set(xscale="log", xlabel="side of the face in pixels, long side 640", ylabel="faces, %", ylim=(0, 100))
    axes.set_xticks([4, *_EDGES, 64, 128, 256, 512], [str(v) for v in (4, *_EDGES, 64, 128, 256, 512)])
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")
    axes.set_title(title)
    return figure


def smaller_parts(truth: GroundTruth, setting: str) -> list[float]:
    """Parts of the counted faces with a side under 8, 16 and 32 pixels at a long side of 640."""
    sides: npt.NDArray[np.float64] = face_sizes(truth, _SIDE)[truth.counted[setting]]
    return [float((sides < edge).mean()) for edge in _EDGES]


def read_faces(folder: str | Path) -> GroundTruth:
    """The faces of a folder: label.txt, or WIDER FACE's ground_truth/ with images/ and the list images.txt."""
    folder = Path(folder)
    if (folder / "label.txt").is_file():
        return from_annotations(read_annotations(folder / "label.txt"))
    if not (folder / "ground_truth").is_dir():
        raise DataError(f"{folder}: expected label.txt, or ground_truth/, images/ and images.txt.")
    names = read_list(folder / "images.txt")
    return with_sizes(load_ground_truth(folder / "ground_truth", names), [folder / "images" / name for name in names])


def with_sizes(truth: GroundTruth, pictures: Sequence[Path]) -> GroundTruth:
    """The same faces, with the sizes that the headers of their pictures give."""
    sizes = []
    for path in pictures:
        try:
            with Image.open(path) as opened:
                sizes.append(opened.size)
        except (OSError, ValueError, SyntaxError) as error:
            raise DataError(f"{path}: the picture cannot be opened ({error}).") from error
    return replace(truth, sizes=np.array(sizes, np.float64).reshape(-1, 2))


def _widest(truth: GroundTruth) -> str:
    return max(truth.counted, key=lambda setting: int(truth.counted[setting].sum()))


def _lines(path: str | Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Numbered lines of a table that has at least these columns."""
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            found = [(reader.line_num, line) for line in reader]
            names = reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: expected a table in CSV ({error}).") from error
    missing = [column for column in columns if column not in names]
    if missing or not found:
        raise DataError(
            f"{path}: expected the columns {', '.join(columns)} and one line or more; "
            f"it has {', '.join(names) or 'none'} and {len(found)} lines."
        )
    return found


def _number(path: str | Path, number: int, line: dict[str, str], column: str) -> float:
    try:
        value = float(line[column])
    except (TypeError, ValueError):
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise DataError(
            f"{path}:{number}: expected a number of 0 or more in the column {column}, got {line[column]!r}."
        )
    return value
