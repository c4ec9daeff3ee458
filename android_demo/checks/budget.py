"""The network's part of a frame at 320x320: multiply-adds, bytes, and milliseconds of one thread on this machine.

python android_demo/checks/budget.py
"""

import tempfile
import time
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as tfl
from ai_edge_litert.interpreter import Interpreter
from scrfd_edge_converters.conversion import Request, convert

from scrfd_edge.catalog import SAMPLE
from scrfd_edge.cost import cost
from scrfd_edge.description import DESCRIPTIONS

_MODEL = "scrfd_500m_kps"
_SIDE = 320
_ROUNDS = 200


def map_bytes(file: bytes) -> int:
    """Bytes of all maps between operations: float32, batch 1."""
    model = tfl.ModelT.InitFromPackedBuf(file, 0)
    graph = model.subgraphs[0]
    written = [graph.tensors[i] for operator in graph.operators for i in operator.outputs]
    return sum(4 * int(np.prod(tensor.shape)) for tensor in written)


def median_ms(file: bytes) -> float:
    interpreter = Interpreter(model_content=file, num_threads=1)
    interpreter.allocate_tensors()
    noise = np.random.default_rng(0).normal(size=(1, _SIDE, _SIDE, 3)).astype(np.float32)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], noise)
    times = []
    for _ in range(2 * _ROUNDS):
        start = time.perf_counter()
        interpreter.invoke()
        times.append(time.perf_counter() - start)
    return float(np.median(times[_ROUNDS:])) * 1e3


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "model.tflite"
        source = SAMPLE.parent / f"{_MODEL}.onnx"
        convert(
            Request(source=source, target="tflite", precision="fp32", out=out, size=(_SIDE, _SIDE)),
            lambda what, done, of: None,
        )
        file = out.read_bytes()
    total = cost(DESCRIPTIONS[_MODEL], (_SIDE, _SIDE)).total
    print(f"network: {total.conv_macs / 1e6:.1f} M multiply-adds, {total.params * 4 / 1e6:.2f} MB of weights,")
    print(f"{map_bytes(file) / 1e6:.2f} MB of maps written, {median_ms(file):.3f} ms")


if __name__ == "__main__":
    main()
