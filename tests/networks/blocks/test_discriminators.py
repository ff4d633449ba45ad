"""The discriminator of pairs against its definition in numpy."""

from __future__ import annotations

import numpy as np
import pytest
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


def test_dropout_is_between_the_layers_and_in_training_alone():
    torch.manual_seed(0)
    plain, dropping = ConcatDiscriminator(4, hidden=16), ConcatDiscriminator(4, hidden=16, dropout=0.5)
    dropping.load_state_dict(plain.state_dict())
    target, source = torch.randn(5, 4), torch.randn(5, 4)
    for position in (1, 3):
        assert dropping.layers[position](torch.ones(200)).unique().tolist() == [0, 2]
        assert dropping.layers[position](-torch.ones(200)).unique().tolist() == [0]
    assert torch.equal(dropping.eval()(target, source), plain(target, source))


def test_spectral_norm_limits_every_layer():
    torch.manual_seed(0)
    discriminator = ConcatDiscriminator(4, hidden=16, spectral_norm=True)
    for position in (0, 2, 4):
        with torch.no_grad():
            discriminator.layers[position].parametrizations.weight.original.mul_(50)
    for _ in range(50):
        discriminator(torch.randn(2, 4), torch.randn(2, 4))
    for position in (0, 2, 4):
        largest = torch.linalg.matrix_norm(discriminator.layers[position].weight, ord=2)
        assert largest.item() == pytest.approx(1, abs=1e-2)


@pytest.mark.parametrize("dropout", [-0.1, 1.0])
def test_dropout_is_checked(dropout):
    with pytest.raises(ValueError, match=rf"dropout must be in \[0, 1\), got {dropout}"):
        ConcatDiscriminator(4, dropout=dropout)
