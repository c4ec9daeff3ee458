"""`scrfd-edge train`: trains a model of the paper, or one described in a file, on annotated pictures."""

import os
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ..description import find_description
from ..errors import SettingError
from ..files import make_folder
from .size import parse_gib


def train(
    model: Annotated[str, typer.Option(help="A model of the paper, or the path of a description in JSON.")],
    data: Annotated[Path, typer.Option(help="Folder with label.txt and images/, or WIDER FACE's archives unpacked.")],
    out: Annotated[Path, typer.Option(help="Folder for log, state and weights.")],
    recipe: Annotated[str, typer.Option(help="paper, short or refine.")] = "paper",
    epochs: Annotated[float | None, typer.Option(help="Length, instead of the recipe's own.")] = None,
    batch: Annotated[int | None, typer.Option(help="Pictures per step, over all processes; the rate follows.")] = None,
    rate: Annotated[float | None, typer.Option(help="Full learning rate, instead of the recipe's own.")] = None,
    dev: Annotated[Path | None, typer.Option(help="List of pictures to keep out of training and measure on.")] = None,
    init: Annotated[
        Path | None, typer.Option(help="Checkpoint of the model, or of one with its backbone and neck, to start from.")
    ] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the state in --out.")] = False,
    baseline_crops: Annotated[
        bool, typer.Option(help="Crop scales up to 1.0 only (no sample redistribution).")
    ] = False,
    variety: Annotated[
        float, typer.Option(help="0 to 1: mosaics, turned, covered, noisy and grey pictures, where there are few.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Of weights, crops, order and colours.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N; a process of torchrun takes its own GPU.")] = "cpu",
    cache_gib: Annotated[float, typer.Option(help="Bound on decoded pictures kept in memory, of each process.")] = 8.0,
    kernels: Annotated[bool, typer.Option(help="Compile CPU kernels that train depth-wise models faster.")] = False,
) -> None:
    """Train a detector. Writes log.jsonl, state.pt, TensorBoard scalars and weights.safetensors to --out."""
    import torch
    import torch.distributed as dist
    from torch.utils.tensorboard import SummaryWriter

    from ..annotations import read_annotated
    from ..evaluation.held_out import HeldOut
    from ..training.batches import Pictures
    from ..training.check import load_pictures
    from ..training.crops import BASELINE_SCALES, REDISTRIBUTED_SCALES
    from ..training.loop import Progress as Line
    from ..training.loop import Trainer
    from ..training.recipe import find_recipe

    if resume and init is not None:
        raise SettingError("--resume and --init exclude each other: the state holds its weights already.")
    if not resume and (out / "state.pt").exists():
        raise SettingError(f"{out} holds a training already: go on with --resume, or choose another folder.")
    if not resume and (out / "weights.safetensors").exists():
        raise SettingError(f"{out} holds weights already, which would be replaced: choose another folder.")
    description = find_description(model)
    scales = BASELINE_SCALES if baseline_crops else REDISTRIBUTED_SCALES
    chosen = find_recipe(recipe, description, epochs, scales, batch, rate, variety)
    if seed < 0:
        raise SettingError(f"--seed must be 0 or more, got {seed}.")
    cache = parse_gib("--cache-gib", cache_gib)
    on_cpu = _kind(device) == "cpu"
    if kernels and not (chosen.half and on_cpu):
        raise SettingError(
            f"--kernels speed up bfloat16 on the CPU only, not the recipe {recipe!r} on {device}: leave it away."
        )
    if "WORLD_SIZE" in os.environ:
        dist.init_process_group("gloo" if on_cpu else "nccl")
        if device == "cuda":
            device = f"cuda:{os.environ['LOCAL_RANK']}"
            torch.cuda.set_device(device)
    world = dist.get_world_size() if dist.is_initialized() else 1
    first = not dist.is_initialized() or dist.get_rank() == 0
    if min(phase.batch for phase in chosen.phases) < world:
        raise SettingError(f"batches of this recipe are smaller than {world} processes: give more by --batch.")

    kept = read_annotated(data)
    checked = []
    measure = None
    if dev is not None:
        kept, held = kept.split(dev)
        held_out = HeldOut(held.images, held.notes)
        if first:
            checked.append(Pictures(held.images, held.notes, 0, every=True))

        def measure(weights: Path) -> dict[str, float | None]:
            return asdict(held_out.measure(weights, device=device))

    pictures = Pictures(kept.images, kept.notes, cache)
    checked.append(pictures)
    trainer = Trainer(description, pictures, chosen, out, seed=seed, device=device)
    if init is not None:
        trainer.start_from(init)
    if resume:
        trainer.resume()
    make_folder(out)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    console = Console(stderr=True, quiet=not first)
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console) as bar:
        looking = bar.add_task("looking at the pictures", total=sum(map(len, checked)))
        for part in checked:
            for _ in load_pictures(part, str(kept.label)):
                bar.advance(looking)

        if kernels:
            from ..training.kernels import install

            try:
                install(trainer.net)
            except (ImportError, RuntimeError, OSError) as error:
                raise SettingError(f"--kernels cannot be compiled here ({error}): leave it away.") from None
        training = bar.add_task("training", total=trainer.steps, completed=trainer.step)
        with SummaryWriter(str(out), purge_step=trainer.step + 1) if first else nullcontext() as board:

            def report(line: Line) -> None:
                text = f"loss {line.loss:.3f}  {line.rate:.1f} pictures/s  {line.waited:.0%} waiting"
                bar.update(training, completed=line.step, description=text)
                if board is not None:
                    for name in ("loss", "score", "box", "landmarks", "learning_rate", "rate"):
                        board.add_scalar(name, getattr(line, name), line.step)

            trainer.run(report, measure)
    if dist.is_initialized():
        dist.destroy_process_group()
    console.print(f"Weights: {out / 'weights.safetensors'}")


def _kind(device: str) -> str:
    """cpu or cuda. Raises SettingError for a device that this machine lacks."""
    import torch

    try:
        found = torch.device(device)
    except RuntimeError:
        found = None
    if found is None or found.type not in ("cpu", "cuda"):
        raise SettingError(f"--device {device}: expected cpu, cuda or cuda:N.")
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise SettingError(
            f"--device {device}: this PyTorch ({torch.__version__}) finds {torch.cuda.device_count()} CUDA GPUs, "
            "counted from cuda:0; use --device cpu."
        )
    return found.type
