"""`scrfd-edge balance`: scores of small faces against those of large ones, set on pictures held out."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import DataError, ModelError, SettingError

if TYPE_CHECKING:
    from torch import Tensor

    from ..description import Description

_STEP = 0.05  # logits per doubling
_MOST = 1.0
_COST = 0.1  # points of hard AP


def balance(
    weights: Annotated[Path, typer.Argument(help="Checkpoint (.safetensors).")],
    data: Annotated[Path, typer.Option(help="Folder with label.txt and images/, or WIDER FACE's archives unpacked.")],
    dev: Annotated[Path, typer.Option(help="List of pictures kept out of the training, to measure on.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The checkpoint to write, another file.")],
) -> None:
    """Raise the scores of large anchors, while larger faces gain by it on pictures held out, as far as it costs all
    faces no more than 0.1 points of AP: small false boxes then rank below large faces that are turned or covered."""
    from ..annotations import read_annotated
    from ..evaluation.held_out import Accuracy, HeldOut
    from ..networks import checkpoint

    net, header = checkpoint.load(weights)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    description, state, record = net.description, net.state_dict(), header["training"]
    if out.exists() and out.samefile(weights):
        raise SettingError(f"{out} is what is to be balanced, which can be done once: choose another file for --out.")
    if "balance" in record:
        raise ModelError(f"{weights}: is balanced already (by {record['balance']}); give the checkpoint from before.")
    if description.head.shared and description.anchors == 1:
        raise ModelError(
            f"{weights}: {description.name} has one anchor and one head for all strides: nothing to weigh."
        )
    pictures = read_annotated(data).split(dev)[1]
    held = HeldOut(pictures.images, pictures.notes)

    with TemporaryDirectory() as folder:  # what lies at `out` stays until the measurements are done

        def measure(by: float) -> Accuracy:
            path = Path(folder) / "balanced.safetensors"
            checkpoint.save(path, shifted(state, description, by), description, record)
            found = held.measure(path)
            print(f"raised by {by:.2f}: easy / medium / hard {found}", flush=True)
            return found

        best, before = 0.0, measure(0)
        if not before.hard:
            raise DataError(f"{weights} finds none of the faces of {dev}: a list with faces that it finds is needed.")
        found = before
        for by in (round(i * _STEP, 2) for i in range(1, round(_MOST / _STEP) + 1)):
            tried = measure(by)
            if tried.hard < before.hard - _COST or tried.easy + tried.medium <= found.easy + found.medium:
                break
            best, found = by, tried
    record = {
        **record,
        "balance": best,
        "balance_of_sha256": digest,
        "held_out_before": asdict(before),
        "held_out": asdict(found),
    }
    checkpoint.save(out, shifted(state, description, best), description, record, found.score_threshold)
    print(f"{out}: logits raised by {best} per doubling; precision above 98 % from a score of {found.score_threshold}")


def shifted(state: Mapping[str, "Tensor"], description: "Description", by: float) -> dict[str, "Tensor"]:
    """The state with the logits of every anchor raised by `by` for each doubling of its size from the smallest of all;
    where strides share a head, by what that is within the first stride, since its biases are those of all."""
    levels = description.anchor_sizes[:1] if description.head.shared else description.anchor_sizes
    smallest = min(min(sizes) for sizes in levels)
    raised = dict(state)
    for level, sizes in enumerate(levels):
        key = f"head.towers.{level}.score.bias"
        raised[key] = state[key] + state[key].new_tensor([by * math.log2(size / smallest) for size in sizes])
    return raised
