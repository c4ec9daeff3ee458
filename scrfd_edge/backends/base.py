"""The interface of a back end and the table of all of them.

A back end opens one model file and runs tensors through it. It knows nothing of pictures or faces.
"""

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from ..metadata import Metadata

Tensor: TypeAlias = npt.NDArray[Any]
Outputs: TypeAlias = list[npt.NDArray[np.float32]]


class Backend(Protocol):
    """One opened model file. Made as `OnnxBackend(path, threads=None, device="auto", precision="auto")`.

    engine, version: what runs. device: where, such as "cpu" or "cuda:0". precision: of weights and sums, really.
    threads: that one run uses, None where the engine does not say. shape: the only (height, width) that the file
    takes, None if any multiple of the largest stride will do. dynamic_batch: whether N may differ from 1.

    A back end on a GPU may also have `run_above(tensor, score_threshold)`, which leaves rows below the threshold zero.
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
class Engine:
    """One row of the table. where: "module:class". packages: any of these importable ones will do. install: the pip
    command that brings one. suffixes: of the files that it opens, its own format first."""

    where: str
    packages: tuple[str, ...]
    install: str
    suffixes: tuple[str, ...]

    @property
    def installed(self) -> bool:
        return any(importlib.util.find_spec(package) is not None for package in self.packages)


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
    """Imports the engine `name` and opens the file."""
    module, _, cls = BACKENDS[name].where.partition(":")
    make = getattr(importlib.import_module(module), cls)
    return cast(Backend, make(path, threads=threads, device=device, precision=precision))
