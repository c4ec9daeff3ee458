"""What a conversion starts from: a checkpoint of ours or any SCRFD ONNX file in FP32."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from scrfd_edge.errors import ModelError
from scrfd_edge.metadata import KEY, Metadata

from .graph import read_network
from .layers import Network


@dataclass(frozen=True)
class Source:
    """onnx: the network as an FP32 ONNX file, for comparison: the source itself, where it is one."""

    network: Network
    metadata: Metadata
    onnx: bytes


def open_source(path: Path) -> Source:
    """Raises ModelError for a file that is missing, damaged, no SCRFD network or not in FP32."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error}.") from None
    digest = hashlib.sha256(data).hexdigest()
    if path.suffix == ".safetensors":
        data = _export(path)
    elif path.suffix != ".onnx":
        raise ModelError(f"{path}: expected an .onnx or .safetensors file to convert.")
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError as error:
        raise ModelError(f"{path} is damaged, truncated or no ONNX file ({error}).") from None
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise ModelError(f"{path} keeps weights in another file (ONNX external data): save it as one file.")
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
    return Source(network, replace(metadata, source_sha256=digest), data)


def _export(path: Path) -> bytes:
    from scrfd_edge.networks import checkpoint
    from scrfd_edge.networks.export import to_onnx

    net, header = checkpoint.load(path)
    return to_onnx(net, checkpoint.metadata_of(net.description, header["score_threshold"]))
