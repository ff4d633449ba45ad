"""Batch statistics re-estimated on target images, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from monai.engines import SupervisedEvaluator
from refusals import refusing
from torch import nn

from mani_monai.handlers import AdaBNHandler


@pytest.fixture
def network() -> nn.Sequential:
    """A network whose BatchNorm sees the images as they are, and holds other statistics."""
    network = nn.Sequential(nn.BatchNorm2d(3, momentum=0.3), nn.Conv2d(3, 2, 1))
    with torch.no_grad():
        network[0](torch.randn(4, 3, 5, 5) * 9 + 5)
    return network


def evaluate(network: nn.Module, batches: list[dict], key: str = "image") -> SupervisedEvaluator:
    evaluator = SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=[{"image": torch.ones(1, 3, 4, 4), "label": torch.ones(1, 1, 4, 4)}],
        network=network,
        val_handlers=[AdaBNHandler(network, batches, key)],
        decollate=False,
    )
    evaluator.run()
    return evaluator


@pytest.mark.parametrize("training", [True, False])
def test_statistics_are_the_batches_equally_weighted(network, training):
    network.train(training)
    weights = [parameter.clone() for parameter in network.parameters()]
    batches = [{"target_image": torch.rand(2, 3, 6, 7) * scale} for scale in (1, 2, 3)]
    evaluator = evaluate(network, batches, "target_image")

    values = [batch["target_image"].numpy() for batch in batches]
    mean = np.mean([value.mean(axis=(0, 2, 3)) for value in values], axis=0)
    variance = np.mean([value.var(axis=(0, 2, 3), ddof=1) for value in values], axis=0)
    np.testing.assert_allclose(network[0].running_mean, mean, rtol=1e-5)
    np.testing.assert_allclose(network[0].running_var, variance, rtol=1e-4)
    assert all(torch.equal(*pair) for pair in zip(weights, network.parameters(), strict=True))
    assert network[0].momentum == 0.3

    image = torch.ones(1, 3, 4, 4)
    normed = (image - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(variance + 1e-5).sqrt().view(1, 3, 1, 1)
    torch.testing.assert_close(evaluator.state.output["pred"], network[1](normed).detach(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_share_of_the_source_stays(network, share):
    source = {name: buffer.clone() for name, buffer in network.named_buffers()}
    images = torch.rand(2, 3, 6, 7)
    engine = Engine(lambda *_: None)
    engine.state.device = torch.device("cpu")
    AdaBNHandler(network, [{"image": images}], source_share=share)(engine)

    target = {"0.running_mean": images.mean((0, 2, 3)), "0.running_var": images.var((0, 2, 3))}
    for name, value in target.items():
        expected = share * source[name] + (1 - share) * value
        torch.testing.assert_close(network.get_buffer(name), expected, rtol=1e-4, atol=1e-6)


def test_a_share_outside_its_range_is_refused(network):
    with pytest.raises(ValueError, match=r"source_share must be in 0\.\.1, got 1\.5"):
        AdaBNHandler(network, [], source_share=1.5)


def test_no_gradient_is_kept(network):
    evaluate(network, [{"image": torch.rand(2, 3, 6, 6)}])
    assert all(parameter.grad is None for parameter in network.parameters())


def test_every_evaluation_starts_anew(network):
    batches = [{"image": torch.rand(2, 3, 6, 6)}]
    evaluate(network, batches)
    first = network[0].running_mean.clone()
    evaluate(network, batches)
    assert torch.equal(first, network[0].running_mean)


def test_a_trainer_gets_them_at_its_end(network):
    before = network[0].running_mean.clone()
    handler = AdaBNHandler(network, [{"image": torch.rand(2, 3, 6, 6)}], event="completed")
    seen = []
    engine = Engine(lambda *_: seen.append(network[0].running_mean.clone()))
    engine.state.device = torch.device("cpu")  # MONAI's trainers have one
    handler.attach(engine)
    engine.run([0, 1])
    assert torch.equal(seen[0], before)
    assert torch.equal(seen[1], before)
    assert not torch.equal(network[0].running_mean, before)


def test_a_target_without_tissue_is_refused(network):
    before, glass = network[0].running_mean.clone(), torch.zeros(1, 1, 6, 6)
    batches = [{"image": torch.rand(1, 3, 6, 6), "target_tissue": glass}]
    with refusing("no batch of its images has 1% of tissue, .*; name images that show tissue"):
        evaluate(network, batches)
    assert torch.equal(network[0].running_mean, before)


def test_a_network_without_batch_statistics_is_refused_before_anything_is_trained():
    """Nothing would be estimated, and the result would say that it was."""
    for norm in (nn.InstanceNorm2d(3), nn.BatchNorm2d(3, track_running_stats=False)):
        with refusing("the network has no batch statistics to estimate again; leave out adabn"):
            AdaBNHandler(nn.Sequential(norm, nn.Conv2d(3, 2, 1)), [], event="completed")


def test_an_unknown_event_is_refused(network):
    with pytest.raises(ValueError, match="'finished' is not a valid Events"):
        AdaBNHandler(network, [], event="finished")
