"""Flip and photometric distortion of a batch, as tensor operations on the device that trains."""

import torch
from torch import Tensor

from .losses import Targets
from .variety import GREY, TINT, TINTED

_MEAN, _STD = 127.5, 128.0
_MIRRORED = (1, 0, 2, 4, 3)
_LUMA = (0.299, 0.587, 0.114)


def flip(pictures: Tensor, targets: Targets, flipped: Tensor) -> tuple[Tensor, Targets]:
    """Mirrors the pictures (N, 3, H, W) where `flipped` (N,) is true, with their boxes and landmarks."""
    width = pictures.shape[3]
    pictures = torch.where(flipped[:, None, None, None], pictures.flip(3), pictures)
    of_face = flipped[targets.pictures]

    def mirror(boxes: Tensor, chosen: Tensor) -> Tensor:
        mirrored = torch.stack((width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]), 1)
        return torch.where(chosen[:, None], mirrored, boxes)

    points = targets.landmarks[:, list(_MIRRORED)]
    points = torch.stack((width - points[..., 0], points[..., 1]), -1)
    return pictures, targets._replace(
        boxes=mirror(targets.boxes, of_face),
        landmarks=torch.where(of_face[:, None, None], points, targets.landmarks),
        ignored=mirror(targets.ignored, flipped[targets.ignored_in]),
    )


def colour_matrices(n: int, generator: torch.Generator, level: float = 0) -> Tensor:
    """(n, 3, 4) random affine maps from RGB grey levels to normalised RGB.

    Brightness +-32, contrast 0.5..1.5, saturation 0.5..1.5, hue +-18 degrees, channel permutation, each with
    probability 0.5, as in the authors' release; hue turns the chroma plane and saturation scales it, so that all of
    them are one matrix. level: of `variety`, which tints some pictures and takes the colours from some.
    """

    def draw(low: float, high: float, neutral: float) -> Tensor:
        value = torch.rand(n, generator=generator) * (high - low) + low
        return torch.where(torch.rand(n, generator=generator) < 0.5, value, torch.full((n,), neutral))

    brightness, contrast, saturation = draw(-32, 32, 0), draw(0.5, 1.5, 1), draw(0.5, 1.5, 1)
    hue = draw(-18, 18, 0) * (torch.pi / 180)
    eye = torch.eye(3)
    grey = torch.tensor(_LUMA).expand(3, 3)
    axis = torch.full((3,), 3**-0.5)
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) * 3**-0.5
    cos, sin = hue.cos()[:, None, None], hue.sin()[:, None, None]
    turn = cos * eye + sin * cross + (1 - cos) * torch.outer(axis, axis)
    saturate = saturation[:, None, None] * eye + (1 - saturation)[:, None, None] * grey
    linear = contrast[:, None, None] * (saturate @ turn)
    order = torch.rand(n, 3, generator=generator).argsort(1)
    order = torch.where((torch.rand(n, generator=generator) < 0.5)[:, None], order, torch.arange(3))
    shift = (brightness * contrast)[:, None, None].expand(n, 3, 1)
    linear = eye[order] @ linear
    if level:
        tinted = torch.rand(n, 1, 1, generator=generator) < TINTED * level
        gain = 1 + TINT * (2 * torch.rand(n, 3, 1, generator=generator) - 1)
        gain = torch.where(tinted, gain, 1.0)
        linear, shift = gain * linear, gain * shift
        without = torch.rand(n, 1, 1, generator=generator) < GREY * level
        linear = torch.where(without, linear[:, :1].sum(2, keepdim=True) * grey, linear)
        shift = torch.where(without, shift[:, :1], shift)
    return torch.cat((linear, shift - _MEAN), 2) / _STD


def colour(pictures: Tensor, matrices: Tensor, dtype: torch.dtype) -> Tensor:
    """uint8 (N, 3, H, W) RGB to normalised, distorted (N, 3, H, W) of `dtype`, in the memory format of the input."""
    n, _, height, width = pictures.shape
    flat = pictures.permute(0, 2, 3, 1).reshape(n, height * width, 3).to(dtype)
    matrices = matrices.to(pictures.device)
    out = torch.baddbmm(matrices[:, None, :, 3].to(dtype), flat, matrices[:, :, :3].transpose(1, 2).to(dtype))
    return out.view(n, height, width, 3).permute(0, 3, 1, 2)
