"""The files of one of our models that the package ships, for all engines, with their hashes, AP and card.

    python -m scrfd_edge_converters.release models/scrfd_500m_kps --calibration DIR [--exclude LIST]
        --images DIR --list LIST --ground-truth DIR

The folder holds weights.safetensors and card.md: the card's text, and in its head what is not measured here. Written
are the model files, the card with what is, and the model's entry in files.json, which the catalog reads. They appear
together at the end; before, nothing is changed.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from scrfd_edge.annotations import read_list
from scrfd_edge.catalog import BUNDLED
from scrfd_edge.detector import FaceDetector
from scrfd_edge.errors import DataError, ScrfdError
from scrfd_edge.evaluation.ground_truth import GroundTruth, load_ground_truth
from scrfd_edge.evaluation.report import measure
from scrfd_edge.evaluation.run import SCORE_THRESHOLD, run, sized

from .conversion import SUFFIXES, Request, convert
from .source import open_source

FILES = (("onnx", "fp32"), ("onnx", "int8"), ("openvino", "int8"), ("tflite", "int8"), ("tflite", "fp16"))
"""(format, precision). OpenVINO reads the FP32 file as it is; FP16 halves TFLite's, and is computed in FP32 on CPUs."""

INTEGERS_ALONE = ("scrfd_2.5g_kps",)
"""Models whose floats would take the wheel over 15 MB. `convert` makes them from models/NAME/weights.safetensors, which
the repository has and the wheel has not."""

SETTINGS = ("easy", "medium", "hard")
_SIZE = "square640"


@dataclass(frozen=True)
class Photographs:
    """calibration: a folder; exclude: some of its paths to leave alone. names: of the pictures in the folder `images`
    that AP is measured on, with their ground truth."""

    calibration: Path
    exclude: frozenset[str]
    images: Path
    names: Sequence[str]
    truth: GroundTruth


def release(folder: Path, photographs: Photographs, out: Path = BUNDLED) -> None:
    """Makes the files of models/NAME in `out`. Raises what `convert` and the evaluation raise, DataError for a card
    without a head."""
    weights = folder / "weights.safetensors"
    head, text = _read_card(folder / "card.md")
    metadata = open_source(weights).metadata
    whole = _evaluate(weights, "torch", photographs, metadata.score_threshold)
    ships = [file for file in FILES if file[1] == "int8" or metadata.model not in INTEGERS_ALONE]
    rows = []
    with tempfile.TemporaryDirectory(prefix=".release-", dir=out) as temporary:
        for target, precision in ships:
            name = f"{metadata.model}{'' if precision == 'fp32' else f'.{precision}'}{SUFFIXES[target]}"
            made = Path(temporary) / name
            request = Request(
                weights, target, precision, made, calibration=photographs.calibration, exclude=photographs.exclude
            )
            _say(f"{name}: {convert(request, lambda what, done, of: None)}")
            rows.append(_row(made, precision, _evaluate(made, target, photographs)))
            _say(f"{name}: AP {rows[-1]['ap']}")
        card = Path(temporary) / f"{metadata.model}.md"
        measured = _measured(rows, whole, str(metadata.source_sha256), metadata.score_threshold)
        card.write_text(f"---\nmodel: {metadata.model}\n{measured}{head}---\n{text}", encoding="utf-8")
        table = Path(temporary) / "files.json"
        known = json.loads((out / table.name).read_text()) if (out / table.name).exists() else {}
        entry = {"ap": _ap(whole), "files": rows}
        table.write_text(json.dumps({**known, metadata.model: entry}, indent=1) + "\n")
        for path in sorted(Path(temporary).iterdir()):
            path.replace(out / path.name)


def _read_card(path: Path) -> tuple[str, str]:
    """The lines of the head, between the lines ---, and the text after it."""
    try:
        start, head, text = path.read_text(encoding="utf-8").split("---\n", 2)
    except (OSError, ValueError):
        start, head, text = "no head", "", ""
    if start:
        raise DataError(f"{path}: expected a model card that begins with a head between two lines ---.")
    return head, text


def _evaluate(path: Path, backend: str, photographs: Photographs, threshold: float | None = None) -> dict[str, Any]:
    opener = partial(FaceDetector, path, backend=backend, device="cpu", score_threshold=SCORE_THRESHOLD)
    done = run(sized(opener, _SIZE), photographs.images, photographs.names)
    truth = replace(photographs.truth, sizes=done.sizes)
    return measure(truth, done.detections, done.landmarks, threshold).to_dict()


def _row(path: Path, precision: str, report: dict[str, Any]) -> dict[str, Any]:
    """Arguments of the catalog's ModelFile."""
    row = {"name": path.name, "precision": precision, "sha256": _sha256(path)}
    if path.suffix == ".xml":
        row["bin_sha256"] = _sha256(path.with_suffix(".bin"))
    return {**row, "ap": _ap(report)}


def _ap(report: dict[str, Any]) -> list[float]:
    return [report[setting] for setting in SETTINGS]


def _measured(rows: list[dict[str, Any]], report: dict[str, Any], source: str, threshold: float | None) -> str:
    """The card's lines on files, accuracy, recall and operating point. report: of the weights in FP32."""
    fp32 = " / ".join(f"{ap:.2f}" for ap in _ap(report))
    lines = [f"source_sha256: {source}", f"accuracy_fp32: {fp32} (easy / medium / hard, of the weights)", "files:"]
    for row in rows:
        lines.append(f"  - name: {row['name']}")
        lines += [f"    {key}: {row[key]}" for key in ("precision", "sha256", "bin_sha256") if key in row]
        lines += [f"    {setting}: {ap:.2f}" for setting, ap in zip(SETTINGS, row["ap"], strict=True)]
    lines += [
        f"accuracy: AP of every file on {report['images']} pictures of WIDER FACE val, long side 640 padded to 640x640",
        "  (score > 0.02, NMS 0.45), measured by python -m scrfd_edge_converters.release as by scrfd-edge eval",
    ]
    at = "the operating point" if threshold is not None else "precision 98 % there"
    for key, what in (("recall_over_400_px", "the picture itself"), ("recall_under_16_px", "the long side 640")):
        found = report[key]
        recall = "unknown" if found["recall"] is None else f"{found['recall']:.1f} % at score 0.02"
        if found["recall_p98"] is not None:
            recall += f", {found['recall_p98']:.1f} % at {at}"
        lines.append(f"{key}: {recall} ({found['faces']} faces, pixels of {what})")
    point = "none measured; the detector uses a score of 0.5"
    if threshold is not None:
        found = report["operating_point"]
        point = f"score {threshold:.3f}; precision {found['precision']:.1f} %, recall {found['recall']:.1f} % there"
    return "\n".join([*lines, f"operating_point: {point}", ""])


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--calibration", type=Path, required=True, help="folder of photographs for INT8")
    parser.add_argument("--exclude", type=Path, help="list of pictures in that folder to leave alone")
    parser.add_argument("--images", type=Path, required=True, help="folder of the pictures that AP is measured on")
    parser.add_argument("--list", type=Path, required=True, help="which of them")
    parser.add_argument("--ground-truth", type=Path, required=True, help="folder of WIDER FACE's four .mat files")
    args = parser.parse_args()
    try:
        exclude = frozenset() if args.exclude is None else frozenset(read_list(args.exclude))
        names = read_list(args.list)
        truth = load_ground_truth(args.ground_truth, names)
        release(args.folder, Photographs(args.calibration, exclude, args.images, names, truth))
    except ScrfdError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
