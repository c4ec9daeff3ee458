"""Which engine and precision "auto" takes: the fastest by measurement, on this machine or on a CPU of its kind.

INT8 is taken only where it pays by measurement, 1.8 times as fast as floats on the same engine, 1.3 on ONNX Runtime, or
where a model has nothing else.
"""

import json
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..catalog import cache_folder
from ..errors import BackendError, ModelError
from .base import BACKENDS, suffixes

Key = tuple[str, str]
"""(engine, precision)."""
Factors = Mapping[Key, float]
"""How many times as fast as ONNX Runtime with the FP32 file, detect() end to end, one thread."""

MEASURED: Mapping[str, Factors] = {
    # scrfd-edge bench on our scrfd_500m_kps, 1280 x 720, one thread, AMD EPYC with AVX512-VNNI and BF16; the middle of
    # three runs. onnx int8 had 1.35 on a quiet machine, 1.22 and 1.25 beside other work: not surely worth its loss.
    "AVX512-VNNI": {
        ("onnx", "fp32"): 1.0,
        ("onnx", "int8"): 1.25,
        ("openvino", "fp32"): 0.89,
        ("openvino", "int8"): 1.71,
        ("tflite", "fp16"): 0.92,
        ("tflite", "int8"): 1.46,
    },
}
"""Kind of CPU -> factors. A kind that nobody measured has no row."""

_REFERENCE = ("onnx", "fp32")
_FLOATS = ("fp32", "fp16")
_GAIN = {"onnx": 1.3}
_GAIN_ELSEWHERE = 1.8
_SAVED = "bench.json"


@dataclass(frozen=True)
class Choice:
    """index: of the file that was chosen. backend: the engine that opens it. why: for the user."""

    index: int
    backend: str
    why: str


def choose(
    files: Sequence[tuple[str, str]], backend: str = "auto", precision: str = "auto", device: str = "auto"
) -> Choice:
    """Chooses among the files of one model: (suffix, precision) each.

    device: as FaceDetector takes it; what was measured holds for CPUs, elsewhere floats come first. Raises
    BackendError for an unknown engine or one that is not installed, ModelError where no file fits.
    """
    if backend != "auto" and backend not in BACKENDS:
        raise BackendError(f"Unknown back end {backend!r}: expected auto or one of {', '.join(BACKENDS)}.")
    names = list(BACKENDS) if backend == "auto" else [backend]
    opened = [(i, name) for i, (suffix, _) in enumerate(files) for name in names if suffix in BACKENDS[name].suffixes]
    opened = [(i, name) for i, name in opened if _knows(name, device)] or opened
    kinds = " or ".join(dict.fromkeys(suffix for suffix, _ in files))
    if not opened and backend == "auto":
        raise ModelError(f"No back end opens {kinds!r} files; expected one of {', '.join(sorted(suffixes()))}.")
    if not opened:
        raise ModelError(f"The back end {backend!r} opens {' and '.join(BACKENDS[backend].suffixes)}, not {kinds}.")
    fitting = [(i, name) for i, name in opened if _runs(name, files[i][1], precision)]
    if not fitting:
        has = ", ".join(dict.fromkeys(files[i][1] for i, _ in opened))
        by = "" if backend == "auto" else f" for the back end {backend!r}"
        raise ModelError(
            f"This model has no file in precision {precision!r}{by}; it has {has}. "
            "Take one of these, or make the file from the model's weights in FP32: scrfd-edge convert."
        )
    factors, where = factors_here() if device in ("auto", "cpu") else ({}, device)
    ranked = sorted(fitting, key=lambda f: _rank(files[f[0]], f[1], factors, precision), reverse=True)
    here = [(i, name) for i, name in ranked if BACKENDS[name].installed]
    if not here:
        name = ranked[0][1]
        raise BackendError(f"The engine of the back end {name!r} is not installed: {BACKENDS[name].install}")
    index, name = here[0]
    key = (name, files[index][1])
    why = _explain(key, len(fitting), factors, where, asked=backend != "auto")
    if backend == "auto":
        shipped, kind = _factors_of_kind()
        known = {**shipped, **factors}  # bench measures only what is installed: of the rest the table knows
        absent = [(i, other) for i, other in fitting if not BACKENDS[other].installed]
        best, other = max([here[0], *absent], key=lambda f: _rank(files[f[0]], f[1], known, precision))
        faster = (other, files[best][1])
        if known.get(faster, 0.0) > known.get(key, math.inf):
            why += (
                f"; {BACKENDS[other].install} would bring {faster[1]} on {other}, {known[faster]:.1f} times as fast as "
                f"fp32 on onnx, measured on {where if faster in factors else kind}"
            )
    return Choice(index, name, why)


