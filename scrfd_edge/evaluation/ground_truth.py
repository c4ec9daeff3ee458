"""The faces that detections are held against: WIDER FACE's official files, or annotations of our own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from ..annotations import Annotation
from ..errors import DataError

_IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


@dataclass(frozen=True)
class GroundTruth:
    """The faces of P pictures, F in all, pooled in the order of the pictures.

    names: P stems, such as EVENT/NAME. boxes: (F, 4) float64 x1 y1 x2 y2 in pixels. picture: (F,) index into names.
    counted: setting -> (F,) bool, the faces that a setting looks for; a detection on another face is not judged.
    landmarks: (F, 5, 2) float64, NaN where unknown, or None. sizes: (P, 2) width and height, or None where unknown.
    """

    names: tuple[str, ...]
    boxes: npt.NDArray[np.float64]
    picture: npt.NDArray[np.intp]
    counted: dict[str, npt.NDArray[np.bool_]]
    landmarks: npt.NDArray[np.float64] | None = None
    sizes: npt.NDArray[np.float64] | None = None


def stem(name: str) -> str:
    """EVENT/NAME.jpg, with or without the suffix of an image, as EVENT/NAME."""
    path = PurePosixPath(name.replace("\\", "/"))
    return str(path.with_suffix("") if path.suffix.lower() in _IMAGE_SUFFIXES else path)


def load_ground_truth(directory: str | Path, names: Sequence[str] | None = None) -> GroundTruth:
    """The official validation set, or the pictures `names` (EVENT/NAME[.jpg]) of it.

    directory: holds wider_face_val.mat, wider_easy_val.mat, wider_medium_val.mat and wider_hard_val.mat.
    Settings are easy, medium and hard. Raises DataError for a missing or damaged file and an unknown picture.
    """
    main = _load_mat(Path(directory, "wider_face_val.mat"), ("event_list", "file_list", "face_bbx_list"))
    listed = {
        setting: _load_mat(Path(directory, f"wider_{setting}_val.mat"), ("gt_list",))["gt_list"]
        for setting in ("easy", "medium", "hard")
    }
    places = {
        f"{event[0][0]}/{file[0][0]}": (e, i)
        for e, event in enumerate(main["event_list"])
        for i, file in enumerate(main["file_list"][e][0])
    }
    stems = list(places) if names is None else [stem(name) for name in names]
    boxes: list[npt.NDArray[np.float64]] = []
    counted: dict[str, list[npt.NDArray[np.bool_]]] = {setting: [] for setting in listed}
    for name in stems:
        if name not in places:
            raise DataError(f"{name} is not in WIDER FACE's validation set ({directory}); expected EVENT/NAME.jpg.")
        e, i = places[name]
        faces = np.asarray(main["face_bbx_list"][e][0][i][0], np.float64).reshape(-1, 4)
        boxes.append(np.concatenate([faces[:, :2], faces[:, :2] + faces[:, 2:]], 1))
        for setting, lists in listed.items():
            mask = np.zeros(len(faces), np.bool_)
            mask[lists[e][0][i][0].reshape(-1).astype(np.intp) - 1] = True
            counted[setting].append(mask)
    return GroundTruth(
        _distinct(stems),
        np.concatenate([np.zeros((0, 4)), *boxes]),
        np.repeat(np.arange(len(boxes)), np.array([len(faces) for faces in boxes], np.intp)),
        {setting: np.concatenate([np.zeros(0, np.bool_), *masks]) for setting, masks in counted.items()},
    )


def from_annotations(annotations: Sequence[Annotation]) -> GroundTruth:
    """Ground truth of annotated pictures. Its one setting is `all`: every face that is not ignored."""
    count = [len(note.boxes) for note in annotations]
    points = np.concatenate([np.zeros((0, 5, 2)), *(note.landmarks for note in annotations)])
    visible = np.concatenate([np.zeros((0, 5)), *(note.visible for note in annotations)])
    points[visible == 0] = np.nan
    return GroundTruth(
        _distinct([stem(note.path) for note in annotations]),
        np.concatenate([np.zeros((0, 4)), *(note.boxes for note in annotations)]),
        np.repeat(np.arange(len(count)), np.array(count, np.intp)),
        {"all": ~np.concatenate([np.zeros(0, np.bool_), *(note.ignored for note in annotations)])},
        points,
        np.array([(note.width, note.height) for note in annotations], np.float64).reshape(-1, 2),
    )


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"The picture {name} is listed twice.")
        seen.add(name)
    return tuple(names)


def _load_mat(path: Path, keys: tuple[str, ...]) -> dict[str, npt.NDArray[np.object_]]:
    try:
        from scipy.io import loadmat  # type: ignore[import-untyped]
    except ImportError as error:
        raise DataError("Reading WIDER FACE's .mat files needs scipy: pip install 'scrfd-edge[train]'.") from error
    try:
        found = loadmat(str(path), variable_names=keys)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; expected WIDER FACE's four official ground-truth files.") from error
    except Exception as error:  # damaged files make scipy raise nearly anything
        raise DataError(f"{path}: not a MATLAB file that can be read ({error}).") from error
    missing = [key for key in keys if key not in found]
    if missing:
        raise DataError(f"{path}: expected the variables {', '.join(keys)}; missing {', '.join(missing)}.")
    return {key: found[key] for key in keys}
