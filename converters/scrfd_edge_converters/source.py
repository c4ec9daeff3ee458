"""What a conversion starts from: a checkpoint of ours or any SCRFD ONNX file in FP32."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from scrfd_edge.backends.onnx import read_onnx
from scrfd_edge.errors import ModelError
from scrfd_edge.metadata import KEY, Metadata

from .graph import read_network
from .layers import Network


@dataclass(frozen=True)
class Source:
    """onnx: the network as an FP32 ONNX file, for comparison: the source itself, where it is one. size: (height, width)
    of the only tensor that it takes, None for all."""

    network: Network
    metadata: Metadata
    onnx: bytes
    size: tuple[int, int] | None


def open_source(path: Path) -> Source:
    """Raises ModelError for a file that is missing, damaged, no SCRFD network or not in FP32."""
    if path.suffix == ".safetensors":
        data = _export(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    elif path.suffix == ".onnx":
        data = read_onnx(path)
        digest = hashlib.sha256(data).hexdigest()
    else:
        raise ModelError(f"{path}: expected an .onnx or .safetensors file to convert.")
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError as error:
        raise ModelError(f"{path} is damaged, truncated or no ONNX file ({error}).") from None
    texts = [entry.value for entry in model.metadata_props if entry.key == KEY]
    written = Metadata.parse(texts[0], path) if texts else None
    if written is not None and (written.precision, written.dtype, written.layout) != ("fp32", "float32", "NCHW"):
        raise ModelError(f"{path} holds {written.precision}: convert from the FP32 file that it was made from.")
    try:
        network = read_network(model)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    if written is not None and written.landmarks != any(rows.k == 10 for rows in network.outputs):
        raise ModelError(f"{path}: its metadata and its outputs disagree about landmarks.")
    metadata = written or Metadata.from_outputs([[1, 1, rows.k] for rows in network.outputs], path)
    sides = [side.dim_value for side in model.graph.input[0].type.tensor_type.shape.dim][2:]
    size = (sides[0], sides[1]) if len(sides) == 2 and all(sides) else None
    return Source(network, replace(metadata, source_sha256=digest), data, size)


def _export(path: Path) -> bytes:
    from scrfd_edge.networks import checkpoint
    from scrfd_edge.networks.export import to_onnx

    net, header = checkpoint.load(path)
    return to_onnx(net, checkpoint.metadata_of(net.description, header["score_threshold"]))
