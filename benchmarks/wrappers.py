"""Whether the SCRFD classes of insightface and uniface load a model file, and what they find beside a reference file.

    pip install insightface uniface
    python benchmarks/wrappers.py MODEL.onnx REFERENCE.onnx PICTURE...

Prints per wrapper and file the faces in each picture, and the largest distance between boxes of both files. uniface
takes files with landmarks and without batch dimension only, as `scrfd-edge convert .. --to onnx --single` makes them.
"""

import argparse
import importlib
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np


def insightface_boxes(path: str) -> Callable[[Any], Any]:
    detector = importlib.import_module("insightface.model_zoo.scrfd").SCRFD(path)
    detector.prepare(-1, input_size=(640, 640), det_thresh=0.5)
    return lambda picture: detector.detect(picture, input_size=(640, 640))[0][:, :4]


def uniface_boxes(path: str) -> Callable[[Any], Any]:
    module: Any = importlib.import_module("uniface.detection.scrfd")
    # The class only knows names of its own store, which this function turns into paths.
    module.verify_model_weights = lambda name: path
    detector = module.SCRFD(providers=["CPUExecutionProvider"])
    return lambda picture: np.array([face.bbox for face in detector.detect(picture)]).reshape(-1, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("reference")
    parser.add_argument("pictures", nargs="+")
    options = parser.parse_args()
    pictures = [cv2.imread(path) for path in options.pictures]
    for name, make in {"insightface": insightface_boxes, "uniface": uniface_boxes}.items():
        found = []
        for path in (options.model, options.reference):
            try:
                find = make(path)
                found.append([find(picture) for picture in pictures])
                print(f"{name}: {path}: faces {[len(boxes) for boxes in found[-1]]}")
            except Exception as error:  # noqa: BLE001 - what a wrapper raises on a file is the result here
                print(f"{name}: {path}: {type(error).__name__}: {error}")
        if len(found) == 2 and all(len(a) == len(b) for a, b in zip(*found, strict=True)):
            distance = max((float(np.abs(a - b).max()) for a, b in zip(*found, strict=True) if len(a)), default=0.0)
            print(f"{name}: boxes differ by at most {distance:.2g} px")


if __name__ == "__main__":
    main()
