"""Orthogonalised momentum."""

import pytest
import torch

from scrfd_edge.training.muon import Muon, orthogonalise


@pytest.mark.parametrize("shape", [(16, 16), (64, 16), (16, 144)])
def test_singular_values_become_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrix))
    assert values.min() > 0.4 and values.max() < 1.4
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    exact = u @ v
    cosine = (orthogonalise(matrix) * exact).sum() / exact.norm() / orthogonalise(matrix).norm()
    assert cosine > 0.9


def test_fits_a_linear_map() -> None:
    generator = torch.Generator().manual_seed(0)
    wanted = torch.randn(8, 4, 3, 3, generator=generator)
    weight = torch.nn.Parameter(torch.zeros(8, 4, 3, 3))
    optimiser = Muon([weight], lr=0.05)
    start = float(wanted.square().mean())
    for _ in range(200):
        optimiser.zero_grad()
        (weight - wanted).square().mean().backward()
        optimiser.step()
    assert float((weight.detach() - wanted).square().mean()) < 0.05 * start