def factors_here() -> tuple[Factors, str]:
    """Factors that hold for this machine, and where they were measured; none for a CPU that nobody measured."""
    saved = _read_saved(cache_folder() / _SAVED)
    return (saved, "this machine") if saved else _factors_of_kind()


def _factors_of_kind() -> tuple[Factors, str]:
    kind = cpu_kind()
    return MEASURED.get(kind, {}), f"a CPU with {kind}"


def save_factors(factors: Factors) -> Path:
    """Makes "auto" use these on this machine from now on."""
    path = cache_folder() / _SAVED
    rows = [{"backend": b, "precision": p, "factor": round(f, 3)} for (b, p), f in factors.items()]
    temporary = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps({"cpu": cpu_kind(), "factors": rows}))
        temporary.replace(path)
    except OSError as error:
        raise BackendError(f"{path} cannot be written: {error}.") from None
    return path


def cpu_kind() -> str:
    """What decides the speed of 8-bit integers: the widest dot product that this CPU has."""
    features = cpu_features()
    for feature, name in (
        ("AVX512_ICL", "AVX512-VNNI"),
        ("AVX512_SPR", "AVX512-VNNI"),
        ("AVX512_CLX", "AVX512-VNNI"),
        ("AVX512_SKX", "AVX512"),
        ("AVX2", "AVX2"),
        ("ASIMDDP", "NEON dot product"),
        ("NEON", "NEON"),
    ):
        if features.get(feature):
            return name
    return platform.machine() or "unknown instructions"


def cpu_features() -> Mapping[str, bool]:
    """Instruction sets as NumPy names them -> whether this CPU has them; empty where NumPy does not say."""
    core = getattr(np, "_core", None) or getattr(np, "core", None)
    found: Mapping[str, bool] = getattr(getattr(core, "_multiarray_umath", None), "__cpu_features__", {})
    return found


def _knows(name: str, device: str) -> bool:
    """Whether the engine may run on the device: OpenVINO also takes "gpu", "npu" and names such as "AUTO:GPU,CPU"."""
    if device in ("auto", "cpu"):
        return True
    return name in (("onnx", "torch") if device.partition(":")[0] == "cuda" else ("openvino",))


def _runs(name: str, of: str, precision: str) -> bool:
    """Whether an engine runs a file in a precision: the file's own, or one that it casts to by itself."""
    return precision in ("auto", of) or (name, of, precision) == ("openvino", "fp32", "bf16")


def _rank(file: tuple[str, str], name: str, factors: Factors, precision: str) -> tuple[int, float, float, int]:
    """Greater is better. Without a measurement: floats first, in the order of the table of engines; of two files in
    one precision the one in the engine's own format."""
    suffix, of = file
    factor = factors.get((name, of), 0.0)
    order = -float(list(BACKENDS).index(name)), -BACKENDS[name].suffixes.index(suffix)
    if precision != "auto" or of in _FLOATS:
        return 1, factor, *order
    floats = max((factors[name, f] for f in _FLOATS if (name, f) in factors), default=math.inf)
    return int(factor >= _GAIN.get(name, _GAIN_ELSEWHERE) * floats), factor, *order


def _explain(key: Key, among: int, factors: Factors, where: str, asked: bool) -> str:
    if among == 1:
        return "asked for" if asked else "the only engine for this file"
    if key[1] == "auto":
        why = f"{key[0]} comes first for a file given by its path; scrfd-edge bench --models FILE compares the engines"
    elif key == _REFERENCE and key in factors:
        why = f"of what was measured on {where}, nothing installed that may be taken is faster than fp32 on onnx"
    elif key in factors:
        why = f"{key[1]} on {key[0]} is {factors[key]:.1f} times as fast as fp32 on onnx, measured on {where}"
    else:
        why = f"{key[1]} on {key[0]} comes first by default, not measured on {where}; scrfd-edge bench --save measures"
    return f"asked for; {why}" if asked else why


def _read_saved(path: Path) -> dict[Key, float]:
    """Nothing where the file is absent, not what `save_factors` writes, or of another CPU that shares the folder."""
    try:
        saved = json.loads(path.read_text())
        rows = saved["factors"] if saved["cpu"] == cpu_kind() else []
        return {(str(r["backend"]), str(r["precision"])): float(r["factor"]) for r in rows}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
