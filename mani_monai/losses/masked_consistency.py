"""Consistency of a student that sees parts of an image with a teacher's hard labels."""

from __future__ import annotations

from collections.abc import Sequence

from monai.inferers import Inferer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from .consistency import ConsistencyLoss, Perturbation


class MaskedConsistencyLoss(ConsistencyLoss):
    """Cross-entropy of the student on a masked image against its teacher's hard label (MIC, Hoyer et al. 2023).

    One weight for all pixels of the batch: the fraction of them on which the teacher is confident (DAFormer). The mask
    is a perturbation (``BlockMask``), after those of colour. MIC adds this term to DAFormer's own on whole target
    images; here it stands alone, without that term, ClassMix, feature distance and rare class sampling.

    Args:
        teacher: a copy of the network; its ``requires_grad`` is switched off.
        perturbations: called in turn with the student's B3HW images.
        inferer: runs both networks; a plain forward pass by default.
        confidence: the teacher's probability of its label above which a pixel is confident.
        weight: factor of the term in the total loss.
        branch: key of the nuclei logits where the network's output is a dictionary.
        batch_statistics: whether the teacher normalises by the statistics of its batch.

    Raises:
        ValueError: when ``confidence`` is not in 0..1.
    """

    def __init__(
        self,
        teacher: nn.Module,
        perturbations: Sequence[Perturbation] = (),
        inferer: Inferer | None = None,
        confidence: float = 0.968,
        weight: float = 1.0,
        branch: str | None = None,
        batch_statistics: bool = True,
    ) -> None:
        super().__init__(teacher, perturbations, inferer, False, weight, branch, batch_statistics)
        if not 0 <= confidence <= 1:
            raise ValueError(f"confidence must be in 0..1, got {confidence}.")
        self.confidence = confidence

    def compare(self, logits: Tensor, probability: Tensor) -> Tensor:
        """Returns the term, a scalar, of the student's B2HW logits and the teacher's B2HW probabilities."""
        certainty, label = probability.max(dim=1)
        return (certainty > self.confidence).float().mean() * cross_entropy(logits, label)
