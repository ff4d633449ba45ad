"""GRL: the value by hand, the reversed gradient, its schedule, and that features lose the domain."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from ignite.engine import Engine
from monai.networks.nets import HoVerNet
from torch import nn
from toy_adaptation import TAP, ToySegmenter, adapt, gap

from mani_monai.config_index import find_config
from mani_monai.handlers import ScheduleHandler
from mani_monai.losses import DomainAdversarialLoss, DomainBatch

BUNDLES = Path(__file__).parents[2] / "bundles"


def batches(channels: int = 3) -> list[DomainBatch]:
    """Source and target of unlike sizes, whose features and tap differ."""
    torch.manual_seed(0)
    made = []
    for size in (4, 6):
        features, tap = torch.randn(2, 2, channels, size, size)
        features.requires_grad_()
        made.append(DomainBatch(features, features[:, :2], features, features, {"deep": tap.requires_grad_()}))
    return made


def seen(loss: DomainAdversarialLoss, batch: DomainBatch) -> torch.Tensor:
    return batch.features if loss.tap is None else batch.taps[loss.tap]


@pytest.mark.parametrize("tap", [None, "deep"])
def test_value_by_hand(tap):
    source, target = batches()
    loss = DomainAdversarialLoss(channels=3, tap=tap, hidden=5)
    scores = [loss.discriminator(seen(loss, batch)).detach() for batch in (source, target)]
    assert scores[0].shape == (2, 1, 4, 4)
    expected = (torch.log1p(torch.exp(-scores[0])).mean() + torch.log1p(torch.exp(scores[1])).mean()) / 2
    assert loss(source, target).item() == pytest.approx(expected.item(), abs=1e-6)


def test_discriminator_is_three_pointwise_convolutions():
    loss = DomainAdversarialLoss(channels=1024)
    layers = [layer for layer in loss.discriminator if isinstance(layer, nn.Conv2d)]
    assert [layer.weight.shape for layer in layers] == [(256, 1024, 1, 1), (256, 256, 1, 1), (1, 256, 1, 1)]


def test_a_discriminator_that_knows_nothing_scores_ln_2():
    loss = DomainAdversarialLoss(channels=3)
    nn.init.zeros_(loss.discriminator[-1].weight)
    nn.init.zeros_(loss.discriminator[-1].bias)
    assert loss(*batches()).item() == pytest.approx(math.log(2), abs=1e-6)


@pytest.mark.parametrize("strength", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("tap", [None, "deep"])
def test_discriminator_learns_in_full_and_features_the_reverse(tap, strength):
    source, target = batches()
    loss = DomainAdversarialLoss(channels=3, tap=tap, hidden=5, strength=strength)
    features = [seen(loss, batch) for batch in (source, target)]
    weights = list(loss.parameters())
    plain = [
        nn.functional.binary_cross_entropy_with_logits(scores, torch.full_like(scores, label))
        for label, scores in zip((1.0, 0.0), map(loss.discriminator, features), strict=True)
    ]
    expected = torch.autograd.grad(sum(plain) / 2, [*features, *weights])
    found = torch.autograd.grad(loss(source, target), [*features, *weights])
    assert all(gradient.any() for gradient in expected)
    for reverse, gradient in zip(found[:2], expected[:2], strict=True):
        torch.testing.assert_close(reverse, -strength * gradient)
    for same, gradient in zip(found[2:], expected[2:], strict=True):
        torch.testing.assert_close(same, gradient)


def test_nothing_but_the_named_features_gets_a_gradient():
    source, target = batches()
    loss = DomainAdversarialLoss(channels=3, tap="deep")
    loss(source, target).backward()
    for batch in (source, target):
        assert batch.features.grad is None
        assert batch.taps["deep"].grad.any()


@pytest.mark.parametrize("name", ["weight", "strength"])
def test_options_are_checked(name):
    with pytest.raises(ValueError, match=f"{name} must be >= 0, got -0.1"):
        DomainAdversarialLoss(channels=3, **{name: -0.1})


@pytest.mark.parametrize("bundle", ["mani_unet", "mani_hovernet"])
def test_overlays_schedule_is_ganins(bundle):
    overlay = json.loads(find_config(BUNDLES / bundle, "grl").read_text())
    (options,) = overlay["+train::method_handlers"]
    loss = DomainAdversarialLoss(channels=3)
    handler = ScheduleHandler(loss, options["attribute"], options["schedule"], options["value"], start=10, length=100)
    engine = Engine(lambda engine, batch: None)
    for iteration, progress in ((5, 0), (10, 0), (35, 0.25), (60, 0.5), (110, 1), (150, 1)):
        engine.state.iteration = iteration
        handler(engine)
        assert loss.strength == pytest.approx(0.1 * (2 / (1 + math.exp(-10 * progress)) - 1))


def test_hovernets_overlay_names_its_bottleneck():
    overlay = json.loads(find_config(BUNDLES / "mani_hovernet", "grl").read_text())
    options = overlay["+adaptation_losses"]["domain_adversarial"]
    assert overlay["+taps"] == [options["tap"]] == ["@bottleneck"]
    assert options["channels"] == "@bottleneck_channels"
    train = json.loads(find_config(BUNDLES / "mani_hovernet", "train").read_text())
    layer = dict(HoVerNet(mode="fast").named_modules())[train["bottleneck"]]
    assert list(layer.parameters())[-1].shape[0] == train["bottleneck_channels"] == 1024


@pytest.mark.parametrize("tap", [None, TAP])
def test_features_of_the_domains_come_together(tap):
    gaps = {"before": gap(ToySegmenter(), lambda batch: batch.features)}
    for strength in (0.0, 1.0):
        torch.manual_seed(0)
        network = adapt(DomainAdversarialLoss(channels=2, tap=tap, strength=strength, hidden=16))
        gaps[strength] = gap(network, lambda batch: batch.features)
    assert gaps["before"] == pytest.approx(1.5, abs=0.1)
    assert gaps[0.0] == gaps["before"], "no strength, no gradient"
    assert gaps[1.0] < gaps["before"] / 3
