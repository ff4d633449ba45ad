"""The layer that turns a gradient around."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _GradientReversal(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor, strength: float) -> Tensor:
        context.strength = strength
        return values.view_as(values)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -context.strength * gradient, None


def gradient_reversal(x: Tensor, strength: float) -> Tensor:
    """Identity whose gradient is multiplied by ``-strength`` (Ganin & Lempitsky, ICML 2015, section 3).

    Args:
        x: any shape.
        strength: lambda; 0 lets no gradient through.

    Returns:
        ``x``.
    """
    return _GradientReversal.apply(x, strength)
