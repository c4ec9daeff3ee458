"""The training loop: one step after another, resumable at each."""

import hashlib
import io
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ..description import Description
from ..errors import DataError, ModelError
from ..files import write_file
from ..networks import SCRFD, Maps, checkpoint
from .atss import Anchors, make_anchors
from .augment import colour, colour_matrices, flip
from .batches import Batch, Batches, Pictures
from .losses import Losses, detection_losses
from .muon import Muon
from .recipe import Recipe

_INTERVAL = 50  # steps between lines of the log
_STATE_EVERY = 200  # steps between saved states
_STATE_SECONDS = 300  # or this long, where steps are slow
_MEASURE_EVERY = 1000  # steps between measurements on pictures held out
_PREDICTORS = ("score", "box", "landmarks")


@dataclass(frozen=True)
class Progress:
    """One line of the log. rate: pictures per second since the last line; waited: share of it spent on batches."""

    step: int
    steps: int
    loss: float
    score: float
    box: float
    landmarks: float
    learning_rate: float
    rate: float
    waited: float


Measure = Callable[[Path], Mapping[str, float | None]]
"""Accuracy of a checkpoint's file by name, "score_threshold" (the operating point, 0 to 1, or None) among it."""


class Average:
    """Moving average of parameters and buffers, warmed up: after t steps the decay is at most (1 + t) / (10 + t)."""

    def __init__(self, net: SCRFD, decay: float) -> None:
        self.state = {key: value.detach().clone() for key, value in net.state_dict().items()}
        self._decay = decay

    @torch.no_grad()
    def update(self, net: SCRFD, step: int) -> None:
        decay = min(self._decay, (1 + step) / (10 + step))
        now = net.state_dict()
        floats = [key for key, value in now.items() if value.is_floating_point()]
        torch._foreach_lerp_([self.state[key] for key in floats], [now[key] for key in floats], 1 - decay)
        if counts := [key for key, value in now.items() if not value.is_floating_point()]:
            torch._foreach_copy_([self.state[key] for key in counts], [now[key] for key in counts])


