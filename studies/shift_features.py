"""How far apart the features of two domains' nuclei are, where they enter the segmentation head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mani_monai.transforms.nucleus import connected_pieces

RIDGE = 1e-3
"""Of the mean variance, added to the within-class covariance: channels may be dead."""
MOST_FOLDS = 5


@dataclass(frozen=True)
class PooledFeatures:
    """The features of an image, averaged.

    Args:
        nuclei: K, over all pixels of nuclei.
        background: K, over all others.
        each: NK, over each nucleus, a connected component of the mask.
    """

    nuclei: NDArray[np.float64]
    background: NDArray[np.float64]
    each: NDArray[np.float64]


def head_features(network: nn.Module, head: str, infer: Callable[[Tensor, nn.Module], Tensor], image: Tensor) -> Tensor:
    """What enters a layer of a network for an image.

    Args:
        network: in evaluation mode.
        head: name of the layer.
        infer: calls the network, e.g. an inferer.
        image: CHW.

    Returns:
        KHW.
    """
    kept = []
    hook = network.get_submodule(head).register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0]))
    try:
        with torch.no_grad():
            infer(image[None], network)
    finally:
        hook.remove()
    return kept[0][0]


def pool_features(features: NDArray[np.floating], nuclei: NDArray[np.bool_]) -> PooledFeatures:
    """Averages features over nuclei, background and each nucleus.

    Args:
        features: KHW.
        nuclei: HW, neither empty nor full.
    """
    components, count = connected_pieces(nuclei)
    flat = components.ravel()
    sums = np.stack([np.bincount(flat, channel.ravel(), count + 1) for channel in features], axis=1)
    areas = np.bincount(flat, minlength=count + 1)[:, None]
    return PooledFeatures(sums[1:].sum(axis=0) / areas[1:].sum(), sums[0] / areas[0], sums[1:] / areas[1:])


def separation(source: Sequence[PooledFeatures], target: Sequence[PooledFeatures]) -> dict[str, float]:
    """How far apart two domains are in feature space, beside how far apart nuclei and background are.

    Args:
        source: images of the source.
        target: images of the target.

    Returns:
        ``nuclei``, distance of the domains' mean nuclei features, and ``background``, of their mean background
        features, both over the mean distance of nuclei and background within a domain; ``domain_accuracy``.
    """
    means = {
        (domain, part): np.mean([getattr(image, part) for image in images], axis=0)
        for domain, images in (("source", source), ("target", target))
        for part in ("nuclei", "background")
    }
    within = np.mean(
        [np.linalg.norm(means[domain, "nuclei"] - means[domain, "background"]) for domain in ("source", "target")]
    )
    ratios = {
        part: float(np.linalg.norm(means["source", part] - means["target", part]) / within)
        for part in ("nuclei", "background")
    }
    accuracy = domain_accuracy([image.each for image in source], [image.each for image in target])
    return {**ratios, "domain_accuracy": accuracy}


def domain_accuracy(source: Sequence[NDArray[np.float64]], target: Sequence[NDArray[np.float64]]) -> float:
    """Share of nuclei whose domain a linear discriminant tells from their features; 0.5 is chance.

    Cross-validated with whole images held out, and the mean of both domains' shares, so that the domain with more
    nuclei counts no more.

    Args:
        source: NK features of each image.
        target: NK features of each image.

    Returns:
        the share; nan where a domain has fewer than two images.
    """
    folds = min(len(source), len(target), MOST_FOLDS)
    if folds < 2:
        return float("nan")
    correct: tuple[list[NDArray[np.bool_]], ...] = ([], [])
    for fold in range(folds):
        kept = [np.concatenate([x for i, x in enumerate(images) if i % folds != fold]) for images in (source, target)]
        direction, threshold = linear_discriminant(*kept)
        for domain, images in enumerate((source, target)):
            held_out = np.concatenate(images[fold::folds])
            correct[domain].append((held_out @ direction > threshold) == bool(domain))
    return float(np.mean([np.concatenate(part).mean() for part in correct]))


def linear_discriminant(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Fisher's linear discriminant for classes of equal weight.

    ``direction = (S_w + ridge)^-1 (mean_second - mean_first)``, S_w the mean of both covariances; the threshold is
    half-way between the projected means.

    Args:
        first: NK.
        second: MK.

    Returns:
        the direction, K, and the threshold: a sample x is of the second class where ``x @ direction > threshold``.
    """
    means = first.mean(axis=0), second.mean(axis=0)
    within = (np.cov(first, rowvar=False, bias=True) + np.cov(second, rowvar=False, bias=True)).reshape(
        len(means[0]), -1
    ) / 2
    ridge = RIDGE * np.trace(within) / len(within) + 1e-12
    direction = np.linalg.solve(within + ridge * np.eye(len(within)), means[1] - means[0])
    return direction, float(direction @ (means[0] + means[1]) / 2)
