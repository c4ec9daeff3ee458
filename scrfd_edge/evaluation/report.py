"""All figures of one run, as a report: what `scrfd-edge eval` prints, writes as JSON and plots."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from . import curves
from .ground_truth import GroundTruth
from .measures import LandmarkError, OperatingPoint, SizeRecall, landmark_error, operating_point, recall_by_size
from .wider import Curve, Detections, average_precision, match, precision_recall

HIGH_PRECISION = 0.98
"""The paper's requirement of practice: AP at precision above this value (Table 1, Fig. 10d)."""

_LARGE = 400.0


@dataclass(frozen=True)
class Report:
    """curves: per setting. The rest is of the widest setting (hard, or all).

    point: score threshold at precision 98 %, None when it is never reached. sizes: recall by face size on a long side
    of 640 px, at every score and (sizes_at_point) at the operating point; empty when the sizes of the pictures are not
    known. large: faces over 400 px of the picture as it is, likewise.
    """

    pictures: int
    curves: dict[str, Curve]
    point: OperatingPoint | None
    sizes: list[SizeRecall]
    sizes_at_point: list[SizeRecall]
    large: SizeRecall
    large_at_point: SizeRecall
    landmarks: LandmarkError | None

    def to_dict(self) -> dict[str, Any]:
        """JSON values. Recalls, precisions and landmark errors (of the size of the face) in percent."""
        found: dict[str, Any] = {"images": self.pictures}
        for setting, curve in self.curves.items():
            found[setting] = _percent(average_precision(curve))
            found[f"{setting}_p98"] = _percent(average_precision(curve, HIGH_PRECISION))
        found["operating_point"] = self.point and {
            "threshold": round(self.point.threshold, 4),
            "precision": _percent(self.point.precision),
            "recall": _percent(self.point.recall),
        }
        found["recall_by_size"] = [
            _recalls(row, strict) for row, strict in zip(self.sizes, self.sizes_at_point, strict=True)
        ]
        found["recall_over_400_px"] = _recalls(self.large, self.large_at_point)
        found["landmark_error"] = self.landmarks and {
            "faces": self.landmarks.faces,
            "mean": _percent(self.landmarks.mean),
            "median": _percent(self.landmarks.median),
        }
        return found


def measure(
    truth: GroundTruth, detections: Detections, landmarks: Mapping[str, npt.NDArray[np.floating]] | None = None
) -> Report:
    """Holds detections (and their landmarks (N, 5, 2), in the same order) against the ground truth."""
    matches = match(truth, detections)
    widest = max(truth.counted, key=lambda setting: int(truth.counted[setting].sum()))
    point = operating_point(truth, matches, widest, HIGH_PRECISION)
    strict = np.inf if point is None else point.threshold
    known = truth.sizes is not None
    return Report(
        len(truth.names),
        {setting: precision_recall(truth, matches, setting) for setting in truth.counted},
        point,
        recall_by_size(truth, matches, widest) if known else [],
        recall_by_size(truth, matches, widest, threshold=strict) if known else [],
        recall_by_size(truth, matches, widest, long_side=None, edges=(_LARGE,))[0],
        recall_by_size(truth, matches, widest, threshold=strict, long_side=None, edges=(_LARGE,))[0],
        landmark_error(truth, matches, landmarks) if landmarks is not None else None,
    )


def plot(directory: str | Path, label: str, report: Report) -> list[Path]:
    """Adds a run to a folder of curves and redraws its figures with every run that lies there, one line for each.

    Returns the figures. Raises DataError for a file of curves that is damaged.
    """
    folder = Path(directory, "curves")
    folder.mkdir(parents=True, exist_ok=True)
    entry = {
        "label": label,
        "curves": {s: {k: v.round(6).tolist() for k, v in asdict(c).items()} for s, c in report.curves.items()},
        "sizes": [asdict(row) | {"high": None if np.isinf(row.high) else row.high} for row in report.sizes],
    }
    path = folder / f"{''.join(c if c.isalnum() or c in '._-' else '_' for c in label)}.json"
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(entry), encoding="utf-8")
    os.replace(temporary, path)

    by_setting: dict[str, dict[str, Curve]] = {}
    sizes: dict[str, list[SizeRecall]] = {}
    for file in sorted(folder.glob("*.json")):
        try:
            stored = json.loads(file.read_text(encoding="utf-8"))
            for setting, values in stored["curves"].items():
                curve = Curve(**{key: np.array(value, np.float64) for key, value in values.items()})
                by_setting.setdefault(setting, {})[stored["label"]] = curve
            if stored["sizes"]:
                rows = [row | {"high": np.inf if row["high"] is None else row["high"]} for row in stored["sizes"]]
                sizes[stored["label"]] = [SizeRecall(**row) for row in rows]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{file}: not a file of curves that this command wrote ({error!r}); remove it.") from error

    figures = []
    for setting, lines in by_setting.items():
        for above, name in ((None, f"{setting}.png"), (HIGH_PRECISION, f"{setting}_p98.png")):
            title = f"{setting} faces" + ("" if above is None else f", precision > {above:.0%}")
            figures.append(curves.save(curves.precision_recall_figure(lines, title, above), Path(directory, name)))
    if sizes:
        figure = curves.size_recall_figure(sizes, "Recall by face size (long side 640)")
        figures.append(curves.save(figure, Path(directory, "recall_by_size.png")))
    return figures


def _percent(value: float) -> float | None:
    return None if np.isnan(value) else round(100 * value, 2)


def _recalls(row: SizeRecall, strict: SizeRecall) -> dict[str, Any]:
    return {
        "size": row.label,
        "faces": row.faces,
        "recall": _percent(row.recall),
        "recall_p98": _percent(strict.recall),
    }
