"""Muon for 3x3 kernels, AdamW for everything else, as one optimiser.

Muon (Jordan et al. 2024) turns the momentum of a weight matrix into the nearest matrix whose singular values
are all about one, so that directions with small gradients are learnt as fast as those with large ones. Where
steps are few, as on a CPU, it fits faster (docs/adr/0010). A kernel (out, in, 3, 3) is taken as a
matrix of out rows. Steps are scaled to the root mean square of AdamW's (Liu et al. 2025, Muon is Scalable),
so that both share one learning rate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable

QUINTIC = (3.4445, -4.7750, 2.0315)  # steep at zero: five rounds bring singular values into [0.7, 1.2]
ROUNDS = 5
MOMENTUM = 0.95
ADAMW_RMS = 0.2  # of a typical AdamW step, in learning rates
WEIGHT_DECAY = 0.03


def orthogonal(matrix: Tensor) -> Tensor:
    """Nearest semi-orthogonal matrix, roughly, by Newton-Schulz iterations; zeros stay zeros.

    Each round multiplies by a polynomial of the Gram matrix, so only that one is iterated: it is square, and
    nine times narrower than a kernel.
    """
    x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    gram = x @ x.T
    gram = gram / gram.trace().clamp_min(1e-14)
    one = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    whole, (a, b, c) = one, QUINTIC
    for _ in range(ROUNDS):
        factor = a * one + b * gram + c * gram @ gram
        whole, gram = factor @ whole, factor @ gram @ factor
    out = whole @ x / x.norm().clamp_min(1e-7)
    return out.T if x is not matrix else out


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, made orthogonal, for kernels of more than one pixel."""

    def __init__(self, kernels: list[nn.Parameter], lr: float, weight_decay: float) -> None:
        super().__init__(kernels, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step; parameters without a gradient stay."""
        if closure is not None:
            raise ValueError("this optimiser takes no closure: call backward() before step()")
        for group in self.param_groups:
            for kernel in group["params"]:
                if kernel.grad is not None:
                    self._step_one(kernel, group["lr"], group["weight_decay"])

    def _step_one(self, kernel: nn.Parameter, lr: float, weight_decay: float) -> None:
        momentum = self.state[kernel].setdefault("momentum", torch.zeros_like(kernel))
        momentum.lerp_(kernel.grad, 1 - MOMENTUM)
        ahead = kernel.grad.lerp(momentum, MOMENTUM)
        step = orthogonal(ahead.flatten(1)).view_as(kernel)
        kernel.mul_(1 - lr * weight_decay)
        kernel.add_(step, alpha=-lr * ADAMW_RMS * max(kernel.shape[0], kernel[0].numel()) ** 0.5)


class Together:
    """Both optimisers behind the calls that training makes; norms and biases do not decay.

    Without `muon` AdamW moves kernels too: gentler to a network that is trained already.
    """

    def __init__(
        self, network: nn.Module, lr: float, *, weight_decay: float = WEIGHT_DECAY, muon: bool = True
    ) -> None:
        learnt = [p for p in network.parameters() if p.requires_grad]
        kernels = [p for p in learnt if muon and p.ndim == 4 and p[0, 0].numel() > 1]
        points = [p for p in learnt if p.ndim > 1 and not any(p is k for k in kernels)]
        rest = [p for p in learnt if p.ndim <= 1]
        groups = [{"params": points, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]
        self.parts: dict[str, torch.optim.Optimizer] = {"adamw": torch.optim.AdamW(groups, lr=lr)}
        if kernels:
            self.parts["muon"] = Muon(kernels, lr, weight_decay)

    def set_rate(self, lr: float) -> None:
        """Learning rate of the next step."""
        for part in self.parts.values():
            for group in part.param_groups:
                group["lr"] = lr

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for part in self.parts.values():
            part.zero_grad(set_to_none=True)

    def step(self) -> None:
        """One step of both."""
        for part in self.parts.values():
            part.step()

    def state_dict(self) -> dict[str, dict[str, object]]:
        """Of both."""
        return {name: part.state_dict() for name, part in self.parts.items()}

    def load_state_dict(self, state: dict[str, dict[str, object]]) -> None:
        """Of both."""
        if state.keys() != self.parts.keys():
            raise ValueError("this checkpoint holds the state of another optimiser: start anew with --init")
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
