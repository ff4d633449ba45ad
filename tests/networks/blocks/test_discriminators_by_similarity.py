"""The comparing discriminators against their definition in numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mani_monai.networks.blocks import BilinearDiscriminator, CosineDiscriminator

SEED = torch.Generator().manual_seed(0)
TARGET, SOURCE = torch.randn(3, 2, 4, generator=SEED), torch.randn(3, 2, 4, generator=SEED)


def affine(layer: torch.nn.Linear, values: np.ndarray) -> np.ndarray:
    return values @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()


def test_bilinear_is_the_dot_product_of_affine_maps():
    discriminator = BilinearDiscriminator(4, hidden=5)
    scores = discriminator(TARGET, SOURCE)
    mapped = affine(discriminator.target_map, TARGET.numpy()), affine(discriminator.source_map, SOURCE.numpy())
    assert scores.shape == (3, 2, 1)
    np.testing.assert_allclose(
        scores[..., 0].detach(), (mapped[0] * mapped[1]).sum(-1) / math.sqrt(5), rtol=1e-4, atol=1e-6
    )
    assert not torch.allclose(scores, discriminator(SOURCE, TARGET))


def test_cosine_is_that_of_the_embeddings_over_the_temperature():
    discriminator = CosineDiscriminator(4, hidden=5, temperature=0.25, coldest=0.1)
    scores = discriminator(TARGET, SOURCE)
    embedded = [
        affine(layers[2], np.maximum(affine(layers[0], values.numpy()), 0))
        for layers, values in ((discriminator.target_map, TARGET), (discriminator.source_map, SOURCE))
    ]
    cosine = (embedded[0] * embedded[1]).sum(-1) / np.prod([np.linalg.norm(part, axis=-1) for part in embedded], axis=0)
    assert scores.shape == (3, 2, 1)
    np.testing.assert_allclose(scores[..., 0].detach(), cosine / 0.25, rtol=1e-4, atol=1e-6)


def test_temperature_is_learned_and_never_colder_than_asked():
    discriminator = CosineDiscriminator(4, hidden=5, temperature=0.25, coldest=0.1)
    discriminator(TARGET, SOURCE).abs().mean().neg().backward()
    assert discriminator.log_warmth.grad > 0  # larger scores are colder
    with torch.no_grad():
        discriminator.log_warmth.fill_(-100)
    assert discriminator.temperature().item() == pytest.approx(0.1)
    assert discriminator(TARGET * 1000, SOURCE).abs().max() <= 10 + 1e-4


@pytest.mark.parametrize("discriminator", [BilinearDiscriminator, CosineDiscriminator])
def test_agreement_of_two_classes_can_be_learned(discriminator):
    """Which no sum of a score of the target and a score of the source can say."""
    torch.manual_seed(0)
    critic, kinds = discriminator(1, hidden=8), torch.tensor([[-1.0], [1.0]])
    target, source = kinds.repeat(2, 1), kinds.repeat_interleave(2, dim=0)
    agree = (target == source).float()
    optimizer = torch.optim.Adam(critic.parameters(), lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(critic(target, source), agree).backward()
        optimizer.step()
    assert ((critic(target, source) > 0) == agree.bool()).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coldest": 0.0}, r"coldest must be > 0, got 0\.0"),
        ({"temperature": 0.05}, r"temperature must be > coldest = 0\.05, got 0\.05"),
    ],
)
def test_temperatures_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        CosineDiscriminator(4, **options)
