"""Pictures per second of training: batches alone, network alone, and both together, which says what bounds.

python benchmarks/training.py --data DIR [--model NAME] [--size 640] [--batch 16] [--steps 12] [--kernels]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

from scrfd_edge.annotations import read_annotations
from scrfd_edge.description import DESCRIPTIONS
from scrfd_edge.training.batches import Pictures
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
    parser.add_argument("--kernels", action="store_true")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()

    description = DESCRIPTIONS[options.model]
    crops = short(description).phases[-1].crops if options.size >= 640 else "face"
    recipe = replace(short(description), phases=(Phase(100, options.size, options.batch, crops),))
    notes = read_annotations(options.data / "label.txt")[:_PICTURES]
    pictures = Pictures(options.data / "images", notes, 8 << 30)
    for index in range(len(pictures)):
        pictures.picture(index)
    with tempfile.TemporaryDirectory() as out:
        trainer = Trainer(description, pictures, recipe, Path(out), seed=0, device=options.device)
        if options.kernels:
            from scrfd_edge.training.kernels import install

            install(trainer.net)
        batch = trainer.batches.make(0)
        for _ in range(2):
            trainer.train_batch(trainer.net, batch)
        ahead = trainer.batches.from_step(0)
        alone, network, together = [], [], []
        for step in range(options.steps):
            alone.append(_seconds(partial(trainer.batches.make, step)))
            network.append(_seconds(lambda: trainer.train_batch(trainer.net, batch)))
            together.append(_seconds(lambda: trainer.train_batch(trainer.net, next(ahead))))
    print(f"{options.model}, {options.size}x{options.size}, batch {options.batch}; medians of {options.steps}")
    for name, seconds in (("batches alone", alone), ("network alone", network), ("both", together)):
        print(f"{name:14} {options.batch / median(seconds):8.1f} pictures/s")
    print(f"the {'network' if median(network) > median(alone) else 'data pipeline'} bounds")


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
