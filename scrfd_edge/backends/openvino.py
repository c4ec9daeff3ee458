"""OpenVINO: the fastest engine on x86 CPUs; also Intel's GPUs and NPUs.

Opens its IR, an .xml file with its .bin, and ONNX.
"""

import importlib
import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from ..catalog import cache_folder
from ..errors import BackendError, ModelError
from ..metadata import KEY, Metadata
from .base import Outputs, Tensor
from .onnx import read_onnx, usable_cpus
from .ports import check_outputs, official_order

_SHAPES = 8  # tensor shapes kept compiled: a camera needs one, a folder of photographs a few
_HINTS = {"fp32": "f32", "fp16": "f32", "int8": "f32", "bf16": "bf16"}
"""Precision -> what OpenVINO computes in where nothing is quantized; left alone, it takes bf16 without saying so."""


class OpenVinoBackend:
    """An SCRFD network in OpenVINO's format, compiled for latency, once per tensor shape."""

    engine = "openvino"

    def __init__(
        self, path: str | Path, *, threads: int | None = None, device: str = "auto", precision: str = "auto"
    ) -> None:
        """threads: of one run on the CPU, None for all of this process. device: "auto" and "cpu" mean the CPU; "gpu",
        "npu" or "AUTO:GPU,CPU" go to OpenVINO as they are. precision: "auto", the one that the file must have, or
        "bf16" to run an FP32 file in it.

        Raises ModelError for a file that is damaged or no SCRFD network, BackendError where the device is absent.
        """
        self._ov: Any = importlib.import_module("openvino")
        self.version: str = self._ov.__version__.partition("-")[0]
        path = Path(path)
        self._core = self._ov.Core()
        self._device = "CPU" if device in ("auto", "cpu") else device.upper()
        self._check_device(device)
        self.device = self._device.lower()
        self._npu = "NPU" in self._device  # has no FP32, and takes no wish for it
        self.threads: int | None = (threads or usable_cpus()) if self._device == "CPU" else None
        self._model = self._read(path)
        names = [output.get_any_name() for output in self._model.outputs]
        self._lock = threading.Lock()
        self._compiled: OrderedDict[tuple[int, ...], Any] = OrderedDict()
        self._local = threading.local()
        where = ["framework", KEY] if path.suffix.lower() == ".onnx" else [KEY]
        text = self._model.get_rt_info(where).astype(str) if self._model.has_rt_info(where) else None
        self.metadata = self._metadata(path, text)
        self.precision = self.metadata.precision
        if self._npu and self.precision == "fp32":
            self.precision = "fp16"
        if precision == "bf16" and self.precision in ("fp32", "fp16") and self._device == "CPU":
            self.precision = "bf16"
        elif precision not in ("auto", self.precision):
            raise BackendError(
                f"{path} computes in {self.precision}, not {precision}: choose another file, or precision='auto'."
            )
        shape = self._model.inputs[0].partial_shape
        rows = 1 if self.metadata.layout == "NHWC" else 2
        sides = shape[rows], shape[rows + 1]
        fixed = all(side.is_static for side in sides)
        self.shape: tuple[int, int] | None = (sides[0].get_length(), sides[1].get_length()) if fixed else None
        self.dynamic_batch = False  # every batch size would be compiled for itself, which takes seconds each
        tensor = self._smallest()
        request = self._request(tensor.shape)
        shapes = [(1, *output.get_shape())[-3:] for output in request.get_compiled_model().outputs]
        self._order = official_order(names, shapes, path)
        check_outputs(self.run(tensor), self._sides(tensor), self.metadata, path)

    def run(self, tensor: Tensor) -> Outputs:
        request = self._request(tensor.shape)
        request.infer([tensor], share_inputs=True)
        outputs = (request.get_output_tensor(i).data.copy() for i in self._order)
        # Some official exports drop the batch dimension of their outputs.
        return [out if out.ndim == 3 else out[None] for out in outputs]

    def _check_device(self, device: str) -> None:
        kind = self._device.partition(":")[0].partition(".")[0]
        found = {name.partition(".")[0] for name in self._core.available_devices}
        if kind not in found and kind not in ("AUTO", "MULTI", "HETERO"):
            raise BackendError(f"{device!r} was asked for, but OpenVINO finds only {', '.join(sorted(found)).lower()}.")

    def _read(self, path: Path) -> Any:
        if path.suffix.lower() == ".onnx":
            files: tuple[Any, ...] = (read_onnx(path),)
        else:
            files = path, path.with_suffix(".bin")
            for file in files:
                if not file.is_file():
                    raise ModelError(
                        f"{file} is missing: an OpenVINO model is an .xml file with a .bin file beside it."
                    )
        try:
            model = self._core.read_model(*files)
        except Exception as error:  # noqa: BLE001 - the engine raises RuntimeError and more for damaged files
            raise ModelError(f"{path} is damaged or no model that OpenVINO {self.version} reads: {error}") from None
        if len(model.inputs) != 1 or len(model.inputs[0].partial_shape) != 4:
            raise ModelError(f"{path} is not an SCRFD network: expected one input with 4 dimensions.")
        return model

    def _metadata(self, path: Path, text: str | None) -> Metadata:
        port = self._model.inputs[0]
        if text is None:
            shapes = [[d.get_length() if d.is_static else None for d in o.partial_shape] for o in self._model.outputs]
            metadata = Metadata.from_outputs(sorted(shapes, key=lambda s: s[-1] or 0), path)
        else:
            metadata = Metadata.parse(text, path)
        kinds = {"f32": "float32", "u8": "uint8", "i8": "int8"}
        channels = port.partial_shape[3 if metadata.layout == "NHWC" else 1]
        came = kinds.get(port.get_element_type().get_type_name())
        if came != metadata.dtype or channels != 3 or len(self._model.outputs) != metadata.outputs:
            raise ModelError(
                f"{path} is not an SCRFD network: expected a {metadata.dtype} {metadata.layout} input with 3 channels "
                f"and {metadata.outputs} outputs, got {port} and {len(self._model.outputs)}."
            )
        return metadata

    def _smallest(self) -> Tensor:
        height, width = self.shape or (self.metadata.strides[-1],) * 2
        nhwc = self.metadata.layout == "NHWC"
        return np.zeros((1, height, width, 3) if nhwc else (1, 3, height, width), self.metadata.dtype)

    def _sides(self, tensor: Tensor) -> tuple[int, int]:
        n = 1 if self.metadata.layout == "NHWC" else 2
        return tensor.shape[n], tensor.shape[n + 1]

    def _request(self, shape: tuple[int, ...]) -> Any:
        """This thread's request for tensors of `shape`."""
        requests: OrderedDict[tuple[int, ...], Any] | None = getattr(self._local, "requests", None)
        if requests is None:
            requests = self._local.requests = OrderedDict()
        if shape not in requests:
            requests[shape] = self._compile(shape).create_infer_request()
        _keep_newest(requests, shape)
        return requests[shape]

    def _compile(self, shape: tuple[int, ...]) -> Any:
        with self._lock:
            if shape not in self._compiled:
                model = self._model.clone()
                model.reshape(list(shape))
                try:
                    self._compiled[shape] = self._core.compile_model(model, self._device, self._settings())
                except Exception as error:  # noqa: BLE001 - the engine has no base class of its own for its errors
                    raise BackendError(
                        f"OpenVINO {self.version} cannot run this network on {self.device!r}: {error}"
                    ) from None
            _keep_newest(self._compiled, shape)
            return self._compiled[shape]

    def _settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if not self._npu:
            settings["INFERENCE_PRECISION_HINT"] = _HINTS.get(self.precision, "f32")
        if self._device == "CPU":
            settings |= {"NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": self.threads}
        folder = cache_folder() / "openvino"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return settings
        return settings | {"CACHE_DIR": str(folder)} if os.access(folder, os.W_OK) else settings


def _keep_newest(kept: OrderedDict[tuple[int, ...], Any], shape: tuple[int, ...]) -> None:
    kept.move_to_end(shape)
    while len(kept) > _SHAPES:
        kept.popitem(last=False)
