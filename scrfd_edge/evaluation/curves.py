"""Figures: precision-recall curves of several models or sizes (the paper's Figs. 2a and 10), recall by face size."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SettingError
from ..files import whole_file
from .measures import SizeRecall
from .wider import Curve, average_precision

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def precision_recall_figure(curves: Mapping[str, Curve], title: str, above: float | None = None) -> "Figure":
    """One figure, one line per entry (its label -> its curve), the best first in the legend.

    above: draw and rate only the part of precision above it, as the paper's Fig. 10d does at 0.98.
    """
    figure, axes = _figure()
    rated = sorted(curves.items(), key=lambda item: -average_precision(item[1], above))
    for label, curve in rated:
        kept = curve.precision > (above or 0.0)
        axes.plot(curve.recall[kept], curve.precision[kept], label=f"{label} ({average_precision(curve, above):.3f})")
    axes.set(xlabel="recall", ylabel="precision", title=title, xlim=(0, 1), ylim=(above or 0.0, 1 if above else 1.02))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left", fontsize="small")
    return figure


def size_recall_figure(rows: Mapping[str, Sequence[SizeRecall]], title: str) -> "Figure":
    """Recall per bucket of face size, a group of bars per bucket and a bar per entry (label -> rows)."""
    figure, axes = _figure()
    width = 0.8 / len(rows)
    first = next(iter(rows.values()))
    for place, (label, found) in enumerate(rows.items()):
        offset = (place - (len(rows) - 1) / 2) * width
        axes.bar(np.arange(len(found)) + offset, [100 * row.recall for row in found], width, label=label)
    axes.set_xticks(np.arange(len(first)), [f"{row.label}\n{row.faces} faces" for row in first], fontsize="small")
    axes.set(xlabel="size of the face, px", ylabel="recall, %", title=title, ylim=(0, 100))
    axes.grid(axis="y", alpha=0.3)
    axes.legend(loc="lower right", fontsize="small")
    return figure


def save(figure: "Figure", path: Path) -> Path:
    """Writes a PNG at 150 dots per inch, whole or not at all, and returns its path."""
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=150, format="png")
    return path


def _figure() -> "tuple[Figure, Any]":
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SettingError("Figures need matplotlib: pip install 'scrfd-edge[train]'.") from error
    figure = Figure(figsize=(7, 5), layout="constrained")  # without pyplot: no window, no global state
    return figure, figure.add_subplot()
