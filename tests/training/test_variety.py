"""Turned, stretched and covered faces keep boxes and landmarks that fit; what is hidden is not learnt."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scrfd_edge.training import variety
from scrfd_edge.training.augment import colour_matrices
from scrfd_edge.training.batches import Batches, Pictures, _Example
from scrfd_edge.training.crops import Crop, cut
from scrfd_edge.training.recipe import Phase, Recipe
from scrfd_edge.training.variety import (
    draw_covers,
    draw_shape,
    hidden_faces,
    reshape_boxes,
    reshape_points,
)

seeds = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=50)
@given(seeds)
def test_a_shape_turns_and_stretches_within_bounds_and_mirrors_nothing(seed: int) -> None:
    shape = draw_shape(np.random.default_rng(seed), 1)
    assert np.linalg.det(shape) == pytest.approx(1, rel=1e-5)
    assert abs(np.degrees(np.arctan2(shape[1, 0], shape[0, 0]))) <= 25.01
    assert abs(np.log(np.divide(*np.linalg.norm(shape, axis=0)))) <= 0.2001


def test_shares_follow_the_level() -> None:
    rng = np.random.default_rng(0)
    shapes = np.stack([draw_shape(rng, 0.5) for _ in range(4000)])
    turned, stretched = shapes[:, 1, 0] != 0, np.abs(np.linalg.norm(shapes[:, :, 0], axis=1) - 1) > 1e-6
    assert turned.mean() == pytest.approx(0.175, abs=0.03)
    assert stretched.mean() == pytest.approx(0.15, abs=0.03)


@settings(deadline=None, max_examples=50)
@given(seeds)
def test_a_box_holds_the_turned_ellipse_tightly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 500, (5, 2)).astype(np.float32)
    boxes = np.concatenate((low, low + rng.uniform(4, 100, (5, 2)).astype(np.float32)), 1)
    shape, middle = draw_shape(rng, 1), np.float32([320, 240])
    angles = np.linspace(0, 2 * np.pi, 721)
    circle = np.stack((np.cos(angles), np.sin(angles)), 1).astype(np.float32)
    ellipses = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2 + circle * (boxes[:, None, 2:] - boxes[:, None, :2]) / 2
    around = reshape_points(ellipses, shape, middle)
    wanted = np.concatenate((around.min(1), around.max(1)), 1)
    np.testing.assert_allclose(reshape_boxes(boxes, shape, middle), wanted, atol=0.02)


@settings(deadline=None, max_examples=50)
@given(seeds)
def test_points_go_where_the_cut_takes_their_pixels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    crop, shape = Crop(int(rng.integers(-20, 40)), int(rng.integers(-20, 40)), 160, 120), draw_shape(rng, 1)
    place = np.array([crop.x, crop.y]) + rng.uniform(0.35, 0.65, 2) * (160, 120)
    picture = np.zeros((240, 240, 3), np.uint8)
    cv2.circle(picture, [int(v * 16) for v in place - 0.5], 4 * 16, (255, 255, 255), -1, cv2.LINE_AA, 4)
    out = np.empty((240, 320, 3), np.uint8)
    factor = cut(picture, crop, out, shape)
    point = reshape_points(((place - (crop.x, crop.y)) * factor).astype(np.float32), shape, np.float32([160, 120]))
    weight = np.where(out[..., 0] > 150, out[..., 0], 0).astype(float)  # beyond the picture lies 128
    ys, xs = np.mgrid[:240, :320] + 0.5
    found = np.array([(xs * weight).sum(), (ys * weight).sum()]) / weight.sum()
    np.testing.assert_allclose(found, point, atol=0.35)


@settings(deadline=None, max_examples=50)
@given(seeds)
def test_covers_lie_within_the_picture_and_some_on_faces(seed: int) -> None:
    rng = np.random.default_rng(seed)
    boxes = np.float32([[10, 20, 60, 90], [300, 100, 310, 115], [150, 200, 300, 380]])
    covers = draw_covers(rng, boxes, 480, 640)
    assert (covers[:, :2] >= 0).all() and (covers[:, 2:] <= (640, 480)).all()
    assert (covers[:, :2] < covers[:, 2:]).all()
    low, high = np.maximum(boxes[:, None, :2], covers[:, :2]), np.minimum(boxes[:, None, 2:], covers[:, 2:])
    assert (high > low).all(2)[[0, 2]].any()
    assert len(draw_covers(rng, boxes[:0], 480, 640)) >= 1


def test_a_face_under_covers_is_hidden() -> None:
    boxes = np.float32([[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10], [60, 0, 70, 10]])
    covers = np.array([[0, 0, 10, 7], [20, 0, 30, 4], [25, 5, 28, 10], [60, 0, 70, 4], [60, 1, 70, 5]])
    assert hidden_faces(boxes, covers, 20, 80).tolist() == [True, False, False, False]


def test_a_face_half_outside_is_hidden_by_what_covers_its_visible_half(
    pictures: Pictures, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    cover = np.array([[0, 0, 20, 40]])
    monkeypatch.setattr("scrfd_edge.training.batches.draw_covers", lambda *_: cover)
    example = _Example(
        np.float32([[-20, 0, 20, 40], [30, 30, 60, 60]]),
        np.zeros((2, 5, 2), np.float32),
        np.ones(2, np.float32),
        np.zeros((0, 4), np.float32),
        "",
    )
    found = Batches(pictures, recipe, 0)._cover(np.random.default_rng(0), example, np.zeros((64, 64, 3), np.uint8))
    assert found.boxes.tolist() == [[30, 30, 60, 60]] and found.ignored.tolist() == [[0, 0, 20, 40]]
    assert len(found.landmarks) == len(found.visible) == 1


def test_what_is_hidden_is_ignored_and_batches_stay_a_function_of_seed_and_step(
    pictures: Pictures, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(recipe, phases=(Phase(20, 64, 8, "square"),), variety=1)
    batches = Batches(pictures, recipe, 5)
    steps = range(batches.steps())
    varied = [batches.make(step) for step in steps]
    for step in reversed(steps):
        again = Batches(pictures, recipe, 5).make(step)
        assert torch.equal(again.pictures, varied[step].pictures)
        assert all(torch.equal(a, b) for a, b in zip(again.targets, varied[step].targets, strict=True))
    monkeypatch.setattr("scrfd_edge.training.batches.hidden_faces", lambda boxes, *_: np.ones(len(boxes), bool))
    hidden = [Batches(pictures, recipe, 5).make(step) for step in steps]
    for a, b in zip(varied, hidden, strict=True):
        assert len(a.targets.boxes) + len(a.targets.ignored) == len(b.targets.boxes) + len(b.targets.ignored)
        assert torch.equal(a.pictures, b.pictures)
    assert sum(len(a.targets.boxes) for a in varied) > sum(len(b.targets.boxes) for b in hidden) > 0


def test_covers_show_no_face_and_noise_shows(
    pictures: Pictures, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faces of these pictures are bright squares."""
    batches = Batches(pictures, recipe, 0)
    out = np.empty((40, 30, 3), np.uint8)
    for seed in range(50):
        out[:] = 255
        batches._paste(np.random.default_rng(seed), out)
        assert (out.min(2) <= 200).all()
    monkeypatch.setattr(variety, "_NOISY", 1)
    out[:] = 100
    variety.add_noise(np.random.default_rng(0), 1, out)
    assert 0 < out.std() < 14 and abs(out.mean() - 100) < 0.2


def test_tints_and_grey_pictures_come_at_their_shares() -> None:
    matrices = colour_matrices(4000, torch.Generator().manual_seed(0), 1)
    grey = (matrices - matrices[:, :1]).abs().amax((1, 2)) < 1e-6
    assert 0.07 < float(grey.float().mean()) < 0.13
    plain = colour_matrices(4000, torch.Generator().manual_seed(0))
    assert float(((plain - plain[:, :1]).abs().amax((1, 2)) < 1e-6).float().mean()) < 0.01
    rows = (matrices[:, :, :3].sum(2) - plain[:, :, :3].sum(2)).abs().amax(1) > 1e-4
    assert 0.2 < float(rows[~grey].float().mean()) < 0.4
