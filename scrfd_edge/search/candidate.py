"""One candidate: a training run of a short recipe and an evaluation, through the code that every model goes through."""

import tempfile
import time
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..annotations import Annotated, read_annotated
from ..cost import cost
from ..description import Description
from ..errors import DataError
from ..training.recipe import Recipe
from .shares import SIZE, component_macs
from .store import Row

if TYPE_CHECKING:
    from ..training.batches import Pictures


@dataclass(frozen=True)
class Candidate:
    """name: of its row. seed: of its training."""

    name: str
    description: Description
    seed: int


@dataclass(frozen=True)
class Job:
    """What all candidates of a search share.

    data: folder of annotated pictures (read_annotated), the same path on every node. dev: list of the pictures in it to
    evaluate on and to keep out of training. device: "cpu" or "cuda". threads: of one candidate on the CPU. cache: bytes
    of decoded pictures that a worker keeps. kernels: compiled CPU kernels for depth-wise networks. revision: of this
    code.
    """

    data: Path
    dev: Path
    recipe: Recipe
    device: str = "cpu"
    threads: int = 1
    cache: int = 2 << 30
    kernels: bool = False
    revision: str = "unknown"

    @property
    def epochs(self) -> float:
        return sum(phase.epochs for phase in self.recipe.phases)

    def check(self) -> None:
        """Raises DataError before the first candidate when annotations or pictures are missing."""
        for part in read_data(self.data, self.dev):
            for note in part.notes:
                if not (part.images / note.path).is_file():
                    raise DataError(f"{part.images / note.path}: the picture is missing; {part.label} names it.")


def read_data(data: Path, dev: Path) -> tuple[Annotated, Annotated]:
    """Pictures of `data` to train on, and those that `dev` lists, to evaluate on. Raises DataError without faces in
    either."""
    kept, held = read_annotated(data).split(dev)
    if not any(len(note.boxes) for note in kept.notes):
        raise DataError(f"{data}: no picture with a face is left to train on, beside those of {dev}.")
    if all(note.ignored.all() for note in held.notes):
        raise DataError(f"{dev}: none of its pictures has a face that counts; expected some to evaluate on.")
    return kept, held


def run_candidate(candidate: Candidate, job: Job, node: str) -> Row:
    """Trains and evaluates one candidate. Raises what training and evaluation raise."""
    import torch

    from ..evaluation.held_out import HeldOut
    from ..training.loop import Trainer

    began = time.perf_counter()
    torch.set_num_threads(job.threads)
    pictures, dev = _pictures(job.data, job.dev, job.cache)
    with tempfile.TemporaryDirectory(prefix="scrfd-search-") as folder:
        trainer = Trainer(
            candidate.description, pictures, job.recipe, Path(folder), seed=candidate.seed, device=job.device
        )
        if job.kernels:
            from ..training.kernels import install

            install(trainer.net)
        trainer.run()
        found = HeldOut(dev.images, dev.notes).measure(
            Path(folder) / "weights.safetensors", device=job.device, threads=job.threads
        )
    return replace(
        empty_row(candidate, job),
        easy=found.easy,
        medium=found.medium,
        hard=found.hard,
        seconds=round(time.perf_counter() - began, 1),
        node=node,
    )


def empty_row(candidate: Candidate, job: Job, error: str | None = None) -> Row:
    """The row of a candidate without results."""
    return Row(
        name=candidate.name,
        seed=candidate.seed,
        description=candidate.description,
        parameters=int(cost(candidate.description, SIZE).total.params),
        macs=component_macs(candidate.description),
        epochs=job.epochs,
        easy=None,
        medium=None,
        hard=None,
        seconds=0.0,
        revision=job.revision,
        node="",
        error=error,
    )


@lru_cache(maxsize=1)
def _pictures(data: Path, dev: Path, cache: int) -> "tuple[Pictures, Annotated]":
    """Training pictures, kept by a worker for its next candidate, and the pictures to evaluate on."""
    from ..training.batches import Pictures

    kept, held = read_data(data, dev)
    return Pictures(kept.images, kept.notes, cache), held
