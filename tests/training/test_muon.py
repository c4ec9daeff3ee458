"""Orthogonalised momentum."""

import pytest
import torch

from scrfd_edge.training.muon import Muon, orthogonalise

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


@pytest.mark.parametrize("shape", [(16, 16), (64, 16), (16, 144)])
def test_singular_values_become_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrix))
    assert values.min() > 0.4 and values.max() < 1.4
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    exact = u @ v
    cosine = (orthogonalise(matrix) * exact).sum() / exact.norm() / orthogonalise(matrix).norm()
    assert cosine > 0.9


def test_matrices_are_orthogonalised_each_for_itself() -> None:
    matrices = (
        torch.randn(3, 16, 40, generator=torch.Generator().manual_seed(1)) * torch.tensor([1, 10, 100])[:, None, None]
    )
    together = orthogonalise(matrices)
    for matrix, found in zip(matrices, together, strict=True):
        torch.testing.assert_close(found, orthogonalise(matrix), rtol=0, atol=0.02)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_cuda)])
def test_kernels_of_all_shapes_move_as_if_alone(device: str) -> None:
    generator = torch.Generator().manual_seed(3)
    shapes = [(8, 4, 3, 3), (16, 8, 1, 1), (8, 16, 1, 1), (8, 4, 3, 3), (8, 8, 1, 1)]
    starts = [torch.randn(shape, generator=generator) for shape in shapes]
    gradients = [torch.randn(shape, generator=generator) for shape in shapes]

    def moved(chosen: list[int]) -> list[torch.Tensor]:
        weights = [torch.nn.Parameter(starts[i].to(device)) for i in chosen]
        optimiser = Muon(weights, lr=0.5, weight_decay=0.1)
        for _ in range(3):
            for weight, i in zip(weights, chosen, strict=True):
                weight.grad = gradients[i].to(device)
            optimiser.step()
        return [weight.detach().cpu() for weight in weights]

    for i, weight in enumerate(moved(list(range(len(shapes))))):
        torch.testing.assert_close(weight, moved([i])[0], rtol=0, atol=0.05)


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
