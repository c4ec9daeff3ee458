"""Batches are functions of seed and step; the cache keeps within its bound; bad data is told by line."""

import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from scrfd_edge.annotations import read_annotations
from scrfd_edge.errors import DataError
from scrfd_edge.training.batches import Batches, Pictures
from scrfd_edge.training.check import load_pictures
from scrfd_edge.training.recipe import Crops, Phase, Recipe


def test_batches_from_a_step_are_the_later_batches_from_the_start(pictures: Pictures, recipe: Recipe) -> None:
    everything = list(Batches(pictures, recipe, 3).from_step(0))
    later = list(Batches(pictures, recipe, 3).from_step(2))
    assert len(everything) == Batches(pictures, recipe, 3).steps() == 6
    for a, b in zip(everything[2:], later, strict=True):
        assert torch.equal(a.pictures, b.pictures)
        assert all(torch.equal(part, other) for part, other in zip(a.targets, b.targets, strict=True))
        assert a.names == b.names


def test_an_epoch_shows_every_picture_once(pictures: Pictures, recipe: Recipe) -> None:
    batches = list(Batches(pictures, recipe, 0).from_step(0))
    assert sorted(name for b in batches[:2] for name in b.names) == sorted(a.path for a in pictures.annotations)


def test_processes_share_a_batch(pictures: Pictures, recipe: Recipe) -> None:
    whole = Batches(pictures, recipe, 0).make(1)
    parts = [Batches(pictures, recipe, 0, rank, 2).make(1) for rank in range(2)]
    assert sorted(whole.names) == sorted(parts[0].names + parts[1].names)
    assert torch.equal(whole.pictures[::2], parts[0].pictures)


