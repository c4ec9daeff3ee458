"""Golden files for the Java tests: what the Python SDK makes of one photograph, step by step.

    python android_demo/checks/golden.py OUT

For each case, OUT/CASE/ holds
  model.tflite      our own scrfd_500m_kps, converted here
  case.properties   width, height (of the frame), longSide, score, iou
  frame.rgb         the frame's pixels: R, G, B, rows from the top
  tensor.bin        the input tensor, in the model's layout and type
  output_I.bin      the network's raw output I, in the file's order and type
  faces.bin         per face x1, y1, x2, y2, score and ten landmark coordinates, little-endian float32
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter
from scrfd_edge_converters.conversion import Request, convert

from scrfd_edge import FaceDetector, _core
from scrfd_edge.backends.base import open_backend
from scrfd_edge.catalog import SAMPLE
from scrfd_edge.image import load

Pixels = npt.NDArray[np.uint8]

WEIGHTS = SAMPLE.parent / "scrfd_500m_kps.onnx"
_IOU = 0.4


@dataclass(frozen=True)
class Case:
    """One converted file on one frame. frame: (height, width). long_side: of the tensor's content in pixels. size:
    (height, width) of the tensor where the file takes only that one."""

    name: str
    precision: str
    frame: tuple[int, int]
    long_side: int
    score: float
    size: tuple[int, int] | None = None


CASES = (
    Case("fp32", "fp32", (720, 960), 640, 0.5),
    Case("fp32_upright", "fp32", (640, 480), 320, 0.5),
    Case("fp32_fixed", "fp32", (480, 640), 320, 0.5, size=(256, 320)),
    Case("fp32_crowded", "fp32", (720, 960), 640, 0.02),
    Case("int8_integer_outputs", "int8-io", (720, 960), 640, 0.5),
    Case("int8_float_outputs", "int8", (640, 480), 640, 0.5),
)


def portraits(height: int, width: int, scale: float) -> Pixels:
    """RGB: the portrait at a share of its size, over and over, so that a picture holds several faces."""
    picture = load(SAMPLE).pixels  # RGB, as Pillow decodes
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    rows, columns = -(-height // small.shape[0]), -(-width // small.shape[1])
    return np.ascontiguousarray(np.tile(small, (rows, columns, 1))[:height, :width], np.uint8)


def write_calibration(folder: Path) -> None:
    """Portraits of many sizes: enough for the ranges of a test."""
    for i in range(40):
        picture = portraits(480 + 8 * i, 640, 0.3 + 0.02 * i)
        cv2.imwrite(str(folder / f"{i}.png"), picture[:, :, ::-1])


def write_model(case: Case, calibration: Path, out: Path) -> None:
    integer = case.precision.startswith("int8")
    request = Request(
        source=WEIGHTS,
        target="tflite",
        precision=case.precision,
        out=out,
        size=case.size,
        calibration=calibration if integer else None,
        pictures=40,
        force=True,
    )
    convert(request, lambda what, done, of: None)


def write_case(case: Case, calibration: Path, out: Path) -> int:
    """How many faces there are."""
    out.mkdir(parents=True, exist_ok=True)
    model = out / "model.tflite"
    write_model(case, calibration, model)
    frame = portraits(*case.frame, 0.75)
    placement = (
        _core.Placement.fit(case.frame, case.long_side)
        if case.size is None
        else _core.Placement.fit_shape(case.frame, case.size)
    )
    interpreter = Interpreter(model_path=str(model), num_threads=1)
    port = interpreter.get_input_details()[0]
    interpreter.resize_tensor_input(port["index"], (1, *placement.tensor, 3))
    interpreter.allocate_tensors()
    tensor = np.empty((1, *placement.tensor, 3), port["dtype"])
    detector = FaceDetector(
        model,
        backend="tflite",
        threads=1,
        input_size=case.long_side,
        score_threshold=case.score,
        nms_threshold=_IOU,
    )
    m = open_backend("tflite", model, threads=1, device="cpu", precision="auto").metadata
    _core.letterbox(frame, placement, tensor[0], layout="hwc", swap=m.color != "rgb", mean=m.mean, std=m.std, pad=127.5)
    interpreter.set_tensor(port["index"], tensor)
    interpreter.invoke()
    faces = detector.detect(frame, color="rgb")
    if len(faces) == 0 or faces.landmarks is None:
        raise SystemExit(f"{case.name}: no face was found, so the case would show nothing")
    rows = np.concatenate(
        [faces.boxes, faces.scores[:, None], faces.landmarks.reshape(-1, 10)], axis=1, dtype=np.float32
    )
    for i, output in enumerate(interpreter.get_output_details()):
        (out / f"output_{i}.bin").write_bytes(interpreter.get_tensor(output["index"]).tobytes())
    (out / "frame.rgb").write_bytes(frame.tobytes())
    (out / "tensor.bin").write_bytes(tensor.tobytes())
    (out / "faces.bin").write_bytes(rows.tobytes())
    height, width = case.frame
    (out / "case.properties").write_text(
        f"width={width}\nheight={height}\nlongSide={case.long_side}\nscore={case.score}\niou={_IOU}\n"
    )
    return len(faces)


def main() -> None:
    out = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        write_calibration(Path(folder))
        for case in CASES:
            print(f"{case.name}: {write_case(case, Path(folder), out / case.name)} faces")


if __name__ == "__main__":
    main()
