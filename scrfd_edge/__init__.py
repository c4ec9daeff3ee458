"""Face detection that runs everywhere: SCRFD for CPUs and phones.

from scrfd_edge import FaceDetector
faces = FaceDetector().detect("photo.jpg")
"""

from typing import Any

from .detector import FaceDetector
from .errors import BackendError, DataError, DownloadError, ImageError, ModelError, ScrfdError, SettingError
from .faces import Face, Faces

__all__ = [
    "BackendError",
    "DataError",
    "DownloadError",
    "Face",
    "FaceDetector",
    "Faces",
    "ImageError",
    "ModelError",
    "ScrfdError",
    "SettingError",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("scrfd-edge")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