@pytest.mark.parametrize("varied", [0, 1])
@pytest.mark.parametrize("crops", ["face", "square", "rectangle"])
def test_boxes_follow_the_crop(
    pictures: Pictures, recipe: Recipe, crops: Crops, varied: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scrfd_edge.training.batches.COVERED", 0)
    phases = tuple(replace(phase, crops=crops) for phase in recipe.phases)
    shapes = set()
    for batch in Batches(pictures, replace(recipe, phases=phases, variety=varied), 0).from_step(0):
        height, width = batch.pictures.shape[2:]
        shapes.add((height, width))
        for picture, box in zip(batch.targets.pictures, batch.targets.boxes, strict=True):
            x1, y1, x2, y2 = box.round().int().tolist()
            assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height
            inside = batch.pictures[picture, :, y1 + 2 : y2 - 2, x1 + 2 : x2 - 2]
            if inside.numel():
                assert float(inside.float().mean()) > 200  # the bright square that stands for a face
        points, end = batch.targets.landmarks, torch.tensor([width, height])
        assert ((points >= 0) & (points <= end)).all()
    assert (len(shapes) > 2) == (crops == "rectangle")


def test_a_share_of_the_pictures_makes_room_for_empty_ones(pictures: Pictures, recipe: Recipe) -> None:
    recipe = replace(recipe, phases=(Phase(50, 64, 8, "face"),), empty=0.25)
    spreads, owners = [], []
    for step, batch in enumerate(Batches(pictures, recipe, 0).from_step(0)):
        spreads += (batch.pictures.amax((2, 3)).int() - batch.pictures.amin((2, 3)).int()).amax(1).tolist()
        owners += (batch.targets.pictures + step * 8).tolist()
    empty = [place for place, spread in enumerate(spreads) if spread < 16]  # noise alone
    assert 0.15 < len(empty) / len(spreads) < 0.35
    assert not set(empty) & set(owners)


@pytest.mark.parametrize("clip_faces", [True, False])
def test_a_mosaic_has_a_face_in_each_quarter_and_none_across(
    pictures: Pictures, recipe: Recipe, clip_faces: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scrfd_edge.training.batches.COVERED", 0)
    monkeypatch.setattr("scrfd_edge.training.batches.draw_shape", lambda rng, level: None)
    recipe = replace(recipe, phases=(Phase(50, 64, 8, "square"),), variety=1, clip_faces=clip_faces)
    mosaics = shown = 0
    for batch in Batches(pictures, recipe, 0).from_step(0):
        for i in range(len(batch.names)):
            boxes = batch.targets.boxes[batch.targets.pictures == i]
            low, high = (boxes[:, :2] / 32).floor(), ((boxes[:, 2:] / 32).ceil() - 1).clamp(0)
            quarters = {tuple(quarter) for quarter in low.tolist()}
            mosaics += len(quarters) == 4 and bool((low == high).all())
            shown += 1
    assert 0.28 < mosaics / shown < 0.42  # 0.4, and 0.2 in the last quarter


def test_the_cache_stays_within_its_bound(data: Path) -> None:
    notes = read_annotations(data / "label.txt")
    size = 90 * 120 * 3
    pictures = Pictures(data / "images", notes, 2 * size + 1)
    assert list(load_pictures(pictures, "label.txt"))[-1] == len(notes)
    assert sum(p.nbytes for p in pictures._cache.values()) == 2 * size
    assert np.array_equal(pictures.picture(7), Pictures(data / "images", notes, 0).picture(7))


@pytest.mark.parametrize("trouble", ["missing", "truncated", "text", "postscript", "size", "huge", "outside"])
def test_bad_data_is_told_by_name_and_line(data: Path, trouble: str) -> None:
    target = data / "images" / "3.png"
    label = (data / "label.txt").read_text().splitlines()
    if trouble == "missing":
        target.unlink()
    elif trouble == "truncated":
        target.write_bytes(target.read_bytes()[:2000])
    elif trouble == "text":
        target.write_text("not a picture")
    elif trouble == "postscript":
        target.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 120 90\n%%EndComments\n")
    elif trouble == "huge":
        header = target.read_bytes()
        side = (20000).to_bytes(4, "big")
        chunk = header[12:16] + side + side + header[24:29]
        target.write_bytes(header[:12] + chunk + zlib.crc32(chunk).to_bytes(4, "big") + header[33:])
    elif trouble == "size":
        label[6] = "# 3.png 121 90"
    else:
        label[7] = "500 500 520 520" + " -1" * 15
    (data / "label.txt").write_text("\n".join(label))
    pictures = Pictures(data / "images", read_annotations(data / "label.txt"), 1 << 30)
    line = 8 if trouble == "outside" else 7
    with pytest.raises(DataError, match=rf"line {line}, 3\.png"):
        list(load_pictures(pictures, "label.txt"))


def test_nothing_to_train_on_is_an_error(data: Path) -> None:
    with pytest.raises(DataError, match="at least one picture"):
        list(load_pictures(Pictures(data / "images", [], 0), "label.txt"))


@pytest.mark.parametrize("clip_faces", [True, False])
def test_an_ignored_face_is_neither_a_target_nor_a_hang(pictures: Pictures, recipe: Recipe, clip_faces: bool) -> None:
    notes = [replace(a, ignored=np.ones(len(a.boxes), bool)) for a in pictures.annotations]
    pictures.annotations[:] = notes
    for batch in Batches(pictures, replace(recipe, clip_faces=clip_faces), 0).from_step(0):
        assert len(batch.targets.boxes) == 0
        assert len(batch.targets.ignored) > 0
        height, width = batch.pictures.shape[2:]
        assert (batch.targets.ignored >= 0).all()
        assert (batch.targets.ignored <= torch.tensor([width, height, width, height])).all()
        owners, boxes = batch.targets.ignored_in, batch.targets.ignored.int().tolist()
        for picture, (x1, y1, x2, y2) in zip(owners, boxes, strict=True):
            inside = batch.pictures[picture, :, y1 + 2 : y2 - 2, x1 + 2 : x2 - 2]
            assert not inside.numel() or float(inside.float().mean()) > 200
