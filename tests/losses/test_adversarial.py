"""The game of a discriminator and a network: values by hand, and who gets which gradient."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from toy_adaptation import ToySegmenter

from mani_monai.losses import (
    EntropyAdversarialLoss,
    MaskAdversarialLoss,
    OutputAdversarialLoss,
    adversarial_terms,
    domain_cross_entropy,
)
from mani_monai.networks.blocks import PatchDiscriminator

LOSSES = {OutputAdversarialLoss: 1, MaskAdversarialLoss: 1, EntropyAdversarialLoss: 2}


def softplus(value: float) -> float:
    return math.log1p(math.exp(value))


def scale_and_offset(scale: float, offset: float) -> nn.Linear:
    """A discriminator of one weight and one bias."""
    discriminator = nn.Linear(1, 1)
    nn.init.constant_(discriminator.weight, scale)
    nn.init.constant_(discriminator.bias, offset)
    return discriminator


@pytest.mark.parametrize(
    ("domain", "expected"),
    [(1, (softplus(-2) + softplus(1)) / 2), (0, (softplus(2) + softplus(-1)) / 2), (0.75, None)],
)
def test_cross_entropy_by_hand(domain, expected):
    if expected is None:
        expected = (0.75 * (softplus(-2) + softplus(1)) + 0.25 * (softplus(2) + softplus(-1))) / 2
    assert domain_cross_entropy(torch.tensor([2.0, -1.0]), domain).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_terms_and_gradients_by_hand(smoothing):
    """Scores 2 x value - 1: the source's 1 and 2 give 1 and 3, the target's 0.25 gives -0.5."""
    source = torch.tensor([[1.0], [2.0]], requires_grad=True)
    target = torch.tensor([[0.25]], requires_grad=True)
    discriminator = scale_and_offset(2.0, -1.0)
    fooling, own = adversarial_terms(discriminator, source, target, smoothing)
    of_source = [(1 - smoothing) * softplus(-score) + smoothing * softplus(score) for score in (1.0, 3.0)]
    assert fooling.item() == pytest.approx(softplus(0.5), abs=1e-6)
    assert own.item() == pytest.approx(sum(of_source) / 2 + softplus(-0.5), abs=1e-6)

    (10 * fooling + own).backward()
    sigmoid = [1 / (1 + math.exp(-score)) for score in (1.0, 3.0, -0.5)]
    errors = [(sigmoid[0] - 1 + smoothing) / 2, (sigmoid[1] - 1 + smoothing) / 2, sigmoid[2]]
    assert source.grad is None
    assert target.grad.item() == pytest.approx(10 * (sigmoid[2] - 1) * 2, rel=1e-5), "fooling alone"
    assert discriminator.bias.grad.item() == pytest.approx(sum(errors), rel=1e-5), "its own term alone"
    expected = errors[0] * 1 + errors[1] * 2 + errors[2] * 0.25
    assert discriminator.weight.grad.item() == pytest.approx(expected, rel=1e-5), "its own term alone"
    assert all(parameter.requires_grad for parameter in discriminator.parameters())


def test_maps_of_unlike_sizes_are_cut_to_the_common_one():
    torch.manual_seed(0)
    discriminator = PatchDiscriminator(1, width=2)
    source, target = torch.randn(2, 1, 64, 40), torch.randn(3, 1, 48, 64)
    terms = adversarial_terms(discriminator, source, target)
    cut = adversarial_terms(discriminator, source[..., :48, :], target[..., :40])
    assert terms == cut


def test_a_batch_norm_does_not_hide_the_difference_of_the_means():
    """Normalised apart, domains that differ by a constant alone would have the same scores."""
    torch.manual_seed(0)
    discriminator = nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 1, 1))
    nn.init.constant_(discriminator[1].weight, 5.0)
    nn.init.constant_(discriminator[1].bias, 0.0)
    source = torch.randn(4, 1, 8, 8)
    fooling, own = adversarial_terms(discriminator, source + 9, source)
    assert fooling > 4
    assert own < 0.1


@pytest.mark.parametrize("kind", LOSSES)
def test_value_and_gradients_of_every_loss(kind):
    """The network learns by the fooling term of the target alone, the discriminator by its own term alone."""
    torch.manual_seed(0)
    network, discriminator = ToySegmenter(), PatchDiscriminator(LOSSES[kind], width=2)
    loss = kind(discriminator, fooling_weight=0.5)
    source, target = network.batch(target=False), network.batch(target=True)
    logits = source.logits.requires_grad_(), target.logits
    state = torch.get_rng_state()
    value = loss(source, target, network)
    of_logits = torch.autograd.grad(value, logits, retain_graph=True, allow_unused=True)
    of_weights = torch.autograd.grad(value, list(discriminator.parameters()))

    torch.set_rng_state(state)
    maps = loss.maps(source, target)
    fooling = domain_cross_entropy(discriminator(maps[1]), 1)
    own = domain_cross_entropy(discriminator(maps[0].detach()), 1 - loss.smoothing)
    own = own + domain_cross_entropy(discriminator(maps[1].detach()), 0)
    assert value.item() == pytest.approx((0.5 * fooling + own).item(), rel=1e-5)
    assert of_logits[0] is None
    expected = torch.autograd.grad(0.5 * fooling, logits[1], retain_graph=True)[0]
    assert expected.any()
    torch.testing.assert_close(of_logits[1], expected)
    for gradient, from_own in zip(of_weights, torch.autograd.grad(own, list(discriminator.parameters())), strict=True):
        assert from_own.any()
        torch.testing.assert_close(gradient, from_own)


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize(("name", "value"), [("weight", -1), ("fooling_weight", -0.1), ("smoothing", 0.5)])
def test_options_are_checked(kind, name, value):
    with pytest.raises(ValueError, match=f"^{name} must be .*got {value}"):
        kind(nn.Identity(), **{name: value})
