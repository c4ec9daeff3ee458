"""Choices of training, each against the same control: a short pass from given weights, and AP on pictures kept out.

    python benchmarks/choices.py --data DIR --dev LIST --init WEIGHTS --out OUT [--epochs 1.5] [--kernels] [NAME...]

The control is `refine` at half its rate, in crops of every scale and without empty pictures. Every run takes the same
pictures in the same order; such short passes tell the choices from each other, not what a whole training would reach.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from scrfd_edge.annotations import read_annotated
from scrfd_edge.evaluation.held_out import HeldOut
from scrfd_edge.networks import checkpoint
from scrfd_edge.training.batches import Pictures
from scrfd_edge.training.crops import BASELINE_SCALES, REDISTRIBUTED_SCALES
from scrfd_edge.training.loop import Trainer
from scrfd_edge.training.recipe import Phase, Recipe, refine

_SEED = 1


def choices(control: Recipe) -> dict[str, Recipe]:
    """Name -> the control with one thing changed."""
    epochs = control.phases[0].epochs
    return {
        "control": control,
        **{f"crops from {s}": replace(control, scales=_from(s)) for s in (0.8, 1.2)},
        "variety, from 0.8": replace(control, scales=_from(0.8), variety=1),
        "baseline crops": replace(control, scales=BASELINE_SCALES),
        "ATSS alone": replace(control, every_face=False),
        "no average": replace(control, ema=0),
        "SGD": replace(control, optimiser="sgd", rate=0.01, weight_decay=5e-4, init="release"),
        "448 around a face": replace(control, phases=(Phase(epochs * 4 / 3, 448, 24, "face"),)),
    }


def _from(smallest: float) -> tuple[float, ...]:
    return tuple(scale for scale in REDISTRIBUTED_SCALES if scale >= smallest)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--dev", type=Path, required=True)
    parser.add_argument("--init", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=float, default=1.5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--kernels", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()

    description = checkpoint.load(options.init)[0].description
    recipe = refine(description, options.epochs)
    recipes = choices(replace(recipe, rate=recipe.rate / 2, scales=REDISTRIBUTED_SCALES, empty=0))
    kept, held = read_annotated(options.data).split(options.dev)
    pictures, held_out = Pictures(kept.images, kept.notes, 8 << 30), HeldOut(held.images, held.notes)
    print(f"{options.init}, {len(pictures)} pictures, {torch.get_num_threads()} thread(s); AP easy / medium / hard")
    for name in options.names or recipes:
        trainer = Trainer(description, pictures, recipes[name], options.out / name, seed=_SEED, device=options.device)
        if options.kernels:
            from scrfd_edge.training.kernels import install

            install(trainer.net)
        trainer.start_from(options.init)
        trainer.run()
        found = held_out.measure(trainer.out / "weights.safetensors", device=options.device)
        print(f"{name:18} {trainer.steps} steps: {found}", flush=True)


if __name__ == "__main__":
    main()
