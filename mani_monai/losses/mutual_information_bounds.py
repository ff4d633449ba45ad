"""Lower bounds on mutual information, from a critic's scores of pairs that belong together and of pairs that do not.

Each function takes the scores T of P positive pairs (joint distribution) and of negative pairs (product of the
marginals) and gives a scalar to maximise.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus


def jensen_shannon_mi(positive: Tensor, negative: Tensor) -> Tensor:
    """Jensen-Shannon lower bound on mutual information, up to a constant (MaNi, equation 3).

    ``E[-softplus(-T(positive))] - E[softplus(T(negative))]``

    Args:
        positive: scores T of pairs from the joint distribution, any shape.
        negative: scores T of pairs from the product of the marginals, any shape.

    Returns:
        the bound, a scalar <= 0, to maximise; -2 ln 2 for a discriminator that knows nothing.
    """
    return -softplus(-positive).mean() - softplus(negative).mean()


def donsker_varadhan_mi(positive: Tensor, negative: Tensor) -> Tensor:
    """Donsker-Varadhan lower bound on mutual information, in nats (MINE, Belghazi et al. 2018).

    ``E[T(positive)] - ln E[exp(T(negative))]``. A constant added to every score changes nothing. On a batch it has no
    limit but the range of the scores, so its gradient does not fade; a critic of limited range keeps it finite.

    Args:
        positive: scores T of pairs from the joint distribution, any shape.
        negative: scores T of pairs from the product of the marginals, any shape.

    Returns:
        the bound, a scalar; 0 for a critic that knows nothing.
    """
    return positive.mean() - torch.logsumexp(negative.flatten(), dim=0) + math.log(negative.numel())


def info_nce_mi(positive: Tensor, negative: Tensor) -> Tensor:
    """InfoNCE lower bound on mutual information, in nats (van den Oord et al. 2018).

    ``E[ln(exp(T(positive)) / mean(exp T))]``, the mean over a positive and the M negatives of the same anchor.

    Args:
        positive: P scores T.
        negative: PxM scores T; row p holds the negatives of positive p.

    Returns:
        the bound, a scalar <= ln(M + 1); 0 for a critic that knows nothing.
    """
    candidates = torch.cat([positive.unsqueeze(1), negative], dim=1)
    return (positive - torch.logsumexp(candidates, dim=1)).mean() + math.log(candidates.shape[1])
