"""What a prediction says of its own quality, without a label."""

from __future__ import annotations

import torch
from torch import Tensor


def binary_entropy(probability: Tensor) -> Tensor:
    """Entropy of nuclei or background at each pixel, in nats: 0 where the network is sure, log 2 where it is not.

    Args:
        probability: of nuclei, any shape.

    Returns:
        entropies of the same shape.
    """
    return torch.special.entr(probability) + torch.special.entr(1 - probability)


def prediction_information(probability: Tensor) -> Tensor:
    """Information of a pixel on its class within an image, in nats: sure at every pixel, but not alike at all pixels.

    Entropy of the image's mean prediction minus the mean of its pixels' entropies, the objective of regularised
    information maximisation (Krause et al. 2010). A prediction of one class everywhere scores 0.

    Args:
        probability: B1HW, of nuclei.

    Returns:
        B scores in 0..log 2; larger is better.
    """
    pixels = probability.flatten(1)
    return binary_entropy(pixels.mean(dim=1)) - binary_entropy(pixels).mean(dim=1)


def mask_agreement(one: Tensor, other: Tensor) -> Tensor:
    """Dice of the masks that two predictions of the same image give.

    Two empty masks agree in nothing that could be wrong: they count as 0, so that a network which finds no nucleus
    is not called consistent.

    Args:
        one: B1HW, probability of nuclei.
        other: B1HW, the same of another pass.

    Returns:
        B scores in 0..1; larger is better.
    """
    masks = (one.flatten(1) > 0.5, other.flatten(1) > 0.5)
    common = (masks[0] & masks[1]).sum(dim=1)
    pixels = masks[0].sum(dim=1) + masks[1].sum(dim=1)
    return 2 * common / pixels.clamp(min=1)


def neighbourhood_density(vectors: Tensor, temperature: float = 0.05) -> Tensor:
    """Soft neighbourhood density (Saito et al., ICCV 2021): how many close neighbours a prediction has on average.

    The cosine similarities of each vector to the others become a distribution over them (a softmax); its entropy is
    large where many are equally near, as in a tight cluster.

    Args:
        vectors: NK, N > 1 pixels' softmax outputs.
        temperature: of the softmax over neighbours; 0.05 in the paper.

    Returns:
        the mean entropy in nats, a scalar in 0..log(N - 1); larger is better. It is largest where all vectors are
        alike, as those of a network that has collapsed to one class.

    Raises:
        ValueError: when there are fewer than two vectors.
    """
    if len(vectors) < 2:
        raise ValueError(f"vectors must be >= 2 pixels, got {len(vectors)}.")
    directions = torch.nn.functional.normalize(vectors, dim=1)
    similarity = directions @ directions.T / temperature
    similarity.fill_diagonal_(-torch.inf)
    return torch.special.entr(similarity.softmax(dim=1)).sum(dim=1).mean()
