"""Whether an ONNX file refers to other files: told from its protobuf, before an engine opens what it names."""

from collections.abc import Iterator

# Message -> field -> message in it, as far as tensors lie below (onnx.proto).
_PARTS = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14


def keeps_weights_elsewhere(data: bytes) -> bool:
    """Whether a tensor of the model names a file for its values. Raises ValueError for bytes that are no protobuf."""
    waiting = [("model", 0, len(data))]
    while waiting:
        message, start, end = waiting.pop()
        for field, at, size in _fields(data, start, end):
            located = field == _DATA_LOCATION and data[at : at + size] != b"\0"
            if message == "tensor" and (field == _EXTERNAL_DATA or located):
                return True
            if field in _PARTS[message]:
                waiting.append((_PARTS[message][field], at, at + size))
    return False


def _fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number of each field of a message, and where its value lies."""
    at = start
    while at < end:
        key, at = _varint(data, at, end)
        if key >> 32:  # readers in C++ cut it off there, and see another field
            raise ValueError(f"a field number that is too large, at byte {at}")
        kind = key & 7
        if kind == 0:
            size = _varint(data, at, end)[1] - at
        elif kind == 2:
            size, at = _varint(data, at, end)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"a field of kind {kind} at byte {at}")
        if size > end - at:
            raise ValueError(f"a field that ends behind its message, at byte {at}")
        yield key >> 3, at, size
        at += size


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return value, at
    raise ValueError(f"a number without an end at byte {at}")
