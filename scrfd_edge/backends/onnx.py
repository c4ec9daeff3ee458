"""ONNX Runtime: the back end of the base install."""

import importlib
import importlib.metadata
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BackendError, ModelError
from ..metadata import KEY, Metadata
from .base import Outputs, Tensor
from .external import keeps_weights_elsewhere
from .ports import check_outputs

_DTYPES = {"tensor(float)": "float32", "tensor(uint8)": "uint8", "tensor(int8)": "int8"}


class OnnxBackend:
    """An SCRFD ONNX file, an official export included, in a session set up for one picture at a time."""

    engine = "onnx"

    def __init__(
        self, path: str | Path, *, threads: int | None = None, device: str = "auto", precision: str = "auto"
    ) -> None:
        """threads: of one run, None for all CPUs of this process. device: "auto" and "cpu" mean the CPU, "cuda" or
        "cuda:N" an NVIDIA GPU. precision: "auto", or the one that the file must have.

        Raises ModelError for a file that is damaged or no SCRFD network, BackendError where the device is absent.
        """
        ort: Any = importlib.import_module("onnxruntime")
        self.version: str = ort.__version__
        self.threads: int | None = threads or usable_cpus()
        self.device, providers = _providers(ort, device)
        session = _open(ort, Path(path), self.threads, providers)
        if providers and session.get_providers()[0] != providers[0][0]:
            raise BackendError(
                f"{device!r} was asked for, but ONNX Runtime could not start {providers[0][0]}: CUDA or cuDNN of the "
                "version that onnxruntime-gpu needs is missing. Use device='cpu', or install them."
            )
        self.metadata = _metadata(session, Path(path))
        self.precision = self.metadata.precision
        if precision not in ("auto", self.precision):
            raise BackendError(
                f"{path} computes in {self.precision}, not {precision}: choose another file, or precision='auto'."
            )
        self._session = session
        self._input: str = session.get_inputs()[0].name
        self.shape, self.dynamic_batch = self._check_input(session.get_inputs()[0])
        self._probe(Path(path))

    def run(self, tensor: Tensor) -> Outputs:
        # Some official exports drop the batch dimension of their outputs.
        return [out if out.ndim == 3 else out[None] for out in self._session.run(None, {self._input: tensor})]

    def _check_input(self, port: Any) -> tuple[tuple[int, int] | None, bool]:
        batch, *sides = port.shape
        first = 0 if self.metadata.layout == "NHWC" else 1
        height, width = sides[first : first + 2]
        fixed = isinstance(height, int) and isinstance(width, int)
        flat = any(len(out.shape) != 3 for out in self._session.get_outputs())
        return (height, width) if fixed else None, not isinstance(batch, int) and not flat

    def _probe(self, path: Path) -> None:
        """Runs the smallest tensor once: declared shapes are often free, or wrong, in files that work."""
        m = self.metadata
        height, width = self.shape or (m.strides[-1], m.strides[-1])
        shape = (1, height, width, 3) if m.layout == "NHWC" else (1, 3, height, width)
        try:
            outputs = self.run(np.zeros(shape, m.dtype))
        except Exception as error:  # noqa: BLE001 - the engine has no base class of its own for its errors
            raise ModelError(f"{path} does not run on a tensor {shape}: {error}") from None
        check_outputs(outputs, (height, width), m, path)


def usable_cpus() -> int:
    """CPUs that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _providers(ort: Any, device: str) -> tuple[str, list[tuple[str, dict[str, Any]]]]:
    """The device's full name, and the execution provider that must come first."""
    if device in ("auto", "cpu"):
        return "cpu", [("CPUExecutionProvider", {})]
    kind, _, index = device.partition(":")
    if kind != "cuda" or not (index or "0").isdigit():
        raise BackendError(f"The back end 'onnx' runs on 'cpu', 'cuda' or 'cuda:N', not on {device!r}.")
    if both_installed():
        raise BackendError(
            "onnxruntime and onnxruntime-gpu are both installed and overwrite each other's files. Run:\n"
            "  pip uninstall -y onnxruntime onnxruntime-gpu\n  pip install onnxruntime-gpu"
        )
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        raise BackendError(
            f"{device!r} was asked for, but this ONNX Runtime has no CUDA support. Run:\n"
            "  pip uninstall -y onnxruntime\n  pip install onnxruntime-gpu"
        )
    ort.preload_dlls()
    return f"cuda:{index or 0}", [("CUDAExecutionProvider", {"device_id": int(index or 0)})]


def both_installed() -> bool:
    """Whether pip knows of onnxruntime and onnxruntime-gpu at once."""
    return all(_has_distribution(name) for name in ("onnxruntime", "onnxruntime-gpu"))


def _has_distribution(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def read_onnx(path: Path) -> bytes:
    """Raises ModelError for a file that cannot be read or that keeps weights elsewhere."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error}.") from None
    try:
        elsewhere = keeps_weights_elsewhere(data)
    except ValueError as error:
        raise ModelError(f"{path} ({len(data):,} bytes) is damaged, truncated or no ONNX file: {error}.") from None
    if elsewhere:
        raise ModelError(f"{path} keeps weights in another file (ONNX external data): save it as one file.")
    return data


def _open(ort: Any, path: Path, threads: int, providers: list[tuple[str, dict[str, Any]]]) -> Any:
    data = read_onnx(path)
    options = ort.SessionOptions()
    options.log_severity_level = 4  # errors reach the caller as exceptions; warnings concern the exporter
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = True
    # Threads spin while a run needs them, and sleep between runs.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        return ort.InferenceSession(data, options, providers=providers)
    except Exception as error:  # noqa: BLE001 - the engine has no base class of its own for its errors
        if providers[0][0] != "CPUExecutionProvider":
            raise BackendError(f"{path} cannot be opened by {providers[0][0]} {providers[0][1]}: {error}") from None
        raise ModelError(
            f"{path} ({len(data):,} bytes) is damaged, truncated or no ONNX file that ONNX Runtime {ort.__version__} "
            f"reads: {error}"
        ) from None


def _metadata(session: Any, path: Path) -> Metadata:
    try:
        inputs, outputs = session.get_inputs(), session.get_outputs()
        text = session.get_modelmeta().custom_metadata_map.get(KEY)
    except UnicodeDecodeError as error:
        raise ModelError(f"{path} is damaged: its names and metadata are no text ({error}).") from None
    if text is None:
        metadata = Metadata.from_outputs([out.shape for out in outputs], path)
    else:
        metadata = Metadata.parse(text, path)
        if len(outputs) != metadata.outputs:
            raise ModelError(f"{path}: its metadata promise {metadata.outputs} outputs, but it has {len(outputs)}.")
    channels = -1 if metadata.layout == "NHWC" else 1
    came = [(port.type, port.shape) for port in inputs]
    if (
        len(inputs) != 1
        or _DTYPES.get(inputs[0].type) != metadata.dtype
        or len(inputs[0].shape) != 4
        or inputs[0].shape[channels] != 3
    ):
        raise ModelError(
            f"{path} is not an SCRFD network: expected one {metadata.dtype} {metadata.layout} input with 3 channels, "
            f"got {came}."
        )
    return metadata
