"""The discriminator of pairs against its definition in numpy."""

from __future__ import annotations

import numpy as np
import torch

from mani_monai.networks.blocks import ConcatDiscriminator


def test_scores_are_three_layers_over_target_then_source():
    torch.manual_seed(0)
    discriminator = ConcatDiscriminator(channels=4, hidden=6)
    target, source = torch.randn(3, 2, 4), torch.randn(3, 2, 4)
    values = np.concatenate([target, source], axis=-1)
    layers = [layer for layer in discriminator.layers if isinstance(layer, torch.nn.Linear)]
    for position, layer in enumerate(layers):
        values = values @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
        if position < 2:
            values = np.maximum(values, 0)
    scores = discriminator(target, source)
    assert scores.shape == (3, 2, 1)
    np.testing.assert_allclose(scores.detach(), values, atol=1e-6)
    assert not torch.allclose(scores, discriminator(source, target))


def test_size_is_that_of_the_authors_code():
    """64 channels and 512 hidden units have 329,217 parameters there."""
    assert sum(parameter.numel() for parameter in ConcatDiscriminator(64).parameters()) == 329217
