"""One conversion from start to end: read, calibrate, write, check, and only then put the file in its place."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scrfd_edge.backends.base import BACKENDS, Backend, open_backend
from scrfd_edge.catalog import SAMPLE
from scrfd_edge.errors import BackendError, SettingError
from scrfd_edge.image import Picture, load
from scrfd_edge.metadata import Metadata

from .calibration import choose_pictures, describe, read_pictures, tensors
from .layers import Network
from .quantization import Quantization, Statistics, quantize
from .ranges import collect
from .sensitivity import Sensitivity, measure_layers
from .source import Source, open_source
from .to_onnx import write_onnx
from .verify import Agreement, check

PRECISIONS = {
    "onnx": ("fp32", "fp16", "int8"),
    "openvino": ("fp32", "fp16", "int8"),
    "tflite": ("fp32", "fp16", "dynamic", "int8", "int8-io"),
}
SUFFIXES = {"onnx": ".onnx", "openvino": ".xml", "tflite": ".tflite"}
_CHECKED = 20
"""Photographs of the check: the last of the calibration's order, which calibration leaves out where it can."""
_REPORTED = 8


@dataclass(frozen=True)
class Request:
    """source: .onnx or .safetensors. target, precision: see PRECISIONS. size: (height, width) of the only tensor that
    the file takes, None for all. single: ONNX outputs (rows, k) of one picture. pictures: how many of the folder
    `calibration` give ranges; exclude: some of its paths, relative, to leave out. report: told every layer's
    sensitivity before the file is checked; None does not measure it."""

    source: Path
    target: str
    precision: str
    out: Path
    size: tuple[int, int] | None = None
    single: bool = False
    calibration: Path | None = None
    exclude: frozenset[str] = frozenset()
    pictures: int = 300
    seed: int = 0
    report: Callable[[list[Sensitivity]], None] | None = None
    force: bool = False


Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""


def convert(request: Request, progress: Progress) -> Agreement:
    """Writes request.out, and for OpenVINO the .bin file beside it; nothing stays where anything fails.

    Raises SettingError, ModelError, DataError or BackendError that says what to do.
    """
    _check_request(request)
    source = open_source(request.source)
    if request.precision == "int8-io" and source.network.group_norm:
        raise SettingError(f"{request.source} has group norm, which int8-io has no integers for: choose int8.")
    if source.size is not None and request.size not in (None, source.size):
        height, width = source.size
        raise SettingError(f"{request.source} takes {width}x{height} alone: leave --size away.")
    paths: list[Path] = []
    if request.calibration is not None:
        paths = choose_pictures(request.calibration, request.pictures + _CHECKED, request.seed, request.exclude)
    shown = read_pictures(paths[-_CHECKED:]) if paths else _sample()
    apart = len(paths) > 2 * _CHECKED or len(paths) == request.pictures + _CHECKED
    calibrated = paths[:-_CHECKED] if apart else paths[: request.pictures]
    network, quantization, metadata = source.network, None, replace(source.metadata, tool=_tool())
    if request.precision.startswith("int8"):
        seen = _statistics(source, calibrated, progress)
        if request.report:
            few = list(tensors(paths[-_REPORTED:], source.metadata))
            request.report(measure_layers(network, *seen, few, lambda i, n: progress("measuring layers", i, n)))
        network, quantization = quantize(network, *seen, request.target, request.precision == "int8-io")
        metadata = replace(metadata, calibration=describe(calibrated, request.seed))
    metadata = _input_metadata(replace(metadata, precision=request.precision), request)
    try:
        with tempfile.TemporaryDirectory(prefix=".scrfd-edge-", dir=request.out.parent) as folder:
            made = Path(folder) / request.out.name
            _write(made, request, network, quantization, metadata.to_json())
            reference_file = Path(folder) / "reference.onnx"
            reference_file.write_bytes(source.onnx)
            reference, candidate = _open("onnx", reference_file), _open(request.target, made)
            progress("checking", 0, 1)
            agreement = check(request.out, reference, candidate, shown, request.precision)
            progress("checking", 1, 1)
            if request.target == "openvino":
                made.with_suffix(".bin").replace(request.out.with_suffix(".bin"))
            made.replace(request.out)
    except OSError as error:  # a full disk, a folder that only looks writable
        raise SettingError(f"{request.out} cannot be written: {error}.") from None
    return agreement


