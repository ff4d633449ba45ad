"""What a domain brings to an iteration, and which pairs a loss can use."""

from __future__ import annotations

import pytest
import torch

from mani_monai.losses import AdaptationLoss, DomainBatch, nuclei_logits, usable_pairs


def domain(nuclei: torch.Tensor, labelled: bool = False) -> DomainBatch:
    """A batch of B1HW nuclei, as its label or as its pseudo-label."""
    logits = torch.cat([1 - nuclei, nuclei], dim=1)
    label = nuclei if labelled else None
    return DomainBatch(torch.zeros(len(nuclei), 3, *nuclei.shape[2:]), logits, logits, logits, label=label)


class Zero(AdaptationLoss):
    """A loss that is nothing but its interface."""

    def forward(self, source, target, network):
        return torch.zeros(())


def test_nuclei_are_the_label_where_there_is_one():
    logits = torch.tensor([[[[2.0, 0.0]], [[0.0, 2.0]]]])
    batch = DomainBatch(torch.zeros(1, 3, 1, 2), logits, logits, logits)
    assert batch.nuclei.tolist() == [[[[0.0, 1.0]]]]
    label = torch.tensor([[[[7.0, 0.0]]]])
    assert DomainBatch(batch.image, logits, logits, logits, label=label).nuclei.tolist() == [[[[1.0, 0.0]]]]
    one_hot = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])
    assert DomainBatch(batch.image, logits, logits, logits, label=one_hot).nuclei.tolist() == [[[[0.0, 1.0]]]]


def test_logits_of_nuclei_are_the_first_two_channels_of_their_branch():
    two, three = torch.randn(1, 2, 2, 2), torch.randn(1, 3, 2, 2)
    assert nuclei_logits(two) is two
    assert torch.equal(nuclei_logits(three), three[:, :2])
    assert torch.equal(nuclei_logits({"other": two, "nuclei": three}, "nuclei"), three[:, :2])


def test_pseudo_label_is_detached():
    logits = torch.randn(2, 2, 4, 4, requires_grad=True)
    assert not DomainBatch(torch.zeros(2, 3, 4, 4), logits, logits, logits).nuclei.requires_grad


def test_usable_pairs_need_three_masks():
    empty, full, mixed = torch.zeros(1, 4, 4), torch.ones(1, 4, 4), torch.eye(4).unsqueeze(0)
    source = domain(torch.stack([mixed, empty, full, mixed, mixed]), labelled=True)
    target = domain(torch.stack([mixed, mixed, mixed, empty, full]))
    assert source.has_nuclei.tolist() == [True, False, True, True, True]
    assert source.has_background.tolist() == [True, True, False, True, True]
    assert usable_pairs(source, target).tolist() == [True, False, False, False, True]


def test_weight_is_checked():
    assert Zero(0.25).weight == 0.25
    with pytest.raises(ValueError, match=r"weight must be >= 0, got -1\."):
        Zero(-1)


def test_a_loss_must_say_what_it_computes():
    with pytest.raises(TypeError, match="abstract"):
        AdaptationLoss()


def test_probability_is_the_softmax_with_its_gradient():
    logits = torch.tensor([[[[0.0, 1.0]], [[0.0, 3.0]]]], requires_grad=True)
    batch = DomainBatch(torch.zeros(1, 3, 1, 2), logits, logits, logits)
    torch.testing.assert_close(batch.probability, torch.tensor([[[[0.5, 1 / (1 + torch.e**-2)]]]]))
    batch.probability[..., 0].sum().backward()
    assert logits.grad[0, :, 0, 0].tolist() == [-0.25, 0.25]
