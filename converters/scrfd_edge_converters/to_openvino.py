"""Layers to OpenVINO's IR, by way of ONNX: OpenVINO turns integers in an ONNX file into its own."""

from pathlib import Path

import openvino

from scrfd_edge.metadata import KEY

from .layers import Network
from .quantization import Quantization
from .to_onnx import write_onnx


def write_openvino(
    network: Network,
    metadata: str,
    path: Path,
    *,
    quantization: Quantization | None = None,
    half: bool = False,
    size: tuple[int, int] | None = None,
) -> None:
    """Writes `path` (.xml) and its weights beside it (.bin). metadata: JSON for its `scrfd_edge` entry."""
    data = write_onnx(network, metadata, quantization=quantization, size=size)
    model = openvino.Core().read_model(data)
    model.set_rt_info(metadata, KEY)
    for i, operation in enumerate(model.get_ordered_ops()):
        if operation.get_type_name() not in ("Parameter", "Result"):  # their names say what goes in and comes out
            operation.set_friendly_name(f"{operation.get_type_name()}_{i}")  # else counted over the whole process
    openvino.save_model(model, path, compress_to_fp16=half)
