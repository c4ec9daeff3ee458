"""One candidate: a training run of a short recipe and an evaluation, through the code that every model goes through."""

import tempfile
import time
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..annotations import Annotation, read_annotations, read_list
from ..cost import cost
from ..description import Description
from ..errors import DataError
from ..training.recipe import Recipe
from .shares import SIZE, component_macs
from .store import Row

if TYPE_CHECKING:
    from ..training.batches import Pictures

SMALLEST = {"easy": 32.0, "medium": 16.0, "hard": 0.0}
"""Least side in pixels, on a long side of 640, of the faces that a setting counts on annotations of our own.

WIDER FACE's own settings are lists that exist for its validation set only. Most of its easy faces are larger than 32
pixels there, most medium ones larger than 16 (Fig. 3).
"""

_SIDE = 640


@dataclass(frozen=True)
class Candidate:
    """name: of its row. seed: of its training."""

    name: str
    description: Description
    seed: int


@dataclass(frozen=True)
class Job:
    """What all candidates of a search share.

    data: folder with label.txt and images/, the same path on every node. dev: list of the pictures in it to evaluate on
    and to keep out of training. device: "cpu" or "cuda". threads: of one candidate on the CPU. cache: bytes of decoded
    pictures that a worker keeps. kernels: compiled CPU kernels for depth-wise networks. revision: of this code.
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
        for notes in split(self.data, self.dev):
            for note in notes:
                if not (self.data / "images" / note.path).is_file():
                    raise DataError(f"{self.data / 'images' / note.path}: the picture is missing; label.txt names it.")


def split(data: Path, dev: Path) -> tuple[list[Annotation], list[Annotation]]:
    """Pictures of `data` to train on, and those that `dev` lists, to evaluate on."""
    notes = read_annotations(data / "label.txt")
    wanted = set(read_list(dev))
    unknown = wanted - {note.path for note in notes}
    if unknown:
        raise DataError(f"{dev}: {min(unknown)} is not among the pictures of {data / 'label.txt'}.")
    kept = [note for note in notes if note.path not in wanted]
    if not any(len(note.boxes) for note in kept):
        raise DataError(f"{data}: no picture with a face is left to train on, beside those of {dev}.")
    return kept, [note for note in notes if note.path in wanted]


def run_candidate(candidate: Candidate, job: Job, node: str) -> Row:
    """Trains and evaluates one candidate. Raises what training and evaluation raise."""
    import torch

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
        found = evaluate(Path(folder) / "weights.safetensors", job, dev)
    return replace(
        empty_row(candidate, job),
        easy=found["easy"],
        medium=found["medium"],
        hard=found["hard"],
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


def evaluate(weights: Path, job: Job, dev: list[Annotation]) -> dict[str, float]:
    """AP in percent on the pictures `dev` at 640x640, by WIDER FACE's protocol: easy, medium and hard (SMALLEST)."""
    from ..detector import FaceDetector
    from ..evaluation.ground_truth import from_annotations
    from ..evaluation.measures import face_sizes
    from ..evaluation.run import SCORE_THRESHOLD, run, sized
    from ..evaluation.wider import evaluate as average_precisions

    truth = from_annotations(dev)
    sides = face_sizes(truth, _SIDE)
    counted = {setting: truth.counted["all"] & (sides >= least) for setting, least in SMALLEST.items()}
    opener = partial(
        FaceDetector,
        weights,
        device=job.device,
        precision="fp32",
        threads=job.threads,
        score_threshold=SCORE_THRESHOLD,
    )
    found = run(sized(opener, "square640"), job.data / "images", [note.path for note in dev])
    judged = average_precisions(replace(truth, counted=counted), found.detections)
    return {setting: round(value, 3) for setting, value in judged.items()}


@lru_cache(maxsize=1)
def _pictures(data: Path, dev: Path, cache: int) -> "tuple[Pictures, list[Annotation]]":
    """Training pictures, kept by a worker for its next candidate, and the pictures to evaluate on."""
    from ..training.batches import Pictures

    kept, held = split(data, dev)
    return Pictures(data / "images", kept, cache), held
