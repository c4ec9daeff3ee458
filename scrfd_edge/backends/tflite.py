"""TFLite, by ai-edge-litert (or its predecessor tflite-runtime on old boards): small, and fast on Arm."""

import importlib
import importlib.metadata
import struct
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from .. import _core
from ..errors import BackendError, ModelError
from ..metadata import KEY, Metadata
from .base import Outputs, Tensor
from .onnx import usable_cpus
from .ports import check_outputs, official_order

_SHAPES = 4  # interpreters kept per thread, each with its own copy of the weights
_PACKAGES = (("ai_edge_litert", "ai-edge-litert"), ("tflite_runtime", "tflite-runtime"))


class TfliteBackend:
    """An SCRFD network in a TFLite file. Every thread has interpreters of its own, one per tensor shape."""

    engine = "tflite"
    device = "cpu"

    def __init__(
        self, path: str | Path, *, threads: int | None = None, device: str = "auto", precision: str = "auto"
    ) -> None:
        """threads: of one run, None for all CPUs of this process. device: "auto" or "cpu". precision: "auto", or the
        one that the file must have.

        Raises ModelError for a file that is damaged or no SCRFD network, BackendError for another device.
        """
        if device not in ("auto", "cpu"):
            raise BackendError(f"The back end 'tflite' runs on 'cpu', not on {device!r}.")
        path = Path(path)
        self._interpreter_class, self.version = _engine()
        self.threads: int | None = threads or usable_cpus()
        try:
            self._data = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error}.") from None
        self._path = path
        self._local = threading.local()
        interpreter = self._interpreter()
        port = interpreter.get_input_details()[0]
        ports = interpreter.get_output_details()
        text = _metadata_text(self._data, path)
        if text is None:
            shapes = sorted((list(p["shape"]) for p in ports), key=lambda s: s[-1] if s else 0)
            self.metadata = Metadata.from_outputs(shapes, path)
        else:
            self.metadata = Metadata.parse(text, path)
        m = self.metadata
        channels = port["shape"][-1] if m.layout == "NHWC" else port["shape"][1]
        if len(port["shape"]) != 4 or channels != 3 or port["dtype"] != np.dtype(m.dtype) or len(ports) != m.outputs:
            raise ModelError(
                f"{path} is not an SCRFD network: expected a {m.dtype} {m.layout} input with 3 channels and "
                f"{m.outputs} outputs, got {port['dtype'].__name__} {tuple(port['shape'])} and {len(ports)}."
            )
        self.precision = m.precision
        if precision not in ("auto", self.precision):
            raise BackendError(
                f"{path} computes in {self.precision}, not {precision}: choose another file, or precision='auto'."
            )
        rows = 1 if m.layout == "NHWC" else 2
        free = -1 in list(port["shape_signature"])[rows : rows + 2]
        self.shape: tuple[int, int] | None = None if free else tuple(port["shape"][rows : rows + 2].tolist())
        self.dynamic_batch = False
        names = [p["name"].partition(":")[0] for p in ports]
        self._order = official_order(names, [p["shape"] for p in ports], path)
        height, width = self.shape or (m.strides[-1],) * 2
        tensor = np.zeros((1, height, width, 3) if m.layout == "NHWC" else (1, 3, height, width), m.dtype)
        try:
            outputs = self.run(tensor)
        except (ValueError, RuntimeError) as error:  # the engine looks at some values only here
            raise ModelError(f"{path} is damaged: it does not run on a tensor {tensor.shape}: {error}") from None
        check_outputs(outputs, (height, width), m, path)

    def run(self, tensor: Tensor) -> Outputs:
        interpreter = self._resized(tensor.shape)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], tensor)
        interpreter.invoke()
        ports = interpreter.get_output_details()
        return [_floats(interpreter, ports[i]) for i in self._order]

    def _resized(self, shape: tuple[int, ...]) -> Any:
        """This thread's interpreter for tensors of `shape`."""
        kept: OrderedDict[tuple[int, ...], Any] | None = getattr(self._local, "kept", None)
        if kept is None:
            kept = self._local.kept = OrderedDict()
        if shape not in kept:
            interpreter = self._interpreter()
            interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], shape)
            interpreter.allocate_tensors()
            kept[shape] = interpreter
        kept.move_to_end(shape)
        while len(kept) > _SHAPES:
            kept.popitem(last=False)
        return kept[shape]

    def _interpreter(self) -> Any:
        try:
            return self._interpreter_class(model_content=self._data, num_threads=self.threads)
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"{self._path} ({len(self._data):,} bytes) is damaged, truncated or no TFLite file: {error}"
            ) from None


def _engine() -> tuple[Any, str]:
    for package, distribution in _PACKAGES:
        try:
            module = importlib.import_module(f"{package}.interpreter")
        except ImportError:
            continue
        return module.Interpreter, importlib.metadata.version(distribution)
    raise BackendError("The engine of the back end 'tflite' is not installed: pip install 'scrfd-edge[tflite]'")


def _floats(interpreter: Any, port: dict[str, Any]) -> Any:
    values = interpreter.get_tensor(port["index"])
    if values.dtype == np.float32:
        return values
    scale, zero_point = port["quantization"]
    return _core.dequantize(values, scale=scale, zero_point=zero_point)


# Slots of the tables in TFLite's schema: Model.buffers, Model.metadata; Metadata.name, .buffer; Buffer.data.
_BUFFERS, _METADATA = 4, 6
_NAME, _BUFFER = 0, 1
_DATA = 0


def _metadata_text(data: bytes, path: Path) -> str | None:
    """The entry `scrfd_edge` of the file's metadata. The interpreter has no way to ask for it."""

    def number(at: int, kind: str = "<I") -> int:
        return int(struct.unpack_from(kind, data, at)[0])

    def field(table: int, slot: int) -> int | None:
        """Where the value of a table's slot lies, None where it is absent."""
        slots = table - number(table, "<i")
        offset = number(slots + 4 + 2 * slot, "<H") if 4 + 2 * slot < number(slots, "<H") else 0
        return table + offset if offset else None

    def vector(at: int | None) -> tuple[int, int]:
        """Where a vector's elements start, and how many there are."""
        if at is None:
            return 0, 0
        start = at + number(at)
        return start + 4, number(start)

    def tables(at: int | None) -> list[int]:
        start, count = vector(at)
        return [start + 4 * i + number(start + 4 * i) for i in range(count)]

    def content(at: int | None) -> bytes:
        start, count = vector(at)
        return data[start : start + count]

    try:
        model = number(0)
        for entry in tables(field(model, _METADATA)):
            if content(field(entry, _NAME)) == KEY.encode():
                index = field(entry, _BUFFER)
                buffer = tables(field(model, _BUFFERS))[0 if index is None else number(index)]
                return content(field(buffer, _DATA)).decode()
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: its metadata are damaged ({error}).") from None
    return None
