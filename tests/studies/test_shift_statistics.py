"""Batch statistics of two domains and their distance, layer by layer; values by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.networks.nets import BasicUNet
from torch import nn

from studies.shift_statistics import (
    BASIC_UNET_DEPTHS,
    ChannelStatistics,
    distances_by_depth,
    entering_statistics,
    reestimated_network,
    reestimated_statistics,
    running_statistics,
    statistics_distance,
)


def test_distance_of_statistics_by_hand():
    found = ChannelStatistics(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 3.0]))
    reference = ChannelStatistics(torch.tensor([0.0, 6.0]), torch.tensor([4.0, 3.0]))
    distance = statistics_distance(found, reference)
    assert distance == {"mean": pytest.approx((1 / 4 + 1 / 3) / 2), "log_std": pytest.approx(np.log(2) / 2)}


def test_reestimated_statistics_are_the_images_and_leave_the_network_alone():
    network = nn.Sequential(nn.BatchNorm2d(2)).eval()
    images = torch.randn(3, 4, 2, 8, 8) * 3 + 2
    found = reestimated_statistics(network, images, torch.device("cpu"))["0"]
    torch.testing.assert_close(found.mean, images.mean(dim=(0, 1, 3, 4)))
    torch.testing.assert_close(found.std, images.transpose(1, 2).flatten(2).var(dim=2).mean(dim=0).add(1e-5).sqrt())
    assert not network.training
    assert running_statistics(network)["0"].mean.tolist() == [0, 0]


def test_what_enters_a_layer_is_normalised_by_the_statistics_in_use_before_it():
    network = nn.Sequential(nn.BatchNorm2d(1, eps=0), nn.BatchNorm2d(1, eps=0)).eval()
    network[0].running_mean += 1
    network[0].running_var *= 4
    found = entering_statistics(network, torch.tensor([[[1.0, 3.0], [5.0, 7.0]]]))
    spread = torch.tensor([1.0, 3.0, 5.0, 7.0]).std()
    assert found["0"].mean.item() == 4
    torch.testing.assert_close(found["0"].std, spread[None])
    assert found["1"].mean.item() == pytest.approx((4 - 1) / 2)
    torch.testing.assert_close(found["1"].std, spread[None] / 2)
    assert not any(layer._forward_pre_hooks for layer in network)


def test_a_reestimated_network_is_a_copy():
    network = nn.Sequential(nn.BatchNorm2d(1)).eval()
    adapted = reestimated_network(network, torch.full((2, 1, 1, 4, 4), 3.0), torch.device("cpu"))
    assert (network[0].running_mean.item(), adapted[0].running_mean.item()) == (0, 3)


def test_layers_are_averaged_by_depth():
    at = {name: ChannelStatistics(torch.zeros(2), torch.ones(2)) for name in ("down.a", "down.b", "up.a")}
    found = {
        name: ChannelStatistics(torch.full((2,), shift), torch.ones(2))
        for name, shift in zip(at, (1.0, 3.0, 5.0), strict=True)
    }
    distances = distances_by_depth(found, at, {"encoder": ["down"], "decoder": ["up"]})
    assert {depth: distance["mean"] for depth, distance in distances.items()} == {"encoder": 2, "decoder": 5}
    with pytest.raises(ValueError, match="no BatchNorm in bottleneck"):
        distances_by_depth(found, at, {"bottleneck": ["middle"]})


def test_depths_cover_every_layer_of_the_network():
    network = BasicUNet(2, 3, 2, (4,) * 6, norm="BATCH", act="RELU")
    modules = [module for names in BASIC_UNET_DEPTHS.values() for module in names]
    assert {name.split(".")[0] for name in running_statistics(network)} == set(modules)
