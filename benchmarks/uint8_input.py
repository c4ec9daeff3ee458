"""Would files that take the picture's own integers, uint8 NHWC with the normalisation in the graph, be faster?

    python benchmarks/uint8_input.py [MODEL.onnx] [MODEL.int8.onnx] [MODEL.int8.xml] [--rounds 60]

Letterbox of a 1280 x 720 frame and network, one thread, turn by turn, each file as it is and behind such an input:
three nodes in ONNX, OpenVINO's own preprocessing in its format. Milliseconds, median and lower quartile.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper

from scrfd_edge import _core, catalog
from scrfd_edge.image import load

Run = Callable[[npt.NDArray[Any]], Any]


def open_onnx(path: Path, integers: bool) -> Run:
    model = onnx.load(path)
    graph = model.graph
    name = graph.input[0].name
    if integers:
        front = [
            helper.make_node("Transpose", ["picture"], ["planes"], perm=[0, 3, 1, 2]),
            helper.make_node("Cast", ["planes"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Sub", ["floats", "mean"], ["centred"]),
            helper.make_node("Mul", ["centred", "factor"], [name]),
        ]
        constants = {"mean": 127.5, "factor": 1 / 128}
        graph.initializer.extend(numpy_helper.from_array(np.float32(v), k) for k, v in constants.items())
        rest = list(graph.node)
        del graph.node[:], graph.input[:]
        graph.node.extend([*front, *rest])
        name = "picture"
        graph.input.append(helper.make_tensor_value_info(name, TensorProto.UINT8, ["batch", "height", "width", 3]))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda tensor: session.run(None, {name: tensor})


def open_openvino(path: Path, integers: bool, shape: tuple[int, int]) -> Run:
    core = openvino.Core()
    model = core.read_model(path)
    model.reshape([1, 3, *shape])
    if integers:
        steps = openvino.preprocess.PrePostProcessor(model)
        steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
        steps.input().model().set_layout(openvino.Layout("NCHW"))
        steps.input().preprocess().convert_element_type(openvino.Type.f32).mean(127.5).scale(128.0)
        model = steps.build()
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    return lambda tensor: request.infer([tensor], share_inputs=True)


def call(run: Run | None, frame: npt.NDArray[np.uint8], out: npt.NDArray[Any], placement: _core.Placement) -> None:
    integers = out.dtype == np.uint8
    settings: dict[str, Any] = {"layout": "hwc" if integers else "chw", "swap": True, "pad": 127.5}
    _core.letterbox(
        frame, placement, out[0], mean=0.0 if integers else 127.5, std=1.0 if integers else 128.0, **settings
    )
    if run is not None:
        run(out)


def measure(calls: dict[str, Callable[[], None]], rounds: int) -> dict[str, npt.NDArray[np.float64]]:
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, one in calls.items():
            one()  # brings its memory into the caches
            start = perf_counter()
            one()
            seconds[name].append(perf_counter() - start)
    return {name: 1e3 * np.array(s) for name, s in seconds.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = ("scrfd_500m_kps.onnx", "scrfd_500m_kps.int8.onnx", "scrfd_500m_kps.int8.xml")
    parser.add_argument("files", type=Path, nargs="*", default=[catalog.BUNDLED / name for name in names])
    parser.add_argument("--rounds", type=int, default=60)
    args = parser.parse_args(arguments)
    frame = np.asarray(cv2.resize(load(catalog.SAMPLE).to_array("bgr"), (1280, 720)), np.uint8)
    placement = _core.Placement.fit(frame.shape[:2], 640)
    height, width = placement.tensor
    tensors: dict[str, npt.NDArray[Any]] = {
        "float32": np.empty((1, 3, height, width), np.float32),
        "uint8": np.empty((1, height, width, 3), np.uint8),
    }
    calls: dict[str, Callable[[], None]] = {}
    for kind, tensor in tensors.items():
        calls[f"{kind:8} letterbox alone"] = partial(call, None, frame, tensor, placement)
    for file in args.files:
        for kind, tensor in tensors.items():
            integers = kind == "uint8"
            xml = file.suffix == ".xml"
            run = open_openvino(file, integers, (height, width)) if xml else open_onnx(file, integers)
            calls[f"{kind:8} {file.name}"] = partial(call, run, frame, tensor, placement)
    for name, ms in measure(calls, args.rounds).items():
        print(f"{np.median(ms):7.2f} {np.percentile(ms, 25):7.2f}  {name}")


if __name__ == "__main__":
    main()
