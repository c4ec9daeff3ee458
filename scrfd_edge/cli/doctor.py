"""`scrfd-edge doctor`: what is installed, what runs, and what stands in the way."""

import importlib.metadata
import os
import platform
import sys

from ..backends.base import BACKENDS
from ..backends.onnx import usable_cpus
from ..backends.selection import cpu_features
from ..catalog import CATALOG, cache_folder, find_file
from ..detector import FaceDetector
from ..errors import ScrfdError

_PACKAGES = ("numpy", "opencv-python-headless", "Pillow", "onnxruntime", "openvino", "ai-edge-litert", "torch")
# Packages that write into one folder: only one of each row may be installed.
_RIVALS = (
    ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino"),
    (
        "opencv-python-headless",
        "opencv-python",
        "opencv-contrib-python",
        "opencv-contrib-python-headless",
    ),
)
_FEATURES = ("AVX2", "AVX512F", "AVX512_SKX", "AVX512_CLX", "AVX512_SPR", "NEON", "ASIMDDP", "ASIMDFHM", "SVE")


def doctor() -> None:
    """Versions, engines, CPU, cache folder, clashes, and what "auto" would choose. Exit code 2 if nothing runs."""
    print(f"scrfd-edge {_version('scrfd-edge')}, Python {platform.python_version()}, {platform.platform()}")
    print("packages: " + ", ".join(f"{p} {v}" for p in _PACKAGES if (v := _version(p))))
    print("engines: " + ", ".join(f"{name} ({'found' if e.installed else e.install})" for name, e in BACKENDS.items()))
    features = " ".join(name for name in _FEATURES if cpu_features().get(name))
    print(f"CPU: {platform.machine()}, {usable_cpus()} of {os.cpu_count()} CPUs usable, {features}")
    print(f"cache folder: {cache_folder()}")
    here = [model.name for model in CATALOG.values() if any(find_file(file) for file in model.files)]
    print(f"models here: {', '.join(here)}")
    for problem in clashes():
        print(f"PROBLEM: {problem}")
    try:
        detector = FaceDetector()
        detector.warmup()
    except ScrfdError as error:
        print(f"PROBLEM: {error}")
        raise
    print(f"auto: {detector.why}")
    print(f"works: {detector!r}")


def clashes() -> list[str]:
    """What is installed twice, with the commands that mend it."""
    problems = []
    for rivals in _RIVALS:
        found = [name for name in rivals if _version(name)]
        if len(found) > 1:
            problems.append(
                f"{' and '.join(found)} overwrite each other's files. Run: "
                f"{os.path.basename(sys.executable)} -m pip uninstall -y {' '.join(found)}; then pip install the one "
                "that you need."
            )
    return problems


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
