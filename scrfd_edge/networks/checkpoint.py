"""Our own checkpoints: safetensors with unfolded weights, the description and the training record in the header."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from ..description import Description
from ..errors import ModelError
from ..files import write_file
from ..metadata import KEY, Metadata
from .scrfd import SCRFD

_MAX_FILE = 1 << 30
_MAX_HEADER = 16 << 20
_INPUT = {"color": "rgb", "mean": 127.5, "std": 128.0}


def save(
    path: str | Path,
    net_state: Mapping[str, Tensor],
    description: Description,
    training: Mapping[str, Any],
    score_threshold: float | None = None,
) -> None:
    """Writes one checkpoint; an existing file is replaced in one step.

    net_state: the state dict of `SCRFD(description)`, float32. training: the training record, anything that JSON holds.
    score_threshold: the operating point, 0 to 1, None where nobody measured one.
    Raises ModelError when the state does not fit the description, the record does not fit JSON, or the threshold lies
    outside its range, SettingError when the file cannot be written.
    """
    _check_state(path, {k: (tuple(v.shape), v.dtype) for k, v in net_state.items()}, description)
    _check_threshold(path, score_threshold)
    header = {
        "format": 1,
        "description": description.to_dict(),
        "input": _INPUT,
        "training": dict(training),
        "score_threshold": score_threshold,
    }
    try:
        text = json.dumps(header, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{path}: the training record does not fit JSON ({error}).") from None
    if len(text) > _MAX_HEADER:
        raise ModelError(f"{path}: the training record takes {len(text)} bytes, more than {_MAX_HEADER}.")
    state = {k: v.detach().cpu().contiguous() for k, v in net_state.items()}
    write_file(path, to_bytes(state, {KEY: text}))


def load(path: str | Path) -> tuple[SCRFD, dict[str, Any]]:
    """Reads a checkpoint: the network in evaluation mode on the CPU, and the header.

    The header has "format", "description", "input" (color, mean, std), "training" and "score_threshold" (or None).
    Raises ModelError when the file is missing, damaged, too large or not one of ours.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > _MAX_FILE:
            raise ModelError(f"{path}: {size} bytes are too many for an SCRFD checkpoint (at most {_MAX_FILE}).")
        with safe_open(path, "pt") as file:
            header = _parse(path, (file.metadata() or {}).get(KEY))
            state = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: expected an SCRFD checkpoint in safetensors format ({error}).") from None
    net = _check_state(path, {k: (tuple(v.shape), v.dtype) for k, v in state.items()}, header["description"])
    net.load_state_dict(state, assign=True)
    header["description"] = net.description.to_dict()
    return net.eval(), header


def metadata_of(description: Description, score_threshold: float | None = None) -> Metadata:
    """What a file made of this network's weights says of itself. score_threshold: as the header tells."""
    return Metadata(
        model=description.name,
        strides=description.strides,
        anchors=description.anchors,
        landmarks=description.head.landmarks,
        score_threshold=score_threshold,
    )


def _parse(path: Path, text: str | None) -> dict[str, Any]:
    if text is None:
        raise ModelError(f"{path}: a safetensors file, but without the header entry {KEY!r} of our checkpoints.")
    if len(text) > _MAX_HEADER:
        raise ModelError(f"{path}: the header takes {len(text)} bytes, more than {_MAX_HEADER}.")
    try:
        header = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ModelError(f"{path}: the header is not JSON ({error}).") from None
    if not isinstance(header, dict) or header.get("format") != 1:
        raise ModelError(f"{path}: expected a header of format 1. A newer scrfd-edge may read it.")
    if header.get("input") != _INPUT:
        raise ModelError(f"{path}: expected the input {_INPUT}, but the header says {header.get('input')}.")
    if not isinstance(header.get("training"), dict):
        raise ModelError(f"{path}: the header has no training record.")
    _check_threshold(path, header.setdefault("score_threshold", None))
    try:
        header["description"] = Description.from_dict(header.get("description"))
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    return header


def _check_threshold(path: str | Path, value: object) -> None:
    if value is not None and not (isinstance(value, float) and 0 <= value <= 1):
        raise ModelError(f"{path}: expected a score_threshold from 0 to 1, got {value!r:.40}.")


def _check_state(
    path: str | Path, given: Mapping[str, tuple[tuple[int, ...], torch.dtype]], description: Description
) -> SCRFD:
    """Compares names, shapes and types with the described network, which is built without memory and returned."""
    # A forged description may ask for a network too deep to build: every block has at least one tensor.
    if sum(description.backbone.depths) + description.head.convs > len(given):
        raise ModelError(f"{path}: {len(given)} tensors are too few for the described network.")
    try:
        with torch.device("meta"):
            net = SCRFD(description)
    except (RuntimeError, TypeError, OverflowError) as error:
        raise ModelError(f"{path}: the described network cannot be built ({str(error).splitlines()[0]}).") from None
    expected = {k: (tuple(v.shape), v.dtype) for k, v in net.state_dict().items()}
    if expected.keys() != given.keys():
        missing, foreign = sorted(expected.keys() - given.keys()), sorted(given.keys() - expected.keys())
        raise ModelError(
            f"{path}: does not fit the description {description.name!r}: "
            f"{len(missing)} tensors missing {missing[:3]}, {len(foreign)} unknown {foreign[:3]}."
        )
    for name, wanted in expected.items():
        if given[name] != wanted:
            raise ModelError(
                f"{path}: {name} should be {wanted[0]} {wanted[1]}, but is {given[name][0]} {given[name][1]}."
            )
    return net
