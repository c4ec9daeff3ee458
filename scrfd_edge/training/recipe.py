"""Training recipes: the paper's schedule, and two for small budgets."""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from ..description import Description
from ..errors import SettingError
from .crops import REDISTRIBUTED_SCALES

Crops = Literal["square", "rectangle", "face"]

# The release keeps boxes that reach beyond the crop for these, and trains those at twice the rate.
_UNCLIPPED = ("scrfd_2.5g", "scrfd_2.5g_kps", "scrfd_10g", "scrfd_10g_kps")
_DOUBLE_RATE = ("scrfd_34g", "resnet_2.5g", "resnet_34g")
_BATCH = {"scrfd_500m_kps": 64}
_EPOCHS = {"resnet_34g": 400}
_LATER = ("every_face", "empty", "variety")  # fields of a recipe that the first ones lacked


@dataclass(frozen=True)
class Phase:
    """A stretch of training at one tensor size. epochs: passes over the pictures; size: long side of the tensor; batch:
    pictures per step over all processes; crops: "square" (paper, section 4.1), "rectangle": of three steps, two narrow
    these to 0.7 of their width or height, or "face"."""

    epochs: float
    size: int
    batch: int
    crops: Crops

    def shape(self, step: int) -> tuple[int, int]:
        """(height, width) of the tensor of a step (from 0)."""
        narrow = round(0.7 * self.size / 32) * 32 if self.crops == "rectangle" else self.size
        return ((self.size, self.size), (self.size, narrow), (narrow, self.size))[step % 3]


@dataclass(frozen=True)
class Recipe:
    """How to train. warmup: steps of linear warm-up. milestones: shares of all steps after which the rate falls to a
    tenth; without any the rate follows a cosine to zero. ema: decay of the weights' moving average, 0 for none.
    clip: largest gradient norm, 0 for none. clip_faces: boxes end at the crop's border. every_face: small
    faces that ATSS leaves without an anchor get the nearest, or are at least no background (`assign`), and neither are
    faces to ignore. empty: share of pictures that make room for one of a single colour, as a covered camera sees, with
    no face in it. variety: 0 to 1, how much of what `variety` has is done to pictures."""

    name: str
    phases: tuple[Phase, ...]
    optimiser: Literal["sgd", "muon"]
    rate: float
    weight_decay: float
    warmup: int
    milestones: tuple[float, ...]
    ema: float
    clip: float
    half: bool
    init: Literal["release", "short"]
    clip_faces: bool
    scales: tuple[float, ...] = REDISTRIBUTED_SCALES
    every_face: bool = False
    empty: float = 0
    variety: float = 0

    def identity(self) -> dict[str, Any]:
        """The fields that tell two recipes apart. One that came later says nothing while it is off, so that trainings
        and searches from before it go on."""
        return {key: value for key, value in asdict(self).items() if value or key not in _LATER}

    def steps(self, pictures: int) -> list[int]:
        """Steps of each phase for a set of that many pictures."""
        return [max(1, round(phase.epochs * pictures / phase.batch)) for phase in self.phases]

    def factor(self, step: int, steps: int) -> float:
        """The learning rate at a step (from 0), as a share of the full rate."""
        if step < self.warmup:
            return 1 - (1 - step / self.warmup) * (1 - 0.001)
        if self.milestones:
            return float(0.1 ** sum(step >= share * steps for share in self.milestones))
        return 0.5 * (1 + math.cos(math.pi * (step - self.warmup) / max(1, steps - self.warmup)))

    def level(self, step: int, steps: int) -> float:
        """How much variety at a step (from 0): half for the last quarter, to end on pictures like those to come."""
        return self.variety * (1 if step < 0.75 * steps else 0.5)


