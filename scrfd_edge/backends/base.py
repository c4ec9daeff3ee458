"""The interface of a back end and the table of all of them.

A back end opens one model file and runs tensors through it. It knows nothing of pictures or faces.
"""

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeGuard, cast

import numpy as np
import numpy.typing as npt

from ..errors import BackendError
from ..metadata import Metadata

Tensor: TypeAlias = npt.NDArray[Any]
Outputs: TypeAlias = list[npt.NDArray[np.float32]]


class Backend(Protocol):
    """One opened model file. Made as `OnnxBackend(path, threads=None, device="auto", precision="auto")`.

    engine, version: what runs. device: where, such as "cpu" or "cuda:0". precision: of weights and sums, really.
    threads: that one run uses, None where the engine does not say. shape: the only (height, width) that the file
    takes, None if any multiple of the largest stride will do. dynamic_batch: whether pictures of one
    tensor shape shall run together; elsewhere N must be 1, or costs more than it gives.
    """

    engine: str
    version: str
    device: str
    precision: str
    threads: int | None
    metadata: Metadata
    shape: tuple[int, int] | None
    dynamic_batch: bool

    def run(self, tensor: Tensor) -> Outputs:
        """(N, 3, H, W), or (N, H, W, 3), as the metadata says -> scores, boxes[, landmarks] per stride.

        Each output is float32 (N, rows, 1 | 4 | 10). Safe to call from several threads at once.
        """
        ...


@dataclass(frozen=True)
class Decoded:
    """The rows of a batch whose score reaches a threshold, in their order, in pixels of the tensor.

    picture: (K,) which of the batch, int64. The rest is float32. scores: (K,). boxes: (K, 4) x1, y1, x2, y2.
    landmarks: (K, 5, 2) x, y, None where the network has none.
    """

    picture: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]
    boxes: npt.NDArray[np.float32]
    landmarks: npt.NDArray[np.float32] | None


class DecodingBackend(Backend, Protocol):
    """A back end that also decodes where it computes, so that only candidates are copied from a GPU."""

    def run_decoded(self, tensor: Tensor, score_threshold: float) -> Decoded:
        """Runs as `run`, and decodes the rows whose score is at least the threshold."""
        ...


def decodes(backend: Backend) -> TypeGuard[DecodingBackend]:
    """Whether `backend` decodes too. (isinstance on a protocol takes longer than NMS.)"""
    return hasattr(backend, "run_decoded")


@dataclass(frozen=True)
class Engine:
    """One row of the table. where: "module:class". packages: any of these importable ones will do. install: the pip
    command that brings one. suffixes: of the files that it opens, its own format first."""

    where: str
    packages: tuple[str, ...]
    install: str
    suffixes: tuple[str, ...]

    @property
    def installed(self) -> bool:
        found = (importlib.util.find_spec(package) for package in self.packages)
        return any(spec is not None and spec.origin is not None for spec in found)  # not a mere folder of that name


BACKENDS: Mapping[str, Engine] = {
    "onnx": Engine("scrfd_edge.backends.onnx:OnnxBackend", ("onnxruntime",), "pip install onnxruntime", (".onnx",)),
    "openvino": Engine(
        "scrfd_edge.backends.openvino:OpenVinoBackend",
        ("openvino",),
        "pip install 'scrfd-edge[openvino]'",
        (".xml", ".onnx"),
    ),
    "tflite": Engine(
        "scrfd_edge.backends.tflite:TfliteBackend",
        ("ai_edge_litert", "tflite_runtime"),
        "pip install 'scrfd-edge[tflite]'",
        (".tflite",),
    ),
    "torch": Engine(
        "scrfd_edge.backends.torch:TorchBackend", ("torch",), "pip install 'scrfd-edge[torch]'", (".safetensors",)
    ),
}
"""Name -> engine, in the order in which "auto" prefers them where nothing was measured."""


def suffixes() -> set[str]:
    """Of all model files that some back end opens."""
    return {suffix for engine in BACKENDS.values() for suffix in engine.suffixes}


def open_backend(name: str, path: Path, *, threads: int | None, device: str, precision: str) -> Backend:
    """Imports the engine `name` and opens the file. Raises BackendError where the engine cannot be imported."""
    module, _, cls = BACKENDS[name].where.partition(":")
    try:
        make = getattr(importlib.import_module(module), cls)
        return cast(Backend, make(path, threads=threads, device=device, precision=precision))
    except ImportError as error:
        raise BackendError(
            f"The engine of the back end {name!r} cannot be imported ({error}). Install it anew: "
            f"{BACKENDS[name].install}; or choose another by backend=."
        ) from error
