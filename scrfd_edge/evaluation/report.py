"""All figures of one run, as a report: what `scrfd-edge eval` prints, writes as JSON and plots."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from ..files import write_file
from . import curves
from .ground_truth import GroundTruth
from .measures import (
    SIZE_EDGES,
    LandmarkError,
    OperatingPoint,
    SizeRecall,
    landmark_error,
    operating_point,
    point_at,
    recall_by_size,
)
from .wider import Curve, Detections, average_precision, match, precision_recall

HIGH_PRECISION = 0.98
"""The paper's requirement of practice: AP at precision above this value (Table 1, Fig. 10d)."""

_SMALL, _LARGE = 16, 400

Recalls = tuple[SizeRecall, SizeRecall]
"""Of one bucket of face size: at every score, and at the operating point."""


@dataclass(frozen=True)
class Report:
    """curves: per setting. The rest is of the widest setting, hard.

    point: score threshold at precision 98 %, None when it is never reached, or the one asked for. sizes: recall by
    face size on a long side of 640 px; small: of faces under 16 px there; both empty when the sizes of the pictures
    are not known. large: of faces over 400 px of the picture as it is.
    """

    pictures: int
    curves: dict[str, Curve]
    point: OperatingPoint | None
    sizes: list[Recalls]
    small: list[Recalls]
    large: list[Recalls]
    landmarks: LandmarkError | None

    def to_dict(self) -> dict[str, Any]:
        """JSON values. Recalls, precisions and landmark errors (of the size of the face) in percent; recall_p98 is the
        one at the operating point."""
        found: dict[str, Any] = {"images": self.pictures}
        for setting, curve in self.curves.items():
            found[setting] = _percent(average_precision(curve))
            found[f"{setting}_p98"] = _percent(average_precision(curve, HIGH_PRECISION))
        found["operating_point"] = self.point and {
            "threshold": round(self.point.threshold, 4),
            "precision": _percent(self.point.precision),
            "recall": _percent(self.point.recall),
        }
        found["recall_by_size"] = [_recalls(*pair) for pair in self.sizes]
        found["recall_under_16_px"] = _recalls(*self.small[0]) if self.small else None
        found["recall_over_400_px"] = _recalls(*self.large[0])
        found["landmark_error"] = self.landmarks and {
            "faces": self.landmarks.faces,
            "mean": _percent(self.landmarks.mean),
            "median": _percent(self.landmarks.median),
        }
        return found


def measure(
    truth: GroundTruth,
    detections: Detections,
    landmarks: Mapping[str, npt.NDArray[np.floating]] | None = None,
    threshold: float | None = None,
) -> Report:
    """Holds detections (and their landmarks (N, 5, 2), in the same order) against the ground truth.

    threshold: the score of the operating point; by default where precision reaches 98 % in this very run.
    """
    matches = match(truth, detections)
    widest = max(truth.counted, key=lambda setting: int(truth.counted[setting].sum()))
    point = (
        operating_point(truth, matches, widest, HIGH_PRECISION)
        if threshold is None
        else point_at(truth, matches, widest, threshold)
    )

    def recalls(edges: tuple[float, ...], long_side: int | None) -> list[Recalls]:
        thresholds = 0.0, np.inf if point is None else point.threshold
        every, strict = (
            recall_by_size(truth, matches, widest, threshold=t, long_side=long_side, edges=edges) for t in thresholds
        )
        return list(zip(every, strict, strict=True))

    known = truth.sizes is not None
    return Report(
        len(truth.names),
        {setting: precision_recall(truth, matches, setting) for setting in truth.counted},
        point,
        recalls(SIZE_EDGES, 640) if known else [],
        recalls((0, _SMALL), 640)[:1] if known else [],
        recalls((_LARGE,), None),
        landmark_error(truth, matches, landmarks) if landmarks is not None else None,
    )


def plot(directory: str | Path, label: str, report: Report) -> list[Path]:
    """Adds a run to a folder of curves and redraws its figures with every run that lies there, one line for each.

    Returns the figures. Raises DataError for a file of curves that is damaged.
    """
    folder = Path(directory, "curves")
    folder.mkdir(parents=True, exist_ok=True)
    _store(folder, label, report)
    by_setting: dict[str, dict[str, Curve]] = {}
    sizes: dict[str, list[SizeRecall]] = {}
    for file in sorted(folder.glob("*.json")):
        name, stored, rows = _stored(file)
        for setting, curve in stored.items():
            by_setting.setdefault(setting, {})[name] = curve
        if rows:
            sizes[name] = rows
    figures = []
    for setting, lines in by_setting.items():
        for above, name in ((None, f"{setting}.png"), (HIGH_PRECISION, f"{setting}_p98.png")):
            title = f"{setting} faces" + ("" if above is None else f", precision > {above:.0%}")
            figures.append(curves.save(curves.precision_recall_figure(lines, title, above), Path(directory, name)))
    if sizes:
        figure = curves.size_recall_figure(sizes, "Recall by face size (long side 640)")
        figures.append(curves.save(figure, Path(directory, "recall_by_size.png")))
    return figures


def _store(folder: Path, label: str, report: Report) -> None:
    entry = {
        "label": label,
        "curves": {s: {k: v.round(6).tolist() for k, v in asdict(c).items()} for s, c in report.curves.items()},
        "sizes": [asdict(row) | {"high": None if np.isinf(row.high) else row.high} for row, _ in report.sizes],
    }
    path = folder / f"{''.join(c if c.isalnum() or c in '._-' else '_' for c in label)}.json"
    write_file(path, json.dumps(entry))


def _stored(file: Path) -> tuple[str, dict[str, Curve], list[SizeRecall]]:
    try:
        entry = json.loads(file.read_text(encoding="utf-8"))
        found = {
            setting: Curve(**{key: np.array(value, np.float64) for key, value in values.items()})
            for setting, values in entry["curves"].items()
        }
        rows = [SizeRecall(**(r | {"high": np.inf if r["high"] is None else r["high"]})) for r in entry["sizes"]]
        return entry["label"], found, rows
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file}: not a file of curves that this command wrote ({error!r}); remove it.") from error


def _percent(value: float) -> float | None:
    return None if np.isnan(value) else round(100 * value, 2)


def _recalls(row: SizeRecall, strict: SizeRecall) -> dict[str, Any]:
    return {
        "size": row.label,
        "faces": row.faces,
        "recall": _percent(row.recall),
        "recall_p98": _percent(strict.recall),
    }
