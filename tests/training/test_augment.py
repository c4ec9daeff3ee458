"""Flips and colours of a batch."""

import torch

from scrfd_edge.training.augment import colour, colour_matrices, flip
from scrfd_edge.training.losses import Targets


def batch() -> tuple[torch.Tensor, Targets]:
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (3, 3, 32, 32), generator=generator, dtype=torch.uint8)
    boxes = torch.tensor([[2, 3, 12, 15], [20, 4, 30, 12], [8, 8, 20, 25]]).float()
    points = torch.tensor([[4, 6], [9, 6], [7, 9], [5, 12], [9, 12]]).float().expand(3, 5, 2)
    ignored = torch.tensor([[0, 0, 4, 6], [1, 2, 5, 6]]).float()
    return pictures, Targets(torch.tensor([0, 1, 2]), boxes, points, torch.ones(3), torch.tensor([0, 2]), ignored)


def test_flipping_twice_changes_nothing() -> None:
    pictures, targets = batch()
    flipped = torch.tensor([True, False, True])
    again = flip(*flip(pictures, targets, flipped), flipped)
    assert torch.equal(again[0], pictures)
    assert all(torch.equal(a, b) for a, b in zip(again[1], targets, strict=True))


def test_a_flip_moves_pixels_boxes_and_swaps_left_and_right() -> None:
    pictures, targets = batch()
    mirrored, moved = flip(pictures, targets, torch.tensor([True, False, False]))
    assert torch.equal(mirrored[0, :, :, 0], pictures[0, :, :, 31])
    assert torch.equal(mirrored[1:], pictures[1:])
    assert moved.boxes[0].tolist() == [20, 3, 30, 15]
    assert torch.equal(moved.boxes[1:], targets.boxes[1:])
    assert moved.ignored.tolist() == [[28, 0, 32, 6], [1, 2, 5, 6]]
    assert moved.landmarks[0].tolist() == [[23, 6], [28, 6], [25, 9], [23, 12], [27, 12]]


def test_without_distortion_the_colour_is_the_normalisation() -> None:
    pictures, _ = batch()
    plain = torch.cat((torch.eye(3), torch.full((3, 1), -127.5)), 1).expand(3, 3, 4) / 128
    assert torch.allclose(colour(pictures, plain, torch.float32), (pictures.float() - 127.5) / 128, atol=1e-5)


def test_grey_stays_grey_up_to_brightness_and_contrast() -> None:
    matrices = colour_matrices(2000, torch.Generator().manual_seed(1))
    out = (matrices @ torch.tensor([100.0, 100.0, 100.0, 1.0])) * 128 + 127.5
    assert (out.amax(1) - out.amin(1)).max() < 0.01  # hue, saturation and permutation leave grey alone
    assert out.min() >= (100 - 32) * 0.5 - 1 and out.max() <= (100 + 32) * 1.5 + 1
    unchanged = (matrices - torch.cat((torch.eye(3), torch.full((3, 1), -127.5)), 1) / 128).abs().amax((1, 2)) < 1e-6
    assert 0.01 < unchanged.float().mean() < 0.08  # 1/32 draw no distortion at all (permutations may be the identity)
