"""Muon for convolution kernels: momentum, orthogonalised by Newton-Schulz steps (Jordan et al. 2024).

torch.optim.Muon takes 2-D weights only; a convolution kernel is a matrix once its inputs are flattened.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Roughly U V^T of the singular value decomposition of each of `matrices` (..., rows, columns), by a quintic
    iteration."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x: Tensor = matrices.bfloat16()
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT.to(matrices.dtype) if tall else x.to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised, with decoupled weight decay. Parameters of two or more dimensions."""

    def __init__(
        self, params: Iterable[nn.Parameter], lr: float = 0.02, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            for p in params:
                if not self.state[p]:
                    self.state[p]["momentum"] = torch.zeros_like(p)
            gradients = [p.grad for p in params if p.grad is not None]
            momenta = [self.state[p]["momentum"] for p in params]
            torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
            ahead = torch._foreach_lerp(gradients, momenta, group["momentum"])
            updates = _orthogonalised([direction.flatten(1) for direction in ahead])
            torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
            for p, update in zip(params, updates, strict=True):
                rows, columns = update.shape
                p.add_(update.reshape(p.shape), alpha=-group["lr"] * max(1.0, rows / columns) ** 0.5)


def _orthogonalised(matrices: list[Tensor]) -> list[Tensor]:
    """Each of them through `orthogonalise`, those of one shape together; on a GPU, which waits for calls and not for
    sums, all together, with zeros around them, which change nothing."""
    wide = [matrix.T if matrix.shape[0] > matrix.shape[1] else matrix for matrix in matrices]
    shapes = torch.tensor([matrix.shape for matrix in wide])
    alike: dict[tuple[int, ...], list[int]] = {}
    for i, matrix in enumerate(wide):
        largest = shapes.amax(0).tolist() if matrix.device.type == "cuda" else matrix.shape
        alike.setdefault(tuple(largest), []).append(i)
    found = list(matrices)
    for (rows, columns), members in alike.items():
        padded = wide[members[0]].new_zeros(len(members), rows, columns)
        for slot, i in zip(padded, members, strict=True):
            slot[: wide[i].shape[0], : wide[i].shape[1]] = wide[i]
        for slot, i in zip(orthogonalise(padded), members, strict=True):
            update = slot[: wide[i].shape[0], : wide[i].shape[1]]
            found[i] = update.T if wide[i] is not matrices[i] else update
    return found
