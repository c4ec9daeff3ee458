"""What a model file says of itself: one JSON text named `scrfd_edge`, parsed and checked as data, never executed."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .errors import ModelError

KEY = "scrfd_edge"
"""Name of the entry in ONNX metadata_props, OpenVINO rt_info and the TFLite metadata buffer."""

_FORMAT = 1
_COLUMNS = {"score": 1, "box": 4, "landmark": 10}


@dataclass(frozen=True)
class Calibration:
    """Pictures whose value ranges quantization used: how many, drawn with which seed, hash over their bytes."""

    pictures: int
    seed: int
    sha256: str


@dataclass(frozen=True)
class Metadata:
    """Everything between pixels and faces that depends on the network.

    strides, anchors: of the output maps, ascending; anchors per cell. landmarks: whether five points are predicted.
    color ("rgb", "bgr"), layout ("NCHW", "NHWC"), dtype ("float32", "uint8", "int8"): of the input tensor, whose
    values are (pixel - mean) / std. precision: of the weights and sums, such as "fp32", "fp16", "int8".
    score_threshold: the operating point, None where nobody measured one.
    source_sha256: of the file that this one was made from. tool: what made it.
    """

    model: str
    strides: tuple[int, ...]
    anchors: int
    landmarks: bool
    color: str = "rgb"
    layout: str = "NCHW"
    dtype: str = "float32"
    mean: float = 127.5
    std: float = 128.0
    precision: str = "fp32"
    score_threshold: float | None = None
    source_sha256: str | None = None
    calibration: Calibration | None = None
    tool: str | None = None

    @property
    def outputs(self) -> int:
        return len(self.strides) * (3 if self.landmarks else 2)

    @classmethod
    def parse(cls, text: str, path: Path) -> "Metadata":
        """Reads the JSON text of the model file `path`; keys that are not known are left alone.

        Raises ModelError that names the file and the field which is missing or outside its range.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{path}: expected metadata in JSON, got {text[:40]!r} ({error}).") from None
        top = _Fields(path, "", data)
        top.take("format", f"{_FORMAT}; update scrfd-edge for newer files", lambda v: v == _FORMAT)
        put = _Fields(path, "input.", top.take("input", "an object", lambda v: isinstance(v, dict)))
        calibration = top.take("calibration", "an object", lambda v: isinstance(v, dict), optional=True)
        return cls(
            model=top.take("model", "a name", lambda v: isinstance(v, str) and 0 < len(v) <= 200),
            strides=tuple(top.take("strides", "ascending divisors of 32", _strides)),
            anchors=top.take("anchors", "an integer from 1 to 16", lambda v: _whole(v) and 1 <= v <= 16),
            landmarks=top.take("landmarks", "true or false", lambda v: isinstance(v, bool)),
            color=put.take("color", "rgb or bgr", lambda v: v in ("rgb", "bgr")),
            layout=put.take("layout", "NCHW or NHWC", lambda v: v in ("NCHW", "NHWC")),
            dtype=put.take("dtype", "float32, uint8 or int8", lambda v: v in ("float32", "uint8", "int8")),
            mean=float(put.take("mean", "a number from -1e6 to 1e6", _number)),
            std=float(put.take("std", "a number from 1e-6 to 1e6", lambda v: _number(v) and v >= 1e-6)),
            precision=top.take("precision", "a short word", _word),
            score_threshold=top.take("score_threshold", "within 0 and 1", _share, optional=True),
            source_sha256=top.take("source_sha256", "64 hexadecimal digits", _sha256, optional=True),
            calibration=None if calibration is None else _calibration(_Fields(path, "calibration.", calibration)),
            tool=top.take("tool", "text", lambda v: isinstance(v, str) and len(v) <= 200, optional=True),
        )

    def to_json(self) -> str:
        """The text that `parse` reads."""
        data = asdict(self)
        put = {key: data.pop(key) for key in ("color", "layout", "dtype", "mean", "std")}
        return json.dumps({"format": _FORMAT, **data, "input": put})

    @classmethod
    def from_outputs(cls, shapes: Sequence[Sequence[int | str | None]], path: Path) -> "Metadata":
        """Defaults for the file `path` without metadata, an official export: strides 8, 16, 32, two anchors.

        shapes: of the outputs, in the official order: three scores, three boxes, three landmarks or none. The last
        dimension, where it is a number, must be 1, 4, 10. Raises ModelError for anything else.
        """
        strides = (8, 16, 32)
        kinds = list(_COLUMNS) if len(shapes) == 9 else list(_COLUMNS)[:2]
        wanted = [_COLUMNS[kind] for kind in kinds for _ in strides]
        came = [shape[-1] if shape else None for shape in shapes]
        if len(came) != len(wanted) or any(isinstance(c, int) and c != w for c, w in zip(came, wanted, strict=True)):
            raise ModelError(
                f"{path} is not an SCRFD network: expected 6 or 9 outputs with 1, 1, 1, 4, 4, 4[, 10, 10, 10] "
                f"columns, but it has {len(shapes)} with {came}."
            )
        return cls(model=path.stem, strides=strides, anchors=2, landmarks=len(shapes) == 9)


class _Fields:
    """Values of one JSON object, each checked when it is taken."""

    def __init__(self, path: Path, prefix: str, data: Any) -> None:
        if not isinstance(data, Mapping):
            raise ModelError(f"{path}: expected metadata in a JSON object, got {type(data).__name__}.")
        self._path = path
        self._prefix = prefix
        self._data = data

    def take(self, key: str, expected: str, good: Callable[[Any], bool], optional: bool = False) -> Any:
        value = self._data.get(key)
        if value is None and optional:
            return None
        if not good(value):
            raise ModelError(f"{self._path}: metadata {self._prefix}{key} must be {expected}, got {value!r:.60}.")
        return value


def _calibration(fields: _Fields) -> Calibration:
    return Calibration(
        pictures=fields.take("pictures", "a positive integer", lambda v: _whole(v) and v > 0),
        seed=fields.take("seed", "an integer", _whole),
        sha256=fields.take("sha256", "64 hexadecimal digits", _sha256),
    )


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e6 <= value <= 1e6


def _share(value: Any) -> bool:
    return _number(value) and 0 <= value <= 1


_STRIDES = (1, 2, 4, 8, 16, 32)  # tensors are padded to multiples of 32


def _strides(value: Any) -> bool:
    if not isinstance(value, list) or not 1 <= len(value) <= 8 or not all(_whole(s) and s in _STRIDES for s in value):
        return False
    return value == sorted(set(value))


def _sha256(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def _word(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("[a-z0-9_-]{1,20}", value) is not None
