"""The bounds by hand and against numpy, their limits, and what a critic reaches that never sees the target."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from mani_monai.losses import (
    DomainBatch,
    MutualInformationLoss,
    donsker_varadhan_mi,
    info_nce_mi,
    jensen_shannon_mi,
)
from mani_monai.networks.blocks import ConcatDiscriminator

LN2 = math.log(2)
POSITIVE = torch.tensor([1.0, 3.0])
NEGATIVE = torch.tensor([[0.0, 2.0, -1.0], [1.0, 0.5, 0.0]])


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        (jensen_shannon_mi, -np.log1p(np.exp([-1, -3])).mean() - np.log1p(np.exp(NEGATIVE.numpy())).mean()),
        (donsker_varadhan_mi, 2 - math.log(np.exp(NEGATIVE.numpy()).mean())),
        (
            info_nce_mi,
            (
                math.log(math.e / ((math.e + 1 + math.e**2 + 1 / math.e) / 4))
                + math.log(math.e**3 / ((math.e**3 + math.e + math.e**0.5 + 1) / 4))
            )
            / 2,
        ),
    ],
)
def test_bounds_by_hand(bound, expected):
    assert bound(POSITIVE, NEGATIVE).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("bound", "nothing"), [(jensen_shannon_mi, -2 * LN2), (donsker_varadhan_mi, 0), (info_nce_mi, 0)]
)
def test_equal_scores_know_nothing(bound, nothing):
    assert bound(torch.zeros(4), torch.zeros(4, 3)).item() == pytest.approx(nothing, abs=1e-6)


@pytest.mark.parametrize(
    ("bound", "limit"), [(jensen_shannon_mi, 0), (info_nce_mi, math.log(4)), (donsker_varadhan_mi, 2000)]
)
def test_a_perfect_critic_reaches_the_limit(bound, limit):
    """Jensen-Shannon's is 0 and InfoNCE's ln(M + 1); Donsker-Varadhan's is the range of the scores."""
    value = bound(torch.full((5,), 1000.0), torch.full((5, 3), -1000.0))
    assert value.item() == pytest.approx(limit, abs=1e-4)


@pytest.mark.parametrize("bound", [donsker_varadhan_mi, info_nce_mi])
def test_a_constant_added_to_every_score_changes_nothing(bound):
    value = bound(POSITIVE, NEGATIVE).item()
    assert bound(POSITIVE + 7, NEGATIVE + 7).item() == pytest.approx(value, abs=1e-5)
    assert bound(POSITIVE + 7, NEGATIVE).item() != pytest.approx(value, abs=0.1)


@pytest.mark.parametrize("negatives", [1, 7, 63])
def test_info_nce_stays_below_the_logarithm_of_its_candidates(negatives):
    torch.manual_seed(0)
    values = [info_nce_mi(scale * torch.rand(8), -scale * torch.rand(8, negatives)).item() for scale in (1, 10, 100)]
    assert values == sorted(values)
    assert 0 < values[0] < values[2] <= math.log(negatives + 1) + 1e-5


def test_info_nce_compares_within_a_row():
    positive, negative = torch.tensor([0.0, 50.0]), torch.tensor([[-50.0], [0.0]])
    assert info_nce_mi(positive, negative).item() == pytest.approx(LN2, abs=1e-6)


# the claim of the two forms of pairs


class BlindDiscriminator(ConcatDiscriminator):
    """A discriminator that never sees the target vector."""

    def forward(self, target, source):
        return super().forward(torch.zeros_like(target), source)


def toy_batches() -> tuple[DomainBatch, DomainBatch]:
    """Eight images a domain; nuclei and background differ, alike in both domains."""
    torch.manual_seed(0)
    batches = []
    for labelled in (True, False):
        nuclei = torch.zeros(8, 1, 4, 4)
        nuclei[..., :2] = 1
        features = torch.randn(8, 4, 4, 4) * 0.3 + (2 * nuclei - 1)
        logits = torch.cat([1 - nuclei, nuclei], dim=1)
        batches.append(DomainBatch(features[:, :3], logits, features, logits, label=nuclei if labelled else None))
    return batches[0], batches[1]


def best_bound(pairs: str, discriminator: nn.Module, bound: str = "jensen_shannon") -> float:
    """The largest bound that a discriminator comes to on the toy within 80 steps."""
    source, target = toy_batches()
    loss = MutualInformationLoss(4, projection=False, pairs=pairs, bound=bound, discriminator=discriminator)
    optimizer = torch.optim.Adam(loss.parameters(), lr=0.03)
    best = -math.inf
    for _ in range(80):
        optimizer.zero_grad()
        term = loss(source, target)
        term.backward()
        optimizer.step()
        best = max(best, -term.item())
    return best


def test_papers_pairs_need_no_target_and_both_classes_do():
    torch.manual_seed(1)
    blind, looking = (lambda: BlindDiscriminator(4, hidden=32)), (lambda: ConcatDiscriminator(4, hidden=32))
    assert best_bound("paper", blind()) > -0.02
    assert best_bound("paper", looking()) > -0.02
    assert best_bound("both_classes", blind()) == pytest.approx(-2 * LN2, abs=0.01)
    assert best_bound("both_classes", blind()) <= -2 * LN2 + 1e-6
    assert best_bound("both_classes", looking()) > -0.05


@pytest.mark.parametrize("bound", ["donsker_varadhan", "info_nce"])
def test_the_same_of_the_other_bounds(bound):
    torch.manual_seed(1)
    assert best_bound("paper", BlindDiscriminator(4, hidden=32), bound) > 0.5
    assert best_bound("both_classes", BlindDiscriminator(4, hidden=32), bound) <= 1e-5
    assert best_bound("both_classes", ConcatDiscriminator(4, hidden=32), bound) > 0.5
