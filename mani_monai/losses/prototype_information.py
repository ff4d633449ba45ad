"""MaNi's bound where the source is no image any more, but stored vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from .adaptation_loss import DomainBatch
from .mutual_information import MutualInformationLoss
from .mutual_information_bounds import jensen_shannon_mi


class PrototypeInformationLoss(MutualInformationLoss):
    """Negative mutual information between target nuclei and stored source vectors: source-free MaNi.

    ``E[sp(-T(z_t, z_s))] + E[sp(T(z_t, z_s'))]``, z_t pooled over predicted target nuclei, z_s a stored vector of
    source nuclei, z_s' one of source background. Every iteration draws one of each for every target image.

    Known: bound, discriminator and mean pooling are MaNi's (Equation 3).
    Chosen: a vector a class and source image, pooled before any projection, as its layer is not stored; weight .1;
    background and nuclei of one draw come from one image.
    As of Equation 1, the discriminator may look at the source's vector alone: the bound has no need of the target.

    Args:
        prototypes: "nuclei" and "background", each N vectors of K numbers, as ``metadata.json`` holds them.
        channels: K, channels of the features.
        weight: factor of the term in the total loss.
        hidden: width of the discriminator.
        confident: weight the target's pixels by the predicted probability, in place of the hard mask.

    Raises:
        ValueError: when the vectors are not as many of both classes, none, or not of K numbers.
    """

    vectors: Tensor

    def __init__(
        self,
        prototypes: Mapping[str, Sequence[Sequence[float]]],
        channels: int,
        weight: float = 0.1,
        hidden: int = 512,
        confident: bool = False,
    ) -> None:
        super().__init__(channels, weight, hidden=hidden, projection=False, confident=confident)
        nuclei, background = (torch.tensor(prototypes[name], dtype=torch.float32) for name in ("nuclei", "background"))
        if nuclei.shape != background.shape or nuclei.ndim != 2 or not len(nuclei) or nuclei.shape[1] != channels:
            given = f"{tuple(nuclei.shape)} and {tuple(background.shape)}"
            raise ValueError(f"prototypes must be as many vectors of {channels} numbers a class, got {given}.")
        self.register_buffer("vectors", torch.stack([nuclei, background]))

    def forward(self, source: DomainBatch, target: DomainBatch, network: nn.Module | None = None) -> Tensor:
        """
        Args:
            source: not used.
            target: the unlabelled batch of B images.
            network: not used.

        Returns:
            the negative bound, a scalar >= 0; 0 where no image has a predicted nucleus.
        """
        usable = target.has_nuclei
        if not usable.any():
            return target.features.sum() * 0
        anchor = self.pool(target.features, self.target_mask(target))[usable]
        drawn = torch.randint(self.vectors.shape[1], (len(anchor),), device=anchor.device)
        nuclei, background = self.vectors[:, drawn].to(anchor.dtype).unsqueeze(2)
        return -jensen_shannon_mi(*self.score(anchor, nuclei, background))