class Trainer:
    """A network, its optimisers and its place in a recipe. One per process; several processes by torchrun."""

    def __init__(
        self, description: Description, pictures: Pictures, recipe: Recipe, out: Path, *, seed: int, device: str
    ) -> None:
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        self.world = dist.get_world_size() if dist.is_initialized() else 1
        torch.manual_seed(seed)
        self.description, self.recipe, self.seed, self.out = description, recipe, seed, out
        self.device = torch.device(device)
        self.net = SCRFD(description, recipe.init).to(self.device)
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.batches = Batches(pictures, recipe, seed, self.rank, self.world)
        self.steps = self.batches.steps()
        self.digest = pictures.digest()
        self.init: str | None = None
        self.step = 0
        self.seconds, self._saved = 0.0, time.perf_counter()
        self.optimisers = _optimisers(self.net, recipe)
        self.average = Average(self.net, recipe.ema) if recipe.ema else None
        self._anchors: dict[tuple[tuple[int, int], ...], Anchors] = {}

    def run(self, report: Callable[[Progress], None] | None = None, measure: Measure | None = None) -> None:
        """Trains from the current step to the end of the recipe; writes log.jsonl, and every 200 steps or five minutes
        weights.safetensors and state.pt, so that a training can be evaluated while it goes on.

        measure: called every 1000 steps and at the end; the log tells what it found, and so does the record of the
        finished weights, with the operating point in their header.

        Raises DataError on a loss or gradient that is not finite, naming the pictures of the batch.
        """
        net: nn.Module = DistributedDataParallel(self.net, broadcast_buffers=False) if self.world > 1 else self.net
        self.out.mkdir(parents=True, exist_ok=True)
        self._cut_log()
        sums = torch.zeros(3, device=self.device)
        self._saved = mark = time.perf_counter()
        waited, seen, counted = 0.0, 0, 0
        batches = self.batches.from_step(self.step, pinned=self.device.type == "cuda")
        while self.step < self.steps:
            asked = time.perf_counter()
            batch = next(batches)
            waited += time.perf_counter() - asked
            sums += self.train_batch(net, batch)
            self.step += 1
            seen, counted = seen + len(batch.names) * self.world, counted + 1
            if self.rank == 0 and (self.step % _INTERVAL == 0 or self.step == self.steps):
                now = time.perf_counter()
                score, box, landmarks = (sums / counted).tolist()
                line = Progress(
                    step=self.step,
                    steps=self.steps,
                    loss=score + box + landmarks,
                    score=score,
                    box=box,
                    landmarks=landmarks,
                    learning_rate=self.recipe.rate * self.recipe.factor(self.step, self.steps),
                    rate=seen / (now - mark),
                    waited=waited / (now - mark),
                )
                self._log(asdict(line))
                if report is not None:
                    report(line)
                sums.zero_()
                mark, waited, seen, counted = now, 0.0, 0, 0
            measured = measure is not None and self.step % _MEASURE_EVERY == 0
            ended = self.step == self.steps
            slow = time.perf_counter() - self._saved > _STATE_SECONDS
            if self.step % _STATE_EVERY == 0 or measured or slow or ended:
                self._take_time()
                self._save_weights({})
                if measure is not None and measured and not ended:
                    self._measure(measure)
                self.save()  # after the measurement, which a training stopped during it takes again
        self._save_weights({})  # also where a state that has ended is resumed without them
        if measure is not None:
            self._save_weights(self._measure(measure))

    def train_batch(self, net: nn.Module, batch: Batch) -> Tensor:
        """One step. Returns the normalised score, box and landmark losses, (3,)."""
        self.net.train()
        entropy = np.random.SeedSequence((self.seed, self.step, self.rank)).generate_state(1)[0]
        generator = torch.Generator().manual_seed(int(entropy))
        flipped = torch.rand(len(batch.names), generator=generator) < 0.5
        matrices = colour_matrices(len(batch.names), generator, self.recipe.level(self.step, self.steps))
        targets = type(batch.targets)(*(part.to(self.device, non_blocking=True) for part in batch.targets))
        pictures = batch.pictures.to(self.device, non_blocking=True)
        pictures, targets = flip(pictures, targets, flipped.to(self.device))
        dtype = torch.bfloat16 if self.recipe.half else torch.float32
        pictures = colour(pictures, matrices, dtype)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.half):
            maps = net(pictures)
        sums = detection_losses(maps, self._anchors_of(maps), targets, self.recipe.every_face)
        losses = normalise(sums)
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
            for group in optimiser.param_groups:
                group["lr"] = group["full_rate"] * self.recipe.factor(self.step, self.steps)
        losses.sum().backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.net.parameters(), self.recipe.clip or math.inf)
        if not torch.isfinite(losses.detach().sum() + norm):
            raise DataError(
                f"The loss is not finite at step {self.step} ({losses.tolist()} for score, box, landmarks; its "
                f"gradient's norm is {float(norm)}). Its pictures{' in this process' if self.world > 1 else ''}: "
                f"{', '.join(batch.names)}. Look at their annotations, or lower the learning rate."
            )
        for optimiser in self.optimisers:
            optimiser.step()
        if self.average is not None:
            self.average.update(self.net, self.step)
        return losses.detach()

    def _measure(self, measure: Measure) -> Mapping[str, float | None]:
        """What the first process finds; the others wait for it."""
        found: Mapping[str, float | None] = {}
        if self.rank == 0:
            found = measure(self.out / "weights.safetensors")
            self._log({"step": self.step, **found})
        if dist.is_initialized():
            dist.barrier()
        return found

    def _take_time(self) -> None:
        now = time.perf_counter()
        self.seconds, self._saved = self.seconds + now - self._saved, now

    def _save_weights(self, accuracy: Mapping[str, float | None]) -> None:
        if self.rank == 0:
            record = {**self.record(), **({"held_out": dict(accuracy)} if accuracy else {})}
            path = self.out / "weights.safetensors"
            checkpoint.save(path, self.weights(), self.description, record, accuracy.get("score_threshold"))

    def _anchors_of(self, maps: Maps) -> Anchors:
        grids = tuple((m.shape[2], m.shape[3]) for m in maps.scores)
        if grids not in self._anchors:
            made = make_anchors(grids, self.description.strides, self.description.anchor_sizes)
            self._anchors[grids] = made.to(self.device)
        return self._anchors[grids]

    def weights(self) -> dict[str, Tensor]:
        """The weights to keep: the moving average where the recipe has one."""
        return self.average.state if self.average is not None else self.net.state_dict()

    def record(self) -> dict[str, Any]:
        """How the weights came about, for their header."""
        return {
            "recipe": asdict(self.recipe),
            "seed": self.seed,
            "step": self.step,
            "steps": self.steps,
            "pictures": len(self.batches.pictures),
            "pictures_sha256": self.digest,
            "init_sha256": self.init,
            "seconds": round(self.seconds),
            "torch": torch.__version__,
        }

    def save(self) -> None:
        """Writes state.pt, from which `resume` goes on at this very step. Raises SettingError where it cannot."""
        self._take_time()
        if self.rank != 0:
            return
        state = {
            "identity": self._identity(),
            "step": self.step,
            "seconds": self.seconds,
            "init": self.init,
            "net": self.net.state_dict(),
            "average": self.average.state if self.average is not None else None,
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        write_file(self.out / "state.pt", buffer.getvalue())

    def resume(self) -> None:
        """Goes on from `out`/state.pt. Raises ModelError when it is missing, damaged or of another training."""
        path = self.out / "state.pt"
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            own = self._identity()
            saved = state["identity"]
            differ = sorted(key for key in {*own, *saved} if own.get(key) != saved.get(key))
        except Exception as error:
            raise ModelError(f"{path}: expected the state of a training to resume ({error}).") from error
        if differ:
            raise ModelError(
                f"{path}: is the state of another training ({', '.join(differ)} differ). "
                "Resume with the options it was started with, or choose another folder."
            )
        self.net.load_state_dict(state["net"])
        if self.average is not None:
            self.average.state = state["average"]
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.step, self.seconds, self.init = state["step"], state["seconds"], state["init"]

    def start_from(self, path: Path) -> None:
        """Starts from a checkpoint: the whole network of the same model, else backbone and neck of a sibling.

        Raises ModelError where they do not fit.
        """
        other = checkpoint.load(path)[0]
        state = other.state_dict()
        if other.description != self.description:
            state = {key: value for key, value in state.items() if key.startswith(("backbone.", "neck."))}
        own = self.net.state_dict()
        if not all(key in own and value.shape == own[key].shape for key, value in state.items()):
            raise ModelError(
                f"{path} holds {other.description.name}, whose backbone and neck are not those of "
                f"{self.description.name}: start from a model that shares them, or without --init."
            )
        self.net.load_state_dict({**own, **state})
        self.init = hashlib.sha256(path.read_bytes()).hexdigest()
        if self.average is not None:
            self.average = Average(self.net, self.recipe.ema)

    def _identity(self) -> dict[str, Any]:
        """What must be equal for a training to go on as if never stopped."""
        recipe = {f"recipe.{key}": value for key, value in self.recipe.identity().items()}
        parts = {"model": self.description.to_dict(), "seed": self.seed, "pictures": self.digest}
        return {**parts, "processes": self.world, **recipe}

    def _cut_log(self) -> None:
        """Drops the lines of steps that are taken again, and half a line where writing was cut off."""
        log = self.out / "log.jsonl"
        if self.rank == 0 and log.exists():
            kept = [line for line in log.read_text(encoding="utf-8").splitlines(keepends=True) if self._is_past(line)]
            write_file(log, "".join(kept))

    def _is_past(self, line: str) -> bool:
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            return False
        again = self.step == self.steps and "loss" not in entry  # the last measurement
        return bool(entry["step"] <= self.step - again)

    def _log(self, line: Mapping[str, float | None]) -> None:
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps({k: v if v is None else round(v, 6) for k, v in line.items()}) + "\n")


