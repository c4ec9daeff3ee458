"""The mean of checkpoints that were trained from the same weights: two trainings side by side end as one.

python -m scrfd_edge.training.mean A.safetensors B.safetensors --data DATA --dev LIST --out OUT.safetensors
"""

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ..annotations import read_annotated
from ..errors import ModelError
from ..evaluation.held_out import Accuracy, HeldOut
from ..networks import checkpoint


def mean(paths: Sequence[Path], held_out: HeldOut, out: Path) -> Accuracy:
    """Writes the mean of all tensors, measured on pictures held out, with each training's record and hash.

    Raises ModelError for fewer than two checkpoints, of one that cannot be read, and of different models.
    """
    loaded = [checkpoint.load(path) for path in paths]
    if len(loaded) < 2 or len({repr(net.description) for net, _ in loaded}) > 1:
        raise ModelError(f"Expected two or more checkpoints of one model, got {', '.join(map(str, paths))}.")
    net = loaded[0][0]
    states = [other.state_dict() for other, _ in loaded]
    state = {
        key: sum(s[key] for s in states) / len(states) if value.is_floating_point() else value
        for key, value in states[0].items()
    }
    record = {
        "mean_of": [header["training"] for _, header in loaded],
        "mean_of_sha256": [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths],
    }
    checkpoint.save(out, state, net.description, record)
    found = held_out.measure(out)
    checkpoint.save(out, state, net.description, {**record, "held_out": asdict(found)}, found.score_threshold)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--dev", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    held = read_annotated(options.data).split(options.dev)[1]
    found = mean(options.weights, HeldOut(held.images, held.notes), options.out)
    print(f"{options.out}: {found.easy:.2f} / {found.medium:.2f} / {found.hard:.2f}, threshold {found.score_threshold}")


if __name__ == "__main__":
    main()
