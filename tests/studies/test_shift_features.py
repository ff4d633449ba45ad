"""Features of two domains and how far they lie apart; values by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from studies.shift_features import (
    PooledFeatures,
    domain_accuracy,
    head_features,
    linear_discriminant,
    pool_features,
    separation,
)

RNG = np.random.default_rng(0)


def test_features_are_averaged_over_nuclei_background_and_each_nucleus():
    mask = np.zeros((4, 6), bool)
    mask[0, :2] = mask[3, 3:6] = True
    features = RNG.normal(size=(3, 4, 6))
    pooled = pool_features(features, mask)
    np.testing.assert_allclose(pooled.nuclei, features[:, mask].mean(axis=1))
    np.testing.assert_allclose(pooled.background, features[:, ~mask].mean(axis=1))
    np.testing.assert_allclose(
        pooled.each, [features[:, 0, :2].mean(axis=1), features[:, 3, 3:6].mean(axis=1)], rtol=1e-12
    )


def test_head_features_are_what_enters_the_head():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1))
    image = torch.randn(3, 5, 5)
    features = head_features(network, "1", lambda images, run: run(images), image)
    torch.testing.assert_close(features, network[0](image[None])[0])
    assert not network[1]._forward_pre_hooks


def test_separation_by_hand():
    def image(nuclei, background):
        each = np.array(nuclei) + RNG.normal(scale=0.1, size=(20, 2))
        return PooledFeatures(np.array(nuclei, float), np.array(background, float), each)

    source = [image((3, 0), (0, 0)), image((5, 0), (0, 0))]  # nuclei (4, 0), background (0, 0): 4 apart
    target = [image((4, 3), (0, 1)), image((4, 3), (0, 1))]  # nuclei (4, 3), background (0, 1): 20 ** 0.5 apart
    within = (4 + 20**0.5) / 2
    found = separation(source, target)
    assert found == {
        "nuclei": pytest.approx(3 / within),
        "background": pytest.approx(1 / within),
        "domain_accuracy": 1,
    }


def test_domain_accuracy_is_chance_where_domains_are_alike():
    source, target = ([RNG.normal(size=(n, 4)) for _ in range(6)] for n in (300, 20))
    assert domain_accuracy(source, target) == pytest.approx(0.5, abs=0.1)


def test_domain_accuracy_holds_images_out():
    """Every image has a look of its own and the domains have none: nuclei can be told by known images alone."""
    rng = np.random.default_rng(1)
    source, target = (
        [rng.normal(size=12) + rng.normal(scale=0.01, size=(30, 12)) for _ in range(6)] for _ in ("source", "target")
    )
    direction, threshold = linear_discriminant(np.concatenate(source), np.concatenate(target))
    assert (np.concatenate(source) @ direction < threshold).mean() > 0.95
    assert domain_accuracy(source, target) < 0.75
    assert domain_accuracy(source, [image + 100 for image in target]) == 1
    assert np.isnan(domain_accuracy(source, target[:1]))


def test_linear_discriminant_is_fishers():
    first, second = RNG.normal(size=(400, 2)) * (1, 5), RNG.normal(size=(300, 2)) * (1, 5) + (2, 2)
    direction, threshold = linear_discriminant(first, second)
    within = (np.cov(first.T, bias=True) + np.cov(second.T, bias=True)) / 2
    expected = np.linalg.inv(within) @ (second.mean(axis=0) - first.mean(axis=0))
    np.testing.assert_allclose(direction, expected, rtol=0.05)
    assert threshold == pytest.approx(direction @ (first.mean(axis=0) + second.mean(axis=0)) / 2)
    assert linear_discriminant(first[:, :1], second[:, :1])[0].shape == (1,)
