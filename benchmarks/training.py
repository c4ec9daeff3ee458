"""Pictures per second of training: batches alone, network alone, and both together, which says what bounds.

python benchmarks/training.py --data DIR [--model NAME] [--size 640] [--batch 16] [--steps 12] [--rounds 3] [--kernels]
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

from scrfd_edge.annotations import read_annotated
from scrfd_edge.description import DESCRIPTIONS
from scrfd_edge.training.batches import AHEAD, Batch, Pictures
from scrfd_edge.training.loop import Trainer
from scrfd_edge.training.recipe import Phase, short

_PICTURES = 600  # kept decoded, as in a training after its first look at the pictures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="scrfd_500m_kps", choices=DESCRIPTIONS)
    parser.add_argument("--size", type=int, default=640)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kernels", action="store_true")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()

    description = DESCRIPTIONS[options.model]
    crops = short(description).phases[-1].crops if options.size >= 640 else "face"
    recipe = replace(short(description), phases=(Phase(100, options.size, options.batch, crops),))
    data = read_annotated(options.data)
    pictures = Pictures(data.images, data.notes[:_PICTURES], 8 << 30)
    for index in range(len(pictures)):
        pictures.picture(index)
    with tempfile.TemporaryDirectory() as out:
        trainer = Trainer(description, pictures, recipe, Path(out), seed=0, device=options.device)
        if options.kernels:
            from scrfd_edge.training.kernels import install

            install(trainer.net)
        batch = trainer.batches.make(0)
        stretches = {
            "batches alone": lambda batches: next(batches),
            "network alone": lambda _: trainer.train_batch(trainer.net, batch),
            "both": lambda batches: trainer.train_batch(trainer.net, next(batches)),
        }
        rates: dict[str, list[float]] = {name: [] for name in stretches}
        for _ in range(options.rounds):
            for name, step in stretches.items():
                rates[name].append(options.batch / _seconds(trainer, step, options.steps))
    print(f"{options.model}, {options.size}x{options.size}, batch {options.batch}")
    print(f"medians of {options.rounds} stretches of {options.steps} steps, in turn")
    found = {name: median(values) for name, values in rates.items()}
    for name, rate in found.items():
        print(f"{name:14} {rate:8.1f} pictures/s")
    print(f"the {'network' if found['network alone'] < found['batches alone'] else 'data pipeline'} bounds")


def _seconds(trainer: Trainer, step: Callable[[Iterator[Batch]], object], steps: int) -> float:
    """Mean time of a step, after as many as are made ahead: a stretch shall not live on what was made before it."""
    made = trainer.batches.from_step(0, pinned=trainer.device.type == "cuda")
    for _ in range(AHEAD + 2):
        step(made)
    began = time.perf_counter()
    for _ in range(steps):
        step(made)
    return (time.perf_counter() - began) / steps


if __name__ == "__main__":
    main()
