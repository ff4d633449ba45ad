"""What predictions say of themselves, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mani_monai.metrics.label_free import (
    binary_entropy,
    mask_agreement,
    neighbourhood_density,
    prediction_information,
)

LOG2 = math.log(2)


def images(*rows):
    """B1HW probabilities, one row of pixels an image."""
    return torch.tensor(rows)[:, None, None]


@pytest.mark.parametrize(
    ("probability", "entropy"), [(0.0, 0), (1.0, 0), (0.5, LOG2), (0.2, 0.5004024), (0.8, 0.5004024)]
)
def test_entropy(probability, entropy):
    assert binary_entropy(torch.tensor([[probability]])).tolist() == [[pytest.approx(entropy)]]


@pytest.mark.parametrize(
    ("pixels", "information"),
    [
        ([0.0, 0.0, 0.0, 0.0], 0),  # collapsed
        ([1.0, 1.0, 1.0, 1.0], 0),
        ([0.5, 0.5, 0.5, 0.5], 0),  # unsure
        ([0.0, 0.0, 1.0, 1.0], LOG2),  # sure and divided
        ([0.0, 0.5], 0.5623351 - LOG2 / 2),
    ],
)
def test_information(pixels, information):
    found = prediction_information(torch.cat([images(pixels), images([0.5] * len(pixels))]))
    assert found.tolist() == pytest.approx([information, 0], abs=1e-6)


@pytest.mark.parametrize(
    ("one", "other", "dice"),
    [
        ([0.9, 0.6, 0.1, 0.2], [0.6, 0.9, 0.4, 0.0], 1),
        ([0.9, 0.6, 0.1, 0.2], [0.6, 0.1, 0.4, 0.0], 2 / 3),
        ([0.9, 0.1], [0.1, 0.9], 0),
        ([0.1, 0.2], [0.2, 0.1], 0),  # two empty masks are no evidence of anything
        ([0.1, 0.2], [0.2, 0.9], 0),
    ],
)
def test_agreement_is_the_dice_of_masks(one, other, dice):
    same = images([1.0] * len(one))
    found = mask_agreement(torch.cat([images(one), same]), torch.cat([images(other), same]))
    assert found.tolist() == pytest.approx([dice, 1])


def density_by_hand(vectors, temperature):
    total = 0
    for number, vector in enumerate(vectors):
        others = np.delete(vectors, number, axis=0)
        cosines = others @ vector / np.linalg.norm(others, axis=1) / np.linalg.norm(vector)
        share = np.exp(cosines / temperature) / np.exp(cosines / temperature).sum()
        total += -(share * np.log(share)).sum()
    return total / len(vectors)


@pytest.mark.parametrize("temperature", [0.05, 1.0])
def test_density_is_the_papers(temperature):
    vectors = np.random.default_rng(0).uniform(0.1, 1, (7, 2))
    found = neighbourhood_density(torch.tensor(vectors), temperature).item()
    assert found == pytest.approx(density_by_hand(vectors, temperature))


def test_density_grows_with_the_cluster_and_is_largest_where_all_are_alike():
    nuclei, background = torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.0])
    halves = neighbourhood_density(torch.stack([nuclei] * 4 + [background] * 4)).item()
    alike = neighbourhood_density(torch.stack([nuclei] * 8)).item()
    assert halves == pytest.approx(math.log(3), abs=1e-4)
    assert alike == pytest.approx(math.log(7))


def test_one_pixel_has_no_neighbours():
    with pytest.raises(ValueError, match="vectors must be >= 2 pixels, got 1"):
        neighbourhood_density(torch.ones(1, 2))
