"""One frame's way: picture -> letterbox -> back end -> decode -> NMS -> faces."""

import math
import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core, catalog
from .backends.base import Tensor, decodes, open_backend, suffixes
from .backends.selection import choose
from .candidates import candidates_of
from .description import DESCRIPTIONS
from .errors import BackendError, ImageError, ModelError, ScrfdError, SettingError
from .faces import Faces
from .image import Color, ImageSource, Picture, load

_DEFAULT_SIZE = 640
_LARGEST = 16384
_THRESHOLD = 0.5  # of models that do not say where they operate
_PADDING = 127.5  # the grey of training crops, 0 after normalisation
_WINDOW = 32  # pictures that detect_batch holds
_BATCH = 8  # pictures per run of detect_batch: bounds the tensors, and larger batches are no faster on a CPU


class FaceDetector:
    """Finds faces in pictures. Safe to use from several threads at once; pickles by opening its file again.

    model: a name from `scrfd-edge models`, or the path of an SCRFD model file, official ONNX exports included.
    backend: "auto" or an engine's name. device: "auto", "cpu", or what the engine knows, such as "cuda:0".
    precision: "auto", or the one that the file must have ("fp32", "int8", ..).
    input_size: the picture's long side is scaled to so many pixels, and padded right and bottom to multiples of 32.
        Several, as in (640, 192), are run one after the other and merged: the small one finds faces that fill the
        picture.
    input_shape: (height, width) of the tensor instead, multiples of 32; pictures are scaled to fit and padded.
    score_threshold: least score, 0 to 1; None: the operating point that the model's file states, else 0.5.
    nms_threshold: of two boxes whose IoU is greater, the one with the lower score is dropped; 0 to 1.
    max_faces: the best so many; None: all.
    threads: CPU threads of one run; None: as many as the process may use CPUs.

    Raises SettingError for a value outside its range, ModelError for an unknown name or a file that is no SCRFD
    network, BackendError where an engine or device is unknown or absent.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "scrfd_500m_kps",
        *,
        backend: str = "auto",
        device: str = "auto",
        precision: str = "auto",
        input_size: int | Sequence[int] = _DEFAULT_SIZE,
        input_shape: tuple[int, int] | None = None,
        score_threshold: float | None = None,
        nms_threshold: float = 0.4,
        max_faces: int | None = None,
        threads: int | None = None,
    ) -> None:
        if not isinstance(model, str | os.PathLike):
            raise SettingError(f"model must be a name or a path, got {type(model).__name__}.")
        for name, text in (("backend", backend), ("device", device), ("precision", precision)):
            if not isinstance(text, str):
                raise SettingError(f"{name} must be a str such as 'auto', got {text!r}.")
        device = device.lower()
        self._sizes = _checked_sizes(input_size)
        if score_threshold is not None:
            _check_share("score_threshold", score_threshold)
        _check_share("nms_threshold", nms_threshold)
        for name, count, most in (("max_faces", max_faces, 1_000_000), ("threads", threads, 1024)):
            if count is not None and not (_is_whole(count) and 1 <= count <= most):
                raise SettingError(f"{name} must be an integer from 1 to {most} or None, got {count!r}.")
        path, name, why = _find(model, backend, precision, device)
        self._backend = open_backend(name, path, threads=threads, device=device, precision=precision)
        self._why = f"{name}: {why}"
        self._metadata = self._backend.metadata
        self._shape = self._checked_shape(input_shape)
        operating_point = self._metadata.score_threshold
        self._score_threshold = next(t for t in (score_threshold, operating_point, _THRESHOLD) if t is not None)
        self._nms_threshold = float(nms_threshold)
        self._max_faces = max_faces
        self._local = threading.local()
        self._arguments = {
            "model": path.resolve() if _is_path(model) else model,
            "backend": backend,
            "device": device,
            "precision": precision,
            "input_size": input_size,
            "input_shape": input_shape,
            "score_threshold": score_threshold,
            "nms_threshold": nms_threshold,
            "max_faces": max_faces,
            "threads": threads,
        }

    def detect(self, image: ImageSource, *, color: Color = "bgr") -> Faces:
        """The faces of one picture, given as a path, the bytes of a file, a binary file object, a PIL image, or a
        uint8 array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4).

        color: channel order of an array, "bgr" as OpenCV reads it, or "rgb". Raises ImageError.
        """
        picture = load(image, color)
        candidates = []
        for placement in self._placements(picture):
            candidates += self._run([picture], [placement])
        return self._merge(candidates)

    def detect_batch(self, images: Iterable[ImageSource], *, color: Color = "bgr") -> list[Faces]:
        """What `detect` finds in each picture; those of one tensor size run through the network together, where the
        engine gains by it. At most 32 pictures are held at a time.

        Raises ImageError with the index of the picture (from 0), also where a single one is given instead of several.
        """
        single = isinstance(images, str | bytes | bytearray | memoryview | os.PathLike) or hasattr(images, "read")
        many = hasattr(images, "__iter__") or hasattr(images, "__getitem__")
        if single or not many or (isinstance(images, np.ndarray) and images.ndim < 4):
            raise ImageError(f"detect_batch takes several pictures, got one {type(images).__name__}: use detect.")
        found: list[Faces] = []
        window: list[Picture] = []
        for i, image in enumerate(images):
            try:
                window.append(load(image, color))
            except ImageError as error:
                raise ImageError(f"Picture {i}: {error}") from None
            if len(window) == _WINDOW:
                found += self._detect_all(window)
                window = []
        return found + self._detect_all(window)

    def _detect_all(self, pictures: Sequence[Picture]) -> list[Faces]:
        groups: dict[tuple[int, int], list[tuple[int, Any]]] = {}
        for i, picture in enumerate(pictures):
            for placement in self._placements(picture):
                groups.setdefault(placement.tensor, []).append((i, placement))
        candidates: list[list[_core.Candidates]] = [[] for _ in pictures]
        step = _BATCH if self._backend.dynamic_batch else 1
        for group in groups.values():
            for first in range(0, len(group), step):
                indices, placements = zip(*group[first : first + step], strict=True)
                for i, found in zip(indices, self._run([pictures[i] for i in indices], placements), strict=True):
                    candidates[i].append(found)
        return [self._merge(found) for found in candidates]

    def warmup(self, size: tuple[int, int] = (480, 640)) -> None:
        """Runs once on an empty picture, so that the first real one does not wait for memory and code.

        size: (height, width) of the pictures to come. OpenVINO compiles for each shape of tensor, which takes seconds.
        Other threads than the calling one have buffers of their own. Raises SettingError for another size.
        """
        pair = isinstance(size, Sequence) and len(size) == 2
        if not pair or not all(_is_whole(side) and 1 <= side <= _LARGEST for side in size):
            raise SettingError(f"size must be (height, width) in pixels, up to {_LARGEST} each, got {size!r}.")
        self.detect(np.zeros((*size, 3), np.uint8))

    @property
    def backend(self) -> str:
        """The engine that runs, such as "onnx"."""
        return self._backend.engine

    @property
    def device(self) -> str:
        """Where it runs, such as "cpu" or "cuda:0"."""
        return self._backend.device

    @property
    def precision(self) -> str:
        """What it computes in, such as "fp32"."""
        return self._backend.precision

    @property
    def threads(self) -> int | None:
        """CPU threads of one run, None where the engine does not say."""
        return self._backend.threads

    @property
    def input_size(self) -> tuple[int, ...]:
        """Long sides that pictures are scaled to, in pixels; the tensor's own where its shape is fixed."""
        return self._sizes if self._shape is None else (max(self._shape),)

    @property
    def input_shape(self) -> tuple[int, int] | None:
        """(height, width) of the tensor where it is fixed, else None."""
        return self._shape

    @property
    def score_threshold(self) -> float:
        """Least score of a face: the one given, else the model's operating point, else 0.5."""
        return self._score_threshold

    @property
    def why(self) -> str:
        """Why this engine was chosen."""
        return self._why

    def __repr__(self) -> str:
        size = f"input_shape={self._shape}" if self._shape else f"input_size={self._sizes}"
        return (
            f"FaceDetector({self._metadata.model!r}, {size}: {self.backend} {self._backend.version} on {self.device}, "
            f"{self.precision}, {self.threads} threads)"
        )

    def __getstate__(self) -> dict[str, Any]:
        return self._arguments

    def __setstate__(self, arguments: dict[str, Any]) -> None:
        self.__init__(**arguments)  # type: ignore[misc]

    def _placements(self, picture: Picture) -> list[_core.Placement]:
        if self._shape is not None:
            return [_core.Placement.fit_shape(picture.size, self._shape)]
        return [_core.Placement.fit(picture.size, size) for size in self._sizes]

    def _run(self, pictures: Sequence[Picture], placements: Sequence[_core.Placement]) -> list[_core.Candidates]:
        m = self._metadata
        chw = m.layout == "NCHW"
        height, width = placements[0].tensor
        tensor = self._buffer((len(pictures), *((3, height, width) if chw else (height, width, 3))))
        for slot, picture, placement in zip(tensor, pictures, placements, strict=True):
            _core.letterbox(
                picture.pixels,
                placement,
                slot,
                layout="chw" if chw else "hwc",
                swap=picture.color != m.color,
                mean=m.mean,
                std=m.std,
                pad=_PADDING,
            )
        try:
            if decodes(self._backend):
                decoded = self._backend.run_decoded(tensor, self._score_threshold)
                return candidates_of(decoded, placements)
            outputs = self._backend.run(tensor)
        except ScrfdError:
            raise
        except Exception as error:
            raise BackendError(f"{self.backend} failed on a tensor {tensor.shape}: {error}") from error
        return _core.decode(
            outputs,
            placements,
            strides=m.strides,
            anchors=m.anchors,
            score_threshold=self._score_threshold,
        )

    def _merge(self, candidates: Sequence[_core.Candidates]) -> Faces:
        return Faces(*_core.nms(candidates, iou_threshold=self._nms_threshold, max_faces=self._max_faces))

    def _buffer(self, shape: tuple[int, ...]) -> Tensor:
        """This thread's memory, kept from run to run: fresh pages cost as much time as the letterbox itself."""
        buffer: npt.NDArray[Any] | None = getattr(self._local, "buffer", None)
        count = math.prod(shape)
        if buffer is None or len(buffer) < count:
            buffer = self._local.buffer = np.empty(count, self._metadata.dtype)
        return buffer[:count].reshape(shape)

    def _checked_shape(self, shape: tuple[int, int] | None) -> tuple[int, int] | None:
        """The tensor's fixed (height, width), asked for or demanded by the file, or None."""
        step = self._metadata.strides[-1]
        if shape is not None:
            if self._sizes != (_DEFAULT_SIZE,):
                raise SettingError("Give input_size or input_shape, not both.")
            pair = isinstance(shape, Sequence) and len(shape) == 2
            if not pair or not all(_is_whole(s) and step <= s <= _LARGEST and s % step == 0 for s in shape):
                raise SettingError(f"input_shape must be (height, width), multiples of {step}, got {shape!r}.")
            shape = (int(shape[0]), int(shape[1]))
        fixed = self._backend.shape
        if fixed is not None:
            if shape not in (None, fixed):
                raise SettingError(f"This file takes tensors of {fixed} (height, width) only, not {shape}.")
            if self._sizes not in ((_DEFAULT_SIZE,), (max(fixed),)):
                raise SettingError(f"This file takes tensors of {fixed} only: input_size {self._sizes} cannot be had.")
        return shape or fixed