def normalise(sums: Losses) -> Tensor:
    """(3,) score, box, landmark loss, divided by the means over all processes of positives and weight."""
    norms = torch.stack((sums.positives, sums.weight)).detach()
    if dist.is_initialized():
        dist.all_reduce(norms)
        norms /= dist.get_world_size()
    positives, weight = norms[0].clamp(min=1), norms[1].clamp(min=torch.finfo(torch.float32).tiny)
    return torch.stack((sums.score.sum() / positives, sums.box.sum() / weight, sums.landmarks.sum() / weight))


def _optimisers(net: SCRFD, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """SGD on everything with decay; or Muon on the dense kernels within the network and AdamW on the rest."""
    made: list[torch.optim.Optimizer]
    if recipe.optimiser == "sgd":
        made = [torch.optim.SGD(net.parameters(), lr=recipe.rate, momentum=0.9, weight_decay=recipe.weight_decay)]
    else:
        first = next(net.parameters())
        dense, kernels, vectors = [], [], []
        for name, p in net.named_parameters():
            if p.ndim < 4:
                vectors.append(p)
            elif p.shape[1] == 1 or p is first or name.split(".")[-2] in _PREDICTORS:
                kernels.append(p)
            else:
                dense.append(p)
        groups = [{"params": kernels, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        made = [
            Muon(dense, recipe.rate, weight_decay=recipe.weight_decay),
            torch.optim.AdamW(groups, lr=recipe.rate / 10, betas=(0.9, 0.99)),
        ]
    for optimiser in made:
        for group in optimiser.param_groups:
            group["full_rate"] = group["lr"]
    return made
