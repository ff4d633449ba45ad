"""The projection head against its definition in numpy."""

from __future__ import annotations

import numpy as np
import torch

from mani_monai.networks.blocks import ProjectionHead


def test_is_a_pointwise_convolution_batch_norm_and_relu():
    torch.manual_seed(0)
    head, features = ProjectionHead(3), torch.randn(2, 3, 4, 5)
    convolution, norm, _ = head
    torch.nn.init.uniform_(norm.weight)
    torch.nn.init.uniform_(norm.bias)
    weight = convolution.weight.detach().numpy()[:, :, 0, 0]
    mixed = np.einsum("ok,bkhw->bohw", weight, features) + convolution.bias.detach().numpy()[:, None, None]
    mean, variance = mixed.mean(axis=(0, 2, 3), keepdims=True), mixed.var(axis=(0, 2, 3), keepdims=True)
    scale, shift = (parameter.detach().numpy()[:, None, None] for parameter in (norm.weight, norm.bias))
    expected = np.maximum((mixed - mean) / np.sqrt(variance + norm.eps) * scale + shift, 0)
    np.testing.assert_allclose(head(features).detach(), expected, atol=1e-5)


def test_size_is_that_of_the_authors_code():
    """64 channels have 4,288 parameters there."""
    assert sum(parameter.numel() for parameter in ProjectionHead(64).parameters()) == 4288
