"""A TFLite file under construction: tensors, operators and buffers, packed as a flatbuffer at the end."""

from collections.abc import Sequence
from typing import Any

import flatbuffers  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as tfl

_TYPES: dict[str, int] = {
    "float32": tfl.TensorType.FLOAT32,
    "float16": tfl.TensorType.FLOAT16,
    "int8": tfl.TensorType.INT8,
    "int32": tfl.TensorType.INT32,
}


class TfliteFile:
    """One subgraph. tensors: name -> index."""

    def __init__(self) -> None:
        self.tensors: dict[str, int] = {}
        self.subgraph = tfl.SubGraphT()
        self.subgraph.tensors, self.subgraph.operators = [], []
        self.buffers: list[bytes] = [b""]
        self.codes: list[tuple[int, int]] = []

    def constant(self, value: npt.NDArray[Any], steps: Any = None, axis: int = 0) -> int:
        """A tensor of these values; equal ones are stored once. steps, axis: as of `tensor`."""
        value = np.ascontiguousarray(value)
        data = value.tobytes()
        if data not in self.buffers:
            self.buffers.append(data)
        name = f"c{len(self.subgraph.tensors)}"
        return self.tensor(name, str(value.dtype), value.shape, steps, self.buffers.index(data), axis)

    def tensor(
        self, name: str, kind: str, shape: Sequence[int], step: Any = None, buffer: int = 0, axis: int = 0
    ) -> int:
        """step: (scale, zero point) of integers, one for all or one for each index along `axis`."""
        tensor = tfl.TensorT()
        tensor.name, tensor.type, tensor.buffer = name.encode(), _TYPES[kind], buffer
        tensor.shape = np.array(shape, np.int32)
        if step is not None:
            tensor.quantization = tfl.QuantizationParametersT()
            tensor.quantization.scale = np.atleast_1d(np.array(step[0], np.float32))
            tensor.quantization.zeroPoint = np.atleast_1d(np.array(step[1], np.int64))
            tensor.quantization.quantizedDimension = axis
        self.tensors[name] = len(self.subgraph.tensors)
        self.subgraph.tensors.append(tensor)
        return self.tensors[name]

    def operator(self, op: str, inputs: Sequence[int], output: int, options: Any = None, version: int = 1) -> int:
        """op: a name of tfl.BuiltinOperator. Returns `output`."""
        code = (getattr(tfl.BuiltinOperator, op), version)
        if code not in self.codes:
            self.codes.append(code)
        operator = tfl.OperatorT()
        operator.opcodeIndex = self.codes.index(code)
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array([output], np.int32)
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(tfl.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self.subgraph.operators.append(operator)
        return output

    def finish(self, inputs: Sequence[int], outputs: Sequence[int], metadata: str) -> bytes:
        """The file's bytes. metadata: JSON for its `scrfd_edge` entry."""
        self.subgraph.inputs, self.subgraph.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        self.subgraph.name = b"main"
        model = tfl.ModelT()
        model.version = 3
        model.description = b"scrfd-edge"
        model.subgraphs = [self.subgraph]
        model.operatorCodes = [_operator_code(code, version) for code, version in self.codes]
        entry = tfl.MetadataT()
        entry.name, entry.buffer = b"scrfd_edge", len(self.buffers)
        model.metadata = [entry]
        model.buffers = [_buffer(data) for data in (*self.buffers, metadata.encode())]
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def _operator_code(code: int, version: int) -> Any:
    operator_code = tfl.OperatorCodeT()
    operator_code.builtinCode, operator_code.version = code, version
    operator_code.deprecatedBuiltinCode = min(code, 127)
    return operator_code


def _buffer(data: bytes) -> Any:
    buffer = tfl.BufferT()
    if data:
        buffer.data = np.frombuffer(data, np.uint8)
    return buffer
