"""Which models there are: name -> files, hash, licence, where from; and where a file lies on this machine."""

import difflib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .description import DESCRIPTIONS, PAPER_VARIANTS, Description
from .errors import ModelError

BUNDLED = Path(__file__).parent / "weights"
SAMPLE = BUNDLED / "astronaut.jpg"
"""A portrait in the public domain: the astronaut Eileen Collins, photographed by NASA; as scikit-image ships it."""


@dataclass(frozen=True)
class ModelFile:
    """One file of a model. name: in the wheel's or the cache's folder. precision: of its weights and sums.

    url: where it can be downloaded, None for bundled files. member: its name inside the zip archive at `url`, None
    where `url` is the file itself. bin_sha256: of the .bin file beside an .xml file. ap: average precision, easy,
    medium and hard, in percent, by the command and on the list that the model's card names; None: not measured.
    """

    name: str
    precision: str
    sha256: str
    url: str | None = None
    member: str | None = None
    bin_sha256: str | None = None
    ap: tuple[float, float, float] | None = None

    @property
    def suffix(self) -> str:
        return Path(self.name).suffix


@dataclass(frozen=True)
class Model:
    """One entry. description: its architecture. licence: SPDX expression or plain words. source: who made it.

    ap: of its weights in FP32, as ModelFile has it of a file; there need not be a file in FP32.
    """

    name: str
    description: Description
    files: tuple[ModelFile, ...]
    licence: str
    source: str
    ap: tuple[float, float, float] | None = None


_OURS = "LicenseRef-scrfd-edge-weights (trained on photographs for research use; see LICENSE-WEIGHTS)"
_THEIRS = "non-commercial research only (the authors of InsightFace)"
_RELEASE = "https://github.com/deepinsight/insightface/releases/download/v0.7/"
_MIRROR = "https://github.com/yakhyo/uniface/releases/download/weights/"


def _official(name: str, sha256: str, url: str, member: str | None = None) -> Model:
    file = ModelFile(f"insightface/{name}.onnx", "fp32", sha256, url, member)
    return Model(f"insightface/{name}", DESCRIPTIONS[name], (file,), _THEIRS, "InsightFace release v0.7")


def _bundled(name: str, entry: Mapping[str, Any]) -> Model:
    made = (ModelFile(**{**file, "ap": tuple(file["ap"])}) for file in entry["files"])
    return Model(name, DESCRIPTIONS[name], tuple(made), _OURS, "this project", tuple(entry["ap"]))


_BUNDLED: Mapping[str, Any] = json.loads((BUNDLED / "files.json").read_text())
"""Written by the command that makes these files, scrfd_edge_converters.release."""

CATALOG: Mapping[str, Model] = {
    model.name: model
    for model in (
        *(_bundled(name, entry) for name, entry in _BUNDLED.items()),
        _official(
            "scrfd_500m_kps",
            "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a",
            _MIRROR + "scrfd_500m_kps.onnx",
        ),
        _official(
            "scrfd_2.5g_kps",
            "041f73f47371333d1d17a6fee6c8ab4e6aecabefe398ff32cca4e2d5eaee0af9",
            _RELEASE + "buffalo_m.zip",
            "det_2.5g.onnx",
        ),
        _official(
            "scrfd_10g_kps",
            "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91",
            _MIRROR + "scrfd_10g_kps.onnx",
        ),
    )
}

LOSSES: Mapping[str, tuple[float, float, float]] = {
    ".xml": (0.2, 0.2, 0.5),
    ".onnx": (0.3, 0.3, 0.7),
    ".tflite": (0.3, 0.3, 0.7),
}
"""Suffix -> average precision, easy, medium and hard, in percent, that a file which "auto" takes may lose, where the
model has one in FP32."""


def find_model(name: str) -> Model:
    """The entry called `name`. Raises ModelError that suggests the near names."""
    if name in CATALOG:
        return CATALOG[name]
    if name in DESCRIPTIONS or name in PAPER_VARIANTS:
        official = f"insightface/{name}"
        also = f"; the authors' file: scrfd-edge models download {official}" if official in CATALOG else ""
        raise ModelError(
            f"There are no weights of ours for {name!r}. Give the path of a model file, or train it: "
            f"scrfd-edge train --model {name}{also}"
        )
    near = difflib.get_close_matches(name, CATALOG, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(CATALOG)}."
    raise ModelError(f"Unknown model {name!r}: expected a name from `scrfd-edge models` or a path; {hint}")


def cache_folder() -> Path:
    """Where downloads go: $SCRFD_EDGE_HOME, else the user's cache folder. It need not exist."""
    home = os.environ.get("SCRFD_EDGE_HOME")
    if home:
        return Path(home).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("scrfd-edge", appauthor=False)


def find_file(file: ModelFile) -> Path | None:
    """Where `file` lies on this machine: in the wheel, in the cache folder, or nowhere."""
    if file.url is None:
        return BUNDLED / file.name
    path = cache_folder() / file.name
    return path if path.is_file() else None


def loses_little(file: ModelFile, model: Model) -> bool:
    """Whether a file of the model loses no more than LOSSES against its weights in FP32, by measurement, or there are
    INT8 files alone, and nothing better to take."""
    if file.precision == "fp32" or all(other.precision == "int8" for other in model.files):
        return True
    if file.ap is None or model.ap is None:
        return False
    return all(round(a - b, 2) <= most for a, b, most in zip(model.ap, file.ap, LOSSES[file.suffix], strict=True))


def locate(model: Model, files: Sequence[ModelFile]) -> Path:
    """The first of `files` that is on this machine. Raises ModelError with the command that downloads it."""
    for file in files:
        path = find_file(file)
        if path is not None:
            return path
    raise ModelError(
        f"{model.name} is not on this machine. Download it: scrfd-edge models download {model.name}\n"
        f"Its licence: {model.licence}."
    )
