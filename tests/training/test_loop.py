"""Training is deterministic, resumes to the step, names bad batches, and splits over processes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from scrfd_edge.annotations import Annotation
from scrfd_edge.description import Description
from scrfd_edge.errors import DataError, ModelError, SettingError
from scrfd_edge.networks import SCRFD, checkpoint
from scrfd_edge.training import loop
from scrfd_edge.training.atss import make_anchors
from scrfd_edge.training.batches import Batch, Pictures
from scrfd_edge.training.crops import REDISTRIBUTED_SCALES
from scrfd_edge.training.loop import Trainer, normalise
from scrfd_edge.training.losses import Targets, detection_losses
from scrfd_edge.training.recipe import Recipe, find_recipe, paper, refine, short


def trained(description: Description, pictures: Pictures, recipe: Recipe, out: Path, seed: int = 0) -> Trainer:
    trainer = Trainer(description, pictures, recipe, out, seed=seed, device="cpu")
    trainer.run()
    return trainer


def test_same_seed_same_weights(description: Description, pictures: Pictures, recipe: Recipe, tmp_path: Path) -> None:
    a = trained(description, pictures, recipe, tmp_path / "a").weights()
    b = trained(description, pictures, recipe, tmp_path / "b").weights()
    c = trained(description, pictures, recipe, tmp_path / "c", seed=1).weights()
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert any(not torch.equal(a[key], c[key]) for key in a)


@pytest.mark.parametrize("optimiser", ["muon", "sgd"])
def test_resuming_equals_never_stopping(
    description: Description, pictures: Pictures, recipe: Recipe, tmp_path: Path, optimiser: str
) -> None:
    recipe = replace(recipe, optimiser=optimiser)
    whole = trained(description, pictures, recipe, tmp_path / "whole")
    first = Trainer(description, pictures, recipe, tmp_path / "cut", seed=0, device="cpu")
    batches = first.batches.from_step(0)
    for _ in range(3):
        first.train_batch(first.net, next(batches))
        first.step += 1
    first.out.mkdir()
    first.save()
    second = Trainer(description, pictures, recipe, tmp_path / "cut", seed=0, device="cpu")
    second.resume()
    assert second.step == 3
    second.run()
    for key, value in whole.weights().items():
        assert torch.equal(value, second.weights()[key]), key


def test_what_training_leaves(description: Description, pictures: Pictures, recipe: Recipe, tmp_path: Path) -> None:
    trainer = trained(description, pictures, recipe, tmp_path)
    net, header = checkpoint.load(tmp_path / "weights.safetensors")
    assert net.description == description
    assert header["training"]["step"] == header["training"]["steps"] == trainer.steps
    for key, value in trainer.weights().items():
        assert torch.equal(net.state_dict()[key], value)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == trainer.steps and np.isfinite(lines[-1]["loss"])


def test_what_is_measured_travels_with_the_weights(
    description: Description, pictures: Pictures, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_MEASURE_EVERY", 2)
    monkeypatch.setattr(loop, "_STATE_EVERY", 2)
    steps: list[int] = []

    def measure(weights: Path) -> dict[str, float | None]:
        steps.append(checkpoint.load(weights)[1]["training"]["step"])
        return {"hard": 10.0 * steps[-1], "score_threshold": 0.5}

    trainer = Trainer(description, pictures, recipe, tmp_path, seed=0, device="cpu")
    trainer.run(measure=measure)
    assert steps == [2, 4, 6]
    header = checkpoint.load(tmp_path / "weights.safetensors")[1]
    assert header["score_threshold"] == 0.5 and header["training"]["held_out"]["hard"] == 60
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["hard"] for line in log if "hard" in line] == [20, 40, 60]


def test_a_state_that_has_ended_gives_its_weights_again(
    description: Description, pictures: Pictures, recipe: Recipe, tmp_path: Path
) -> None:
    weights = trained(description, pictures, recipe, tmp_path).weights()
    (tmp_path / "weights.safetensors").unlink()
    again = Trainer(description, pictures, recipe, tmp_path, seed=0, device="cpu")
    again.resume()
    again.run(measure=lambda path: {"hard": float(path.is_file()), "score_threshold": 0.5})
    net, header = checkpoint.load(tmp_path / "weights.safetensors")
    assert all(torch.equal(net.state_dict()[key], value) for key, value in weights.items())
    assert header["training"]["held_out"]["hard"] == 1


def test_a_new_start_and_a_resumed_one_leave_each_step_once(
    description: Description, pictures: Pictures, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_INTERVAL", 1)
    monkeypatch.setattr(loop, "_MEASURE_EVERY", 2)
    monkeypatch.setattr(loop, "_STATE_EVERY", 100)
    found = {"hard": 1.0, "score_threshold": 0.5}
    interrupted = [found, KeyboardInterrupt]

    def measure(weights: Path) -> dict[str, float | None]:
        outcome = interrupted.pop(0) if interrupted else found
        if outcome is KeyboardInterrupt:
            raise KeyboardInterrupt
        return dict(found)

    (tmp_path / "log.jsonl").write_text('{"step": 1, "loss": 9}\n{"step": 2, "lo')  # of one that was cut off
    first = Trainer(description, pictures, recipe, tmp_path, seed=0, device="cpu")
    with pytest.raises(KeyboardInterrupt):  # in the measurement of step 4
        first.run(measure=measure)
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"step": 5, "lo')
    second = Trainer(description, pictures, recipe, tmp_path, seed=0, device="cpu")
    second.resume()
    assert second.step == 2
    second.run(measure=measure)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3, 4, 5, 6]
    assert [line["step"] for line in lines if "hard" in line] == [2, 4, 6]
    assert all(line.get("loss") != 9 for line in lines)


def test_slow_steps_are_saved_by_the_clock(
    description: Description, pictures: Pictures, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_STATE_SECONDS", 0)
    trainer = Trainer(description, pictures, recipe, tmp_path, seed=0, device="cpu")
    steps: list[int] = []
    monkeypatch.setattr(trainer, "save", lambda: steps.append(trainer.step))
    trainer.run()
    assert steps == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("damage", ["missing", "truncated", "other seed", "other recipe", "other pictures"])
def test_a_state_that_does_not_fit(
    description: Description, pictures: Pictures, recipe: Recipe, tmp_path: Path, damage: str
) -> None:
    trained(description, pictures, recipe, tmp_path)
    state = tmp_path / "state.pt"
    if damage == "missing":
        state.unlink()
    if damage == "truncated":
        state.write_bytes(state.read_bytes()[:1000])
    seed = 1 if damage == "other seed" else 0
    changed = replace(recipe, rate=0.5) if damage == "other recipe" else recipe
    if damage == "other pictures":
        del pictures.annotations[-1]
    told = {"other seed": "seed differ", "other recipe": r"recipe\.rate differ", "other pictures": "pictures differ"}
    with pytest.raises(ModelError, match=told.get(damage, "state")):
        Trainer(description, pictures, changed, tmp_path, seed=seed, device="cpu").resume()


def test_a_loss_that_is_not_finite_names_its_pictures(
    description: Description, pictures: Pictures, recipe: Recipe, tmp_path: Path
) -> None:
    trainer = Trainer(description, pictures, recipe, tmp_path, seed=0, device="cpu")
    nn.init.constant_(next(trainer.net.parameters()), float("nan"))
    with pytest.raises(DataError, match=r"step 0 .*\d\.png"):
        trainer.run()


def test_a_gradient_that_is_not_finite_leaves_the_weights(
    description: Description, pictures: Pictures, recipe: Recipe, tmp_path: Path
) -> None:
    trainer = Trainer(description, pictures, recipe, tmp_path, seed=0, device="cpu")
    weight = next(trainer.net.parameters())
    weight.register_hook(lambda gradient: gradient * float("inf"))
    before = weight.detach().clone()
    with pytest.raises(DataError, match=r"step 0 .*gradient.*\d\.png"):
        trainer.train_batch(trainer.net, trainer.batches.make(0))
    assert torch.equal(weight, before)


def test_a_few_steps_lower_the_loss(
    description: Description, pictures: Pictures, recipe: Recipe, tmp_path: Path
) -> None:
    trainer = Trainer(description, pictures, recipe, tmp_path, seed=0, device="cpu")
    batch = trainer.batches.make(0)
    losses = []
    for trainer.step in range(100):
        losses.append(float(trainer.train_batch(trainer.net, batch).sum()))
        trainer.steps = 1000
    assert np.mean(losses[-5:]) < 0.75 * np.mean(losses[:3])


def test_a_sibling_gives_its_backbone_and_neck(
    description: Description, pictures: Pictures, recipe: Recipe, tmp_path: Path
) -> None:
    other = replace(description, head=replace(description.head, landmarks=False))
    sibling = SCRFD(other).state_dict()
    checkpoint.save(tmp_path / "sibling.safetensors", sibling, other, {})
    trainer = Trainer(description, pictures, recipe, tmp_path, seed=0, device="cpu")
    before = {key: value.clone() for key, value in trainer.net.state_dict().items()}
    trainer.start_from(tmp_path / "sibling.safetensors")
    for key, value in trainer.net.state_dict().items():
        assert torch.equal(value, sibling[key] if key.startswith(("backbone.", "neck.")) else before[key]), key
    assert trainer.record()["init_sha256"] is not None


def test_a_stranger_is_refused(description: Description, pictures: Pictures, recipe: Recipe, tmp_path: Path) -> None:
    other = replace(description, neck=16)
    checkpoint.save(tmp_path / "other.safetensors", SCRFD(other).state_dict(), other, {})
    with pytest.raises(ModelError, match="backbone and neck"):
        Trainer(description, pictures, recipe, tmp_path, seed=0, device="cpu").start_from(
            tmp_path / "other.safetensors"
        )


def test_the_rates_of_the_paper() -> None:
    from scrfd_edge.description import DESCRIPTIONS

    recipe = paper(DESCRIPTIONS["scrfd_2.5g"])
    steps = recipe.steps(12880)[0]
    assert steps == 640 * 12880 / 32
    assert recipe.factor(0, steps) == pytest.approx(0.001)
    assert recipe.factor(1500, steps) == 1
    assert recipe.factor(round(441 / 640 * steps), steps) == pytest.approx(0.1)
    assert recipe.factor(round(545 / 640 * steps), steps) == pytest.approx(0.01)
    assert not recipe.clip_faces and paper(DESCRIPTIONS["scrfd_500m"]).clip_faces
    assert paper(DESCRIPTIONS["scrfd_34g"]).rate == 0.02
    assert paper(DESCRIPTIONS["resnet_34g"]).phases[0].epochs == 400
    assert paper(DESCRIPTIONS["scrfd_500m_kps"]).phases[0].batch == 64
    cosine = short(DESCRIPTIONS["scrfd_500m"])
    assert cosine.factor(cosine.warmup, 1000) == 1 and cosine.factor(1000, 1000) == pytest.approx(0)
    second = refine(DESCRIPTIONS["scrfd_500m"], epochs=3)
    assert [(phase.epochs, phase.size) for phase in second.phases] == [(3, 640)] and second.rate == cosine.rate / 2
    assert [second.phases[0].shape(step) for step in range(3)] == [(640, 640), (640, 448), (448, 640)]  # group norm
    assert second.scales == (0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0) and second.empty == 1 / 64 and cosine.empty == 0
    assert {refine(DESCRIPTIONS["scrfd_500m_kps"]).phases[0].shape(step) for step in range(3)} == {(640, 640)}


def test_the_rate_follows_the_batch() -> None:
    from scrfd_edge.description import DESCRIPTIONS

    def found(name: str, batch: int | None, rate: float | None = None) -> Recipe:
        return find_recipe(name, DESCRIPTIONS["scrfd_500m"], None, REDISTRIBUTED_SCALES, batch, rate)

    assert found("short", None) == short(DESCRIPTIONS["scrfd_500m"]) == found("short", 16)
    assert [phase.batch for phase in found("short", 64).phases] == [128, 64]
    assert found("short", 64).rate == pytest.approx(2 * found("short", None).rate)  # Muon: by the square root
    assert found("paper", 64).rate == pytest.approx(2 * found("paper", None).rate)  # SGD, from 32: in proportion
    assert found("refine", 64, 0.003) == replace(found("refine", 64), rate=0.003)  # unless it is given
    assert find_recipe("refine", DESCRIPTIONS["scrfd_500m"], 3, REDISTRIBUTED_SCALES, variety=0.5).variety == 0.5
    varied = replace(found("refine", None), variety=0.8)
    assert [varied.level(step, 100) for step in (0, 74, 75, 99)] == [0.8, 0.8, 0.4, 0.4]
    for batch, rate, what in ((0, None, "batch"), (None, 0.0, "rate"), (None, float("nan"), "rate")):
        with pytest.raises(SettingError, match=f"{what} must be"):
            found("refine", batch, rate)


def test_anchors_lie_on_the_tensor(
    pictures: Pictures, recipe: Recipe, description: Description, tmp_path: Path
) -> None:
    trainer = Trainer(description, pictures, recipe, tmp_path, seed=0, device="cpu")
    for height, width in ((96, 64), (64, 96)):
        anchors = trainer._anchors_of(trainer.net(torch.zeros(1, 3, height, width)))
        last = anchors.centres[: 2 * (height // 8) * (width // 8)].amax(0)
        assert last.tolist() == [width - 8, height - 8]


def gradients(net: nn.Module, batch: Batch, description: Description) -> list[torch.Tensor]:
    size = batch.pictures.shape[2]
    anchors = make_anchors([(size // s, size // s) for s in (8, 16, 32)], (8, 16, 32), description.anchor_sizes)
    maps = net(batch.pictures.float() / 128 - 1)
    normalise(detection_losses(maps, anchors, batch.targets)).sum().backward()
    return [p.grad.clone() for p in net.parameters() if p.grad is not None]


def one_process(rank: int, folder: str, description: Description, parts: list[Batch]) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    torch.manual_seed(0)
    net = DistributedDataParallel(SCRFD(description, "short"))
    torch.save(gradients(net, parts[rank], description), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_give_the_gradients_of_the_whole_batch(
    description: Description, pictures: Pictures, recipe: Recipe, tmp_path: Path
) -> None:
    parts = [loop.Batches(pictures, recipe, 0, rank, 2).make(0) for rank in range(2)]
    mp.spawn(one_process, (str(tmp_path), description, parts), nprocs=2)
    split = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]

    torch.manual_seed(0)
    net = SCRFD(description, "short")
    halves = [net(part.pictures.float() / 128 - 1) for part in parts]  # batch norm sees each half by itself
    size = parts[0].pictures.shape[2]
    anchors = make_anchors([(size // s, size // s) for s in (8, 16, 32)], (8, 16, 32), description.anchor_sizes)
    sums = [detection_losses(maps, anchors, part.targets) for maps, part in zip(halves, parts, strict=True)]
    total = type(sums[0])(*(a + b for a, b in zip(*sums, strict=True)))
    normalise(total).sum().backward()
    for p, a, b in zip(net.parameters(), *split, strict=True):
        assert torch.equal(a, b)
        # Threads split the sums of one process otherwise than those of two.
        assert p.grad is not None and (p.grad - a).norm() <= 1e-3 * a.norm() + 1e-5


def run_one_process(
    rank: int, folder: str, data: str, description: Description, recipe: Recipe, notes: list[Annotation]
) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    trainer = Trainer(description, Pictures(Path(data), notes, 1 << 30), recipe, Path(folder), seed=0, device="cpu")
    trainer.run(measure=lambda weights: {"hard": 1.0, "score_threshold": 0.25})
    torch.save(dict(trainer.net.named_parameters()), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_train_one_network(
    description: Description, data: Path, pictures: Pictures, recipe: Recipe, tmp_path: Path
) -> None:
    recipe = replace(recipe, ema=0)
    arguments = str(tmp_path), str(data / "images"), description, recipe, pictures.annotations
    mp.spawn(run_one_process, arguments, nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)
    net, header = checkpoint.load(tmp_path / "weights.safetensors")
    assert all(torch.equal(net.state_dict()[key], first[key]) for key in first)
    assert header["training"]["step"] == recipe_steps(recipe) and header["score_threshold"] == 0.25
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [recipe_steps(recipe)] * 2  # the loss, and what was measured: once each


def recipe_steps(recipe: Recipe) -> int:
    return sum(recipe.steps(8))


def test_targets_of_an_empty_batch_train_the_background(
    description: Description, pictures: Pictures, recipe: Recipe, tmp_path: Path
) -> None:
    trainer = Trainer(description, pictures, recipe, tmp_path, seed=0, device="cpu")
    batch = trainer.batches.make(0)
    empty = Targets(*(part[:0] for part in batch.targets))
    losses = trainer.train_batch(trainer.net, batch._replace(targets=empty))
    assert float(losses[0]) > 0 and float(losses[1:].abs().sum()) == 0
