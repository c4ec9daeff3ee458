"""The interface of a back end, the table of all of them, and the choice among them.

A back end opens one model file and runs tensors through it. It knows nothing of pictures or faces.
"""

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from ..errors import BackendError, ModelError
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
    command that brings one. suffixes: of the files that it opens."""

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
        (".xml",),
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
"""Name -> engine, in the order in which "auto" prefers them."""


def suffixes() -> set[str]:
    """Of all model files that some back end opens."""
    return {suffix for engine in BACKENDS.values() for suffix in engine.suffixes}


def choose_backend(files: Sequence[str], wanted: str) -> tuple[str, str]:
    """Which back end opens one of the files with these suffixes, and why. `wanted` is a name, or "auto".

    Raises BackendError for an unknown name or one that is not installed, ModelError for files that it cannot open.
    """
    kinds = " or ".join(dict.fromkeys(files))
    if wanted == "auto":
        names = [name for name, engine in BACKENDS.items() if set(files) & set(engine.suffixes)]
        if not names:
            raise ModelError(f"No back end opens {kinds!r} files; expected one of {', '.join(sorted(suffixes()))}.")
        why = f"the first engine installed here that opens {kinds} files"
    elif wanted in BACKENDS:
        names = [wanted]
        if not set(files) & set(BACKENDS[wanted].suffixes):
            raise ModelError(f"The back end {wanted!r} opens {' and '.join(BACKENDS[wanted].suffixes)}, not {kinds}.")
        why = "asked for"
    else:
        raise BackendError(f"Unknown back end {wanted!r}: expected auto or one of {', '.join(BACKENDS)}.")
    for name in names:
        if BACKENDS[name].installed:
            return name, why
    raise BackendError(f"The engine of the back end {names[0]!r} is not installed: {BACKENDS[names[0]].install}")


def open_backend(name: str, path: Path, *, threads: int | None, device: str, precision: str) -> Backend:
    """Imports the engine `name` and opens the file."""
    module, _, cls = BACKENDS[name].where.partition(":")
    make = getattr(importlib.import_module(module), cls)
    return cast(Backend, make(path, threads=threads, device=device, precision=precision))
