"""Reconstruction of the target image from its prediction, the second part of CellSegUDA."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import instance_norm, mse_loss

from mani_monai.losses.adaptation_loss import AdaptationLoss, DomainBatch


class ReconstructionLoss(AdaptationLoss):
    """Mean squared error of target images that a second network draws from the map of nuclei (CellSegUDA, MIDL 2020).

    The prediction has to keep what the image shows, so that fooling a discriminator cannot make it arbitrary. Both
    networks learn, from target images alone. The authors' images are standardised by the mean and standard deviation of
    their data set; here each image by its own, channel by channel, for the reconstruction alone: a map of nuclei
    cannot know an image's overall colour.

    Args:
        reconstructor: B1HW maps of probability to B3HW images of the same size.
        weight: factor of the term; the authors' is 0.01.
    """

    def __init__(self, reconstructor: nn.Module, weight: float = 0.01) -> None:
        super().__init__(weight)
        self.reconstructor = reconstructor

    def forward(self, source: DomainBatch | None, target: DomainBatch, network: nn.Module | None = None) -> Tensor:
        """
        Args:
            source: not used.
            target: the unlabelled batch; its predictions have the images' size.
            network: not used.

        Returns:
            the mean squared error, a scalar >= 0; 1 for a reconstruction that is 0 everywhere.
        """
        return mse_loss(self.reconstructor(target.probability), instance_norm(target.image))
