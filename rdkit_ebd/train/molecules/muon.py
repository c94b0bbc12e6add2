"""Which way do the weights go? Muon's for the matrices inside blocks, AdamW's for everything else.

Muon (K. Jordan et al., 2024) takes the momentum of a matrix to the nearest orthogonal one, by five Newton-Schulz steps,
so that all directions move alike; in this package's trial it needs a tenth fewer samples than AdamW for the same loss.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_MATRICES = ("qkv", "modulation", "feed_in", "feed_out", "out", "pair_in", "pair_out")  # layers of a block
_A, _B, _C = 3.4445, -4.7750, 2.0315  # of the quintic that pulls singular values to one
_MOMENTUM = 0.95


class MuonAdam:
    """An optimiser for the networks of this package.

    Args:
        network: Whose parameters move.
        lr: Peak rate of AdamW.
        matrix_lr: Peak rate of Muon; 0: all parameters are AdamW's.
        weight_decay: Of both.
    """

    def __init__(
        self, network: nn.Module, lr: float = 2e-3, matrix_lr: float = 0.02, weight_decay: float = 0.01
    ) -> None:
        named = dict(network.named_parameters())
        self.lr, self.matrix_lr, self.weight_decay = lr, matrix_lr, weight_decay
        self.matrices = {name: p for name, p in named.items() if matrix_lr > 0 and _is_matrix(name, p)}
        self.others = {name: p for name, p in named.items() if name not in self.matrices}
        self.momenta = {name: torch.zeros_like(p) for name, p in self.matrices.items()}
        self._adam = torch.optim.AdamW(
            list(self.others.values()), lr=lr, betas=(0.9, 0.99), weight_decay=weight_decay, fused=True
        )

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move along the gradients, at `rate` times the peak rates, and forget them."""
        for group in self._adam.param_groups:
            group["lr"] = self.lr * rate
        self._adam.step()
        for name, matrix in self.matrices.items():
            if matrix.grad is None:
                continue
            momentum = self.momenta[name].mul_(_MOMENTUM).add_(matrix.grad)
            move = orthogonal(matrix.grad + _MOMENTUM * momentum)
            size = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
            matrix.mul_(1 - self.weight_decay * self.matrix_lr * rate).add_(move, alpha=-self.matrix_lr * rate * size)
        for p in (*self.matrices.values(), *self.others.values()):
            p.grad = None

    def state(self) -> dict[str, Any]:
        """What `load` continues from, by the names of parameters."""
        adam = dict(zip(self.others, (self._adam.state.get(p, {}) for p in self.others.values()), strict=True))
        return {"momenta": self.momenta, "adam": adam}

    def load(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        for name, momentum in state["momenta"].items():
            self.momenta[name].copy_(momentum)
        for name, p in self.others.items():
            if state["adam"].get(name):
                self._adam.state[p] = state["adam"][name]


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """The matrix (R, C) with singular values near one."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide / (wide.norm() + 1e-7)
    for _ in range(steps):
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=_B, alpha=_C), x, beta=_A)
    return x if wide is matrix else x.T


def _is_matrix(name: str, parameter: Tensor) -> bool:
    parts = name.split(".")
    return parameter.dim() == 2 and "blocks" in parts and parts[-2] in _MATRICES
