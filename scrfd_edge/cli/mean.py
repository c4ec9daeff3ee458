"""`scrfd-edge mean`: several trainings that began with the same weights end as one."""

import hashlib
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from ..errors import ModelError


def mean(
    weights: Annotated[list[Path], typer.Argument(help="Checkpoints (.safetensors), trained from the same weights.")],
    data: Annotated[Path, typer.Option(help="Folder with label.txt and images/, or WIDER FACE's archives unpacked.")],
    dev: Annotated[Path, typer.Option(help="List of pictures kept out of all the trainings, to measure on.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The checkpoint to write.")],
) -> None:
    """Write the mean of checkpoints, with their records, and its accuracy and operating point on pictures held out."""
    from ..annotations import read_annotated
    from ..evaluation.held_out import HeldOut
    from ..networks import checkpoint

    loaded = [checkpoint.load(path) for path in weights]
    if len(loaded) < 2 or any(net.description != loaded[0][0].description for net, _ in loaded):
        raise ModelError(f"Expected two or more checkpoints of one model, got {', '.join(map(str, weights))}.")
    records = [header["training"] for _, header in loaded]
    if any("balance" in record for record in records):
        raise ModelError("One of these checkpoints is balanced: take the mean of them from before, then balance it.")
    if len({record["init_sha256"] for record in records if record.get("init_sha256")}) > 1:
        raise ModelError("These checkpoints began with different weights, of which a mean makes nothing.")
    held = read_annotated(data).split(dev)[1]
    description = loaded[0][0].description
    states = [net.state_dict() for net, _ in loaded]
    state = {
        key: sum(other[key] for other in states) / len(states) if value.is_floating_point() else value
        for key, value in states[0].items()
    }
    record = {
        "mean_of": records,
        "mean_of_sha256": [hashlib.sha256(path.read_bytes()).hexdigest() for path in weights],
    }
    with TemporaryDirectory() as folder:  # what lies at `out` stays until the measurement is done
        checkpoint.save(Path(folder) / "mean.safetensors", state, description, record)
        found = HeldOut(held.images, held.notes).measure(Path(folder) / "mean.safetensors")
    checkpoint.save(out, state, description, {**record, "held_out": asdict(found)}, found.score_threshold)
    print(f"{out}: easy / medium / hard {found}, precision above 98 % from a score of {found.score_threshold}")
