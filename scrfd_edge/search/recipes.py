"""How candidates are trained: the paper's 80 epochs, and a schedule that a CPU can afford."""

from dataclasses import replace

from ..errors import SettingError
from ..training.crops import BASELINE_SCALES, REDISTRIBUTED_SCALES
from ..training.recipe import Phase, Recipe

PAPER_EPOCHS = 80.0
CPU_EPOCHS = 2.0


class _PaperRecipe(Recipe):
    """Its warm-up takes 3 of 80 epochs at most, which few pictures or epochs would never get out of."""

    def factor(self, step: int, steps: int) -> float:
        longest = round(3 * steps / 80)
        if self.warmup > longest:
            return replace(self, warmup=longest).factor(step, steps)
        return super().factor(step, steps)


def paper_search(epochs: float = PAPER_EPOCHS, redistributed: bool = True) -> Recipe:
    """Section 5.1: SGD, batch 32, warm-up over 3 epochs of WIDER FACE's 12,880 pictures, a tenth at 56 and 68 of 80."""
    return _PaperRecipe(
        name="paper_search",
        phases=(Phase(epochs, 640, 32, "square"),),
        optimiser="sgd",
        rate=0.01,
        weight_decay=5e-4,
        warmup=1208,
        milestones=(56 / 80, 68 / 80),
        ema=0,
        clip=0,
        half=False,
        init="release",
        clip_faces=True,
        scales=REDISTRIBUTED_SCALES if redistributed else BASELINE_SCALES,
    )


def cpu_search(epochs: float = CPU_EPOCHS, redistributed: bool = True) -> Recipe:
    """The optimiser of the `short` recipe on crops of 160 around faces in batches of 8, for ranking only.

    Steps count most in so short a training: for scrfd_500m 190 steps of 32 crops of 320 gave an easy AP of 1.6 on
    pictures held out, these 1,520 steps (6,081 pictures) 11, in the same time on one core.
    """
    return Recipe(
        name="cpu_search",
        phases=(Phase(epochs, 160, 8, "face"),),
        optimiser="muon",
        rate=0.02,
        weight_decay=0.05,
        warmup=20,
        milestones=(),
        ema=0.99,
        clip=10,
        half=True,
        init="short",
        clip_faces=True,
        scales=REDISTRIBUTED_SCALES if redistributed else BASELINE_SCALES,
    )


RECIPES = {"paper_search": paper_search, "cpu_search": cpu_search}


def find_search_recipe(name: str, epochs: float | None = None, redistributed: bool = True) -> Recipe:
    """A recipe by name. redistributed: crops up to twice the short side (section 4.1), else up to it.

    Raises SettingError for an unknown name or epochs that are not above 0.
    """
    if name not in RECIPES:
        raise SettingError(f"Unknown search recipe {name!r}: expected one of {', '.join(RECIPES)}.")
    if epochs is not None and not 0 < epochs < float("inf"):
        raise SettingError(f"Epochs {epochs!r}: expected a number above 0.")
    make = RECIPES[name]
    return make(redistributed=redistributed) if epochs is None else make(epochs, redistributed)