def _check_request(request: Request) -> None:
    precisions = PRECISIONS.get(request.target)
    if precisions is None:
        raise SettingError(f"Unknown format {request.target!r}: expected one of {', '.join(PRECISIONS)}.")
    if request.precision not in precisions:
        raise SettingError(f"{request.target} comes in {', '.join(precisions)}, not in {request.precision!r}.")
    if not BACKENDS[request.target].installed:
        raise BackendError(f"The engine for {request.target} is not installed: {BACKENDS[request.target].install}")
    out, suffix = request.out, SUFFIXES[request.target]
    if out.suffix != suffix:
        raise SettingError(f"{out}: a file for {request.target} must end in {suffix}.")
    if out.is_dir():
        raise SettingError(f"{out} is a folder: choose another name.")
    existing = [p for p in {out, out.with_suffix(".bin") if suffix == ".xml" else out} if p.exists()]
    if existing and not request.force:
        raise SettingError(f"{existing[0]} exists: choose another name, or --force to replace it.")
    if not out.parent.is_dir() or not os.access(out.parent, os.W_OK):
        raise SettingError(f"{out.parent} is no folder that can be written to.")
    if request.size is not None and any(side < 32 or side % 32 for side in request.size):
        height, width = request.size
        raise SettingError(f"The size must be multiples of 32, got {width}x{height}.")
    if request.single and request.target != "onnx":
        raise SettingError(f"Outputs for a single picture are for ONNX, not for {request.target}.")
    if request.precision.startswith("int8") and request.calibration is None:
        raise SettingError("INT8 needs --calibration: a folder of photographs with faces, 300 or more.")
    if request.report and not request.precision.startswith("int8"):
        raise SettingError(f"--report tells what layers lose in int8, not in {request.precision}: leave it away.")
    if request.exclude and request.calibration is None:
        raise SettingError("--exclude names pictures of the --calibration folder: give that too.")
    if request.pictures < 1:
        raise SettingError(f"At least one picture must be used for calibration, got {request.pictures}.")
    if request.seed < 0:
        raise SettingError(f"The seed must be 0 or more, got {request.seed}.")


def _statistics(source: Source, paths: list[Path], progress: Progress) -> tuple[dict[str, Statistics], dict[str, Any]]:
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        progress("calibrating", done, len(paths))

    return collect(source.network, tensors(paths, source.metadata), step)


def _input_metadata(metadata: Metadata, request: Request) -> Metadata:
    """TFLite wants channels last, and takes the picture's own integers, pixel - 128, where it computes in them."""
    if request.target != "tflite":
        return metadata
    metadata = replace(metadata, layout="NHWC")
    return replace(metadata, dtype="int8", mean=128.0, std=1.0) if request.precision.startswith("int8") else metadata


def _write(path: Path, request: Request, network: Network, quantization: Quantization | None, metadata: str) -> None:
    half = request.precision == "fp16"
    if request.target == "onnx":
        path.write_bytes(
            write_onnx(
                network, metadata, quantization=quantization, half=half, size=request.size, single=request.single
            )
        )
    elif request.target == "openvino":
        from .to_openvino import write_openvino

        write_openvino(network, metadata, path, quantization=quantization, half=half, size=request.size)
    else:
        from .to_tflite import write_tflite

        weights = {"fp16": "float16", "dynamic": "int8"}.get(request.precision, "float32")
        outputs = request.precision == "int8-io"
        data = write_tflite(
            network, metadata, quantization=quantization, weights=weights, integer_outputs=outputs, size=request.size
        )
        path.write_bytes(data)


def _open(target: str, path: Path) -> Backend:
    return open_backend(target, path, threads=None, device="cpu", precision="auto")


def _sample() -> list[Picture]:
    return [load(SAMPLE)]


def _tool() -> str:
    return f"scrfd-edge {version('scrfd-edge')}"
