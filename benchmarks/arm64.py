"""The faces that a model file finds, as JSON, and whether two machines found the same. Run by arm64.sh.

python benchmarks/arm64.py find MODEL OUT.json PICTURE...
python benchmarks/arm64.py compare HERE.json THERE.json
"""

import json
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np

from scrfd_edge import FaceDetector

_THRESHOLD = 0.3
_PIXELS, _SCORES = 0.5, 2e-3  # what FP32 files may differ by from engine to engine


def find(model: Path, pictures: list[Path]) -> dict[str, Any]:
    backend = {".onnx": "onnx", ".tflite": "tflite"}[model.suffix]
    detector = FaceDetector(model, backend=backend, score_threshold=_THRESHOLD, threads=2)
    what = f"{platform.machine()}, Python {platform.python_version()}, {detector!r}"
    return {"what": what, "faces": [detector.detect(picture).to_dict()["faces"] for picture in pictures]}


def compare(here: dict[str, Any], there: dict[str, Any]) -> str:
    """Raises AssertionError for a face that differs."""
    count = 0
    for a, b in zip(here["faces"], there["faces"], strict=True):
        assert len(a) == len(b), f"{len(a)} faces here, {len(b)} there"
        for x, y in zip(a, b, strict=True):
            np.testing.assert_allclose(y["box"], x["box"], atol=_PIXELS)
            np.testing.assert_allclose(y["landmarks"], x["landmarks"], atol=_PIXELS)
            np.testing.assert_allclose(y["score"], x["score"], atol=_SCORES)
            count += 1
    assert count, "no face to compare: give pictures with faces"
    return f"the same {count} faces in {len(here['faces'])} pictures:\n  {here['what']}\n  {there['what']}"


def main() -> None:
    command, first, second, *pictures = sys.argv[1:]
    if command == "find":
        Path(second).write_text(json.dumps(find(Path(first), [Path(p) for p in pictures])))
    else:
        print(compare(*(json.loads(Path(p).read_text()) for p in (first, second))))


if __name__ == "__main__":
    main()
