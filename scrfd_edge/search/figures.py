"""The paper's Figs. 5 to 9 from the rows of a search."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..description import Description
from ..errors import SettingError
from ..files import whole_file
from .bootstrap import bootstrap, spearman
from .procedure import finished
from .shares import PARTS, STAGES, backbone_shares, component_macs, detector_shares, shallow_share
from .store import Row, hard_ap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_POINT, _RANGE, _BEST, _BLOCK = "#3b6fb6", "#f3c77b", "#b4432f", "#f2d06b"

Values = npt.NDArray[np.float64]


def stages_figure(rows: Sequence[Row], title: str) -> "Figure":
    """Fig. 5: hard AP against the share of stem, C2..C5 in the backbone."""
    scored = finished(rows)
    return _scatters(scored, np.array([backbone_shares(row.macs) for row in scored]), STAGES, "backbone", title)


def depth_figure(rows: Sequence[Row], title: str) -> "Figure":
    """Fig. 6: hard AP against the share of the shallow (stem, C2, C3) and the deep stages (C4, C5)."""
    scored = finished(rows)
    shallow = np.array([shallow_share(row.macs) for row in scored])
    names = ("shallow (stem, C2, C3)", "deep (C4, C5)")
    return _scatters(scored, np.stack([shallow, 1 - shallow], axis=1), names, "backbone", title)


def regime_figure(rows: Sequence[Row], winner: Description, title: str) -> "Figure":
    """Figs. 7 and 8: the shares of a population, where its best models lie, and the network that was found."""
    scored = finished(rows)
    shares = 100 * np.array([backbone_shares(row.macs) for row in scored])
    marks = np.array(hard_ap(scored))
    figure = new_figure(11, 4.2)
    left, right = figure.subplots(1, 2)
    rng = np.random.default_rng(0)
    own = 100 * backbone_shares(component_macs(winner))
    for place, values in enumerate(shares.T):
        interval = bootstrap(values, marks)
        left.barh(place, interval.high - interval.low, 0.7, interval.low, color=_RANGE, zorder=1)
        jitter = place + rng.uniform(-0.2, 0.2, len(values))
        points = left.scatter(values, jitter, 14, marks, cmap="viridis", zorder=2)
        left.plot([interval.best] * 2, [place - 0.35, place + 0.35], color=_BEST, zorder=3)
        left.plot(own[place], place, marker="D", color="black", markersize=5, zorder=4)
    figure.colorbar(points, ax=left, label="hard AP, %")
    left.set(xlabel="share of the backbone, %", title="shares: 95 % range, best (line), the network found (diamond)")
    left.set_title(left.get_title(), fontsize="small")
    left.set_yticks(range(len(STAGES)), STAGES)
    left.invert_yaxis()
    _sketch(right, winner)
    figure.suptitle(title)
    return figure


def detector_figure(rows: Sequence[Row], baseline: Description | None, winner: Description, title: str) -> "Figure":
    """Fig. 9: hard AP against the share of backbone, neck and head; sketches of the baseline and of the result."""
    scored = finished(rows)
    shares = 100 * np.array([detector_shares(row.macs) for row in scored])
    sketched = [winner] if baseline is None else [baseline, winner]
    figure = new_figure(11, 4 + 3 * len(sketched))
    grid = figure.add_gridspec(1 + len(sketched), 3, height_ratios=[1.1] + [1] * len(sketched))
    for i, part in enumerate(PARTS):
        _scatter(figure.add_subplot(grid[0, i]), shares[:, i], scored, f"{part}, % of the detector")
    longest = max(max(component_macs(d).values()) for d in sketched)
    for i, description in enumerate(sketched, 1):
        _sketch(figure.add_subplot(grid[i, :]), description, longest)
    figure.suptitle(title)
    return figure


def save(figure: "Figure", folder: Path, name: str) -> list[Path]:
    """Writes NAME.png and NAME.svg, each whole or not at all, the same bytes for the same rows."""
    import matplotlib

    paths = []
    for kind, made_by in (("png", "Software"), ("svg", "Date")):
        path = folder / f"{name}.{kind}"
        with matplotlib.rc_context({"svg.hashsalt": name}), whole_file(path) as partial:
            figure.savefig(partial, format=kind, dpi=130, metadata={made_by: None})
        paths.append(path)
    return paths


def new_figure(width: float, height: float) -> "Figure":
    """A figure of that many inches. Raises SettingError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SettingError("Figures need matplotlib: pip install 'scrfd-edge[search]'.") from error
    return Figure(figsize=(width, height), layout="constrained")  # without pyplot: no window, no global state


def _scatters(rows: Sequence[Row], shares: Values, names: Sequence[str], whole: str, title: str) -> "Figure":
    figure = new_figure(3.4 * len(names), 3.6)
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, name, values in zip(panels, names, 100 * shares.T, strict=True):
        _scatter(axes, values, rows, f"{name}, % of the {whole}")
    for axes in panels[1:]:
        axes.set_ylabel("")
    figure.suptitle(title)
    return figure


def _scatter(axes: Any, values: Values, rows: Sequence[Row], label: str) -> None:
    marks = hard_ap(rows)
    interval, rank = bootstrap(values, marks), spearman(values, marks)
    axes.axvspan(interval.low, interval.high, color=_RANGE, alpha=0.5, lw=0)
    axes.axvline(interval.best, color=_BEST, ls="--", lw=1.2)
    axes.scatter(values, marks, 16, color=_POINT, zorder=3)
    axes.set(xlabel=label, ylabel="hard AP, %")
    text = f"best {interval.best:.1f} ({interval.low:.1f} to {interval.high:.1f})"
    axes.set_title(text if np.isnan(rank.rho) else f"{text}\nSpearman {rank.rho:+.2f} (p {rank.p:.2g})", fontsize=9)
    axes.grid(alpha=0.3)


def _sketch(axes: Any, description: Description, longest: float | None = None) -> None:
    """A row per component, a rectangle per block, as long as its multiply-adds. longest: end of the axis."""
    macs = component_macs(description)
    b, head = description.backbone, description.head
    single = component_macs(replace(description, backbone=replace(b, depths=(1, 1, 1, 1))))
    labels = [f"stem {b.stem[-1]}"]
    labels += [f"{s} {d} x {w}" for s, d, w in zip(STAGES[1:], b.depths, b.widths, strict=True)]
    labels += [f"neck {description.neck}", f"head {head.convs} x {head.width}"]
    limit = longest or max(macs.values())
    for place, name in enumerate((*STAGES, "neck", "head")):
        blocks = [float(macs[name])]
        if name in STAGES[1:]:
            depth = b.depths[STAGES.index(name) - 1]
            rest = [(macs[name] - single[name]) / (depth - 1)] * (depth - 1) if depth > 1 else []
            blocks = [single[name], *rest]
        start = 0.0
        for block in blocks:
            axes.barh(place, block, 0.7, start, color=_BLOCK, edgecolor="black", lw=0.4)
            start += block
        axes.text(start + 0.01 * limit, place, f"{macs[name] / 1e6:.0f} M", va="center", fontsize=8)
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.15 * limit)
    axes.set_xticks([])
    axes.set_title(f"{description.name}: {b.block} blocks, {sum(macs.values()) / 1e9:.2f} GMAC", fontsize=10)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