def _find(model: str | os.PathLike[str], backend: str, precision: str, device: str) -> tuple[Path, str, str]:
    """The file, the back end that opens it, and why that one."""
    if _is_path(model):
        path = Path(model)
        if path.is_dir() or not path.exists():
            what = "is a folder" if path.is_dir() else "does not exist"
            raise ModelError(f"{path} {what}; expected a model file ({', '.join(sorted(suffixes()))}).")
        choice = choose([(path.suffix.lower(), precision)], backend, device=device)
        return path, choice.backend, choice.why
    entry = catalog.find_model(os.fspath(model))
    files = [file for file in entry.files if precision != "auto" or catalog.loses_little(file, entry)]
    here = [file for file in files if catalog.find_file(file) is not None] or files
    choice = choose([(file.suffix, file.precision) for file in here], backend, precision, device)
    return catalog.locate(entry, [here[choice.index]]), choice.backend, choice.why


def _is_path(model: str | os.PathLike[str]) -> bool:
    if not isinstance(model, str):
        return True
    if model in catalog.CATALOG or model in DESCRIPTIONS:
        return False
    return Path(model).suffix.lower() in suffixes() or os.path.exists(model)


def _checked_sizes(value: int | Sequence[int]) -> tuple[int, ...]:
    sizes = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    if not sizes or len(sizes) > 8 or not all(_is_whole(size) and 32 <= size <= _LARGEST for size in sizes):
        raise SettingError(f"input_size must be one to eight integers from 32 to {_LARGEST}, got {value!r}.")
    return tuple(int(size) for size in sizes)


def _check_share(name: str, value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating) or not 0 <= value <= 1:
        raise SettingError(f"{name} must lie within 0 and 1, got {value!r}.")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
