"""The cross-entropy of a ``DiceCELoss`` where pixels count differently."""

from __future__ import annotations

from monai.losses import DiceCELoss
from torch import Tensor
from torch.nn.functional import cross_entropy

_LEAST = 1e-12


def pixel_cross_entropy(loss: DiceCELoss, logits: Tensor, mask: Tensor, factor: Tensor) -> Tensor:
    """The weighted mean over pixels, with the loss's own weights of classes and smoothing of labels.

    Args:
        loss: whose options count.
        logits: BCHW.
        mask: B1HW classes.
        factor: BHW, how much each pixel counts, >= 0.

    Returns:
        a scalar >= 0; 0 where no pixel counts, and that of the loss where all count alike.
    """
    own, classes = loss.cross_entropy, mask[:, 0].long()
    entropy = cross_entropy(logits, classes, own.weight, reduction="none", label_smoothing=own.label_smoothing)
    total = factor if own.weight is None else factor * own.weight[classes]
    return (entropy * factor).sum() / total.sum().clamp(min=_LEAST)