def paper(
    description: Description, epochs: float | None = None, scales: tuple[float, ...] = REDISTRIBUTED_SCALES
) -> Recipe:
    """Section 5.1 and the release: SGD at 0.01, batch 8x4, 640 epochs, a tenth at 440 and 544 (as shares).

    The release trains scrfd_500m_kps in batches of 16x4, and ResNet-34GF for 400 epochs.
    """
    name = description.name
    phase = Phase(_EPOCHS.get(name, 640) if epochs is None else epochs, 640, _BATCH.get(name, 32), "square")
    return Recipe(
        name="paper",
        phases=(phase,),
        optimiser="sgd",
        rate=0.02 if name in _DOUBLE_RATE else 0.01,
        weight_decay=5e-4,
        warmup=1500,
        milestones=(440 / 640, 544 / 640),
        ema=0,
        clip=0,
        half=False,
        init="release",
        clip_faces=name not in _UNCLIPPED,
        scales=scales,
    )


def short(description: Description, epochs: float = 60, scales: tuple[float, ...] = REDISTRIBUTED_SCALES) -> Recipe:
    """For small budgets: Muon, cosine, moving average, bfloat16, three quarters of the epochs at 320."""
    return Recipe(
        name="short",
        phases=(Phase(epochs * 0.75, 320, 32, "face"), Phase(epochs * 0.25, 640, 16, "square")),
        optimiser="muon",
        rate=0.02,
        weight_decay=0.05,
        warmup=100,
        milestones=(),
        ema=0.999,
        clip=10,
        half=True,
        init="short",
        clip_faces=description.name not in _UNCLIPPED,
        scales=scales,
    )


def refine(description: Description, epochs: float = 20, scales: tuple[float, ...] = REDISTRIBUTED_SCALES) -> Recipe:
    """Another pass over weights that `short` has trained: its 640 alone, from half its rate, on every face, in crops of
    0.8 and more, in which faces are about as small as in a picture that fills the tensor.

    Group norms see how much of a tensor is padding, so their networks also train on rectangles, with less of it.
    """
    first = short(description, scales=scales)
    crops: Crops = "rectangle" if description.head.norm == "group" else "square"
    return replace(
        first,
        name="refine",
        phases=(replace(first.phases[-1], epochs=epochs, crops=crops),),
        rate=first.rate / 2,
        scales=tuple(scale for scale in scales if scale >= 0.8),
        every_face=True,
        empty=1 / 64,
    )


RECIPES = {"paper": paper, "short": short, "refine": refine}


def find_recipe(
    name: str,
    description: Description,
    epochs: float | None,
    scales: tuple[float, ...],
    batch: int | None = None,
    rate: float | None = None,
    variety: float = 0,
) -> Recipe:
    """A recipe by name. batch: pictures per step of its last phase instead of its own, from where the other phases'
    batches and the rate follow: with Muon by the square root, else in proportion. rate: the full learning rate
    instead of the recipe's own or what follows the batch; with Muon, AdamW runs at a tenth of it. variety: as in
    Recipe.

    Raises SettingError for an unknown one, for a length, batch or rate that is not positive, and for variety
    outside 0 to 1.
    """
    if name not in RECIPES:
        raise SettingError(f"Unknown recipe {name!r}: expected one of {', '.join(RECIPES)}.")
    if epochs is not None and not 0 < epochs < math.inf:
        raise SettingError(f"epochs must be a positive number, got {epochs}.")
    if batch is not None and batch < 1:
        raise SettingError(f"batch must be at least 1 picture, got {batch}.")
    if rate is not None and not 0 < rate < math.inf:
        raise SettingError(f"rate must be a positive number, got {rate}.")
    if not 0 <= variety <= 1:
        raise SettingError(f"variety must be from 0 to 1, got {variety}.")
    make = RECIPES[name]
    recipe = make(description, scales=scales) if epochs is None else make(description, epochs, scales)
    factor = 1 if batch is None else batch / recipe.phases[-1].batch
    phases = tuple(replace(phase, batch=max(1, round(phase.batch * factor))) for phase in recipe.phases)
    followed = recipe.rate * (factor**0.5 if recipe.optimiser == "muon" else factor)
    return replace(recipe, phases=phases, rate=followed if rate is None else rate, variety=variety)
