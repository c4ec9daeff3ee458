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
            # Kernels of one shape go through the iteration together: a GPU waits for calls, not for sums.
            alike: dict[torch.Size, list[nn.Parameter]] = {}
            for p in group["params"]:
                if p.grad is not None:
                    alike.setdefault(p.flatten(1).shape, []).append(p)
            for (rows, columns), members in alike.items():
                updates = orthogonalise(torch.stack([self._direction(p, group["momentum"]) for p in members]))
                for p, update in zip(members, updates, strict=True):
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                    p.add_(update.view(p.shape), alpha=-group["lr"] * max(1.0, rows / columns) ** 0.5)

    def _direction(self, p: nn.Parameter, decay: float) -> Tensor:
        """(rows, columns) the gradient with momentum, which is brought up to date."""
        assert p.grad is not None
        state = self.state[p]
        if not state:
            state["momentum"] = torch.zeros_like(p)
        momentum: Tensor = state["momentum"]
        momentum.lerp_(p.grad, 1 - decay)
        return p.grad.lerp(momentum, decay).flatten(1)
