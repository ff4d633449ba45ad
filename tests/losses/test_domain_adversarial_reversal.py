"""Gradient reversal: nothing forwards, the opposite backwards."""

from __future__ import annotations

import pytest
import torch

from mani_monai.losses.domain_adversarial import gradient_reversal


@pytest.mark.parametrize("strength", [0.0, 0.25, 1.0])
def test_value_stays_and_gradient_turns(strength):
    values = torch.randn(2, 3, 4, 4, requires_grad=True)
    factors = torch.randn(2, 3, 4, 4)
    turned = gradient_reversal(values, strength)
    assert torch.equal(turned, values)
    (factors * turned).sum().backward()
    torch.testing.assert_close(values.grad, -strength * factors)
