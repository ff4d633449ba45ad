"""Scores of a network on unlabelled target images, by which weights are chosen where nobody has target labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.inferers import Inferer
from monai.networks.utils import eval_mode
from monai.transforms import CenterSpatialCrop
from torch import Tensor, nn
from torch.nn.functional import interpolate

from mani_monai.evaluation.label_free_criteria import (
    CRITERIA,
    DEFAULT_CRITERION,
    SHARE,
    Name,
    best_weights,
    check_criterion,
)
from mani_monai.losses.adaptation_loss import nuclei_logits
from mani_monai.transforms.colour_jitter import jitter_stains
from mani_monai.transforms.perturbations import Symmetry

TURN = Symmetry(quarter_turns=1, reflected=True)
STAINS = ((1.2, 0.8, 1.0), (0.8, 1.2, 1.0))
"""Factors of haematoxylin, eosin and DAB: within what laboratories differ in."""
GRID = 16
"""Pixels a side and image whose neighbourhood density is measured."""


def evenly_taken(items: Sequence[Any], count: int) -> list[Any]:
    """``count`` items, evenly spread over a list from its first to its last; all where there are no more."""
    numbers = np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)
    return [items[number] for number in numbers]


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


class LabelFreeScorer:
    """Scores a network, as it is, on a few unlabelled images: every one of ``CRITERIA`` and the share of nuclei.

    Four passes an image: as it is, turned and reflected, and in two other stainings. Nothing is drawn at random.

    Args:
        network: the network.
        inferer: what runs it on whole images.
        images: items with "image", 3HW in 0..1 as the network is shown it, and, where there is preprocessing,
            "decoded", 3HW in 0..255 before it, whose middle the image is; labels are not read.
        device: where to run it.
        branch: key of the nuclei logits where the network's output is a dictionary.
        criterion: one of ``CRITERIA``, which ``best`` follows.
        preprocessing: the declared steps that the images went through, on values of 0..255. Decoded pictures are
            stained differently and go through them, once.
        scored: called after each image, say to move a progress bar.

    Raises:
        ValueError: when there is no image, or the criterion is unknown; when called, if "decoded" is missing.
    """

    def __init__(
        self,
        network: nn.Module,
        inferer: Inferer,
        images: Sequence[Mapping[str, Tensor]],
        device: torch.device | str = "cpu",
        branch: str | None = None,
        criterion: str = DEFAULT_CRITERION,
        preprocessing: Sequence[Callable[[dict[str, Any]], Mapping[str, Any]]] = (),
        scored: Callable[[], object] = lambda: None,
    ) -> None:
        check_criterion(criterion)
        if not len(images):
            raise ValueError("images must hold at least one image.")
        self.network = network
        self.inferer = inferer
        self.images = images
        self.device = device
        self.branch = branch
        self.criterion = criterion
        self.preprocessing = preprocessing
        self.scored = scored

    def __call__(self) -> dict[str, float]:
        """
        Returns:
            means over images by criterion, and ``nuclei_share``, the share of pixels that are predicted nuclei.
        """
        scores, pixels = [], []
        with eval_mode(self.network):
            for item in self.images:
                image = item["image"].unsqueeze(0).to(self.device)
                plain = self._nuclei(image)
                scores.append(self._scores(image, plain, item.get("decoded")))
                pixels.append(interpolate(plain, (GRID, GRID), mode="nearest-exact").flatten())
                self.scored()
        means = {name: float(np.mean([score[name] for score in scores])) for name in scores[0]}
        nuclei = torch.cat(pixels)
        means["density"] = neighbourhood_density(torch.stack([1 - nuclei, nuclei], dim=1)).item()
        return {name: means[name] for name in (*CRITERIA, SHARE)}

    def best(self, scores: Mapping[Name, Mapping[str, float]]) -> Name:
        """``best_weights`` by this scorer's criterion."""
        return best_weights(scores, self.criterion)

    def _nuclei(self, image: Tensor) -> Tensor:
        """The 11HW probability of nuclei in a 13HW image."""
        return nuclei_logits(self.inferer(image, self.network), self.branch).softmax(dim=1)[:, 1:2]

    def _stained(self, image: Tensor, scale: tuple[float, ...], decoded: Tensor | None) -> Tensor:
        """A 13HW image in another staining, as the network would be shown it."""
        change = torch.tensor(scale), torch.zeros(3)
        if not self.preprocessing:
            return jitter_stains(image, *change)
        if decoded is None:
            raise ValueError('images must hold "decoded" where there is preprocessing.')
        stained = jitter_stains(decoded.float() / 255, *change) * 255
        shown = stained if decoded.is_floating_point() else stained.round().to(decoded.dtype)
        for step in self.preprocessing:
            shown = step({"image": shown})["image"]
        return CenterSpatialCrop(image.shape[2:])(shown)[None].to(image) / 255

    def _scores(self, image: Tensor, plain: Tensor, decoded: Tensor | None) -> dict[str, float]:
        """What one image gives by itself."""
        turned = TURN.undo(self._nuclei(TURN.apply(image)))
        stained = [self._nuclei(self._stained(image, scale, decoded)) for scale in STAINS]
        return {
            "entropy": binary_entropy(plain).mean().item(),
            "information": prediction_information(plain).item(),
            "symmetry": mask_agreement(plain, turned).item(),
            "stain": float(np.mean([mask_agreement(plain, other).item() for other in stained])),
            SHARE: (plain > 0.5).float().mean().item(),
        }
