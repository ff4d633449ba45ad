"""Passes that leave a network's batch statistics, modes and weights as they found them."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from mani_monai.networks.layers import frozen_statistics
from mani_monai.networks.layers.batch_statistics import reestimate_statistics
from mani_monai.utils import InputError


def network(training: bool = True) -> nn.Sequential:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.BatchNorm2d(4, momentum=None))
    layers(torch.rand(2, 3, 8, 8) + 1)  # running statistics of other images
    return layers.train(training)


def state(module: nn.Module) -> dict:
    modes = {name: (part.training, getattr(part, "track_running_stats", None)) for name, part in module.named_modules()}
    return {"modes": modes, **{name: value.clone() for name, value in module.state_dict().items()}}


def same(one: dict, other: dict) -> bool:
    return one["modes"] == other["modes"] and all(torch.equal(one[key], other[key]) for key in one if key != "modes")


@pytest.mark.parametrize("outer", [True, False])
@pytest.mark.parametrize("inner", [None, True, False])
def test_it_is_left_as_it_was_found(outer, inner):
    layers = network(outer)
    layers[2].eval()  # a layer of another mode
    before = state(layers)
    with frozen_statistics(layers, inner):
        layers(torch.rand(2, 3, 8, 8))
    assert same(state(layers), before)


def test_it_is_left_so_after_an_error_too():
    layers = network()
    before = state(layers)
    with pytest.raises(ZeroDivisionError), frozen_statistics(layers, training=False):
        1 / 0  # noqa: B018
    assert same(state(layers), before)


@pytest.mark.parametrize("outer", [True, False])
def test_by_the_mode_outside_its_values_are_the_usual_ones(outer):
    layers, images = network(outer), torch.rand(2, 3, 8, 8)
    layers[2].eval()
    with frozen_statistics(layers):
        result = layers(images)
    assert torch.equal(result, deepcopy(layers)(images))


@pytest.mark.parametrize("outer", [True, False])
@pytest.mark.parametrize("inner", [True, False])
def test_the_mode_inside_decides_over_batch_norm_alone(outer, inner):
    layers, images = network(outer), torch.rand(2, 3, 8, 8)
    expected = deepcopy(layers).train(inner)
    expected[2].train(outer)
    torch.manual_seed(1)
    expected = expected(images)
    torch.manual_seed(1)
    with frozen_statistics(layers, training=inner):
        result = layers(images)
    assert torch.equal(result, expected)


def test_gradients_come_through():
    layers = network()
    with frozen_statistics(layers):
        result = layers(torch.rand(2, 3, 8, 8))
    result.square().sum().backward()
    assert layers[0].weight.grad.any()
    assert layers[1].weight.grad.any()


def reestimated(layers: nn.Module, batches) -> dict:
    layers = deepcopy(layers)
    reestimate_statistics(layers, batches)
    return state(layers)


@pytest.mark.parametrize("marked", [True, False])
def test_where_all_is_tissue_the_statistics_are_torchs(marked):
    layers, images = network(), [torch.rand(2, 3, 8, 8) for _ in range(3)]
    expected = deepcopy(layers)
    torch.manual_seed(1)
    update_bn(images, expected)
    torch.manual_seed(1)
    found = reestimated(layers, [(batch, torch.ones(2, 1, 8, 8) if marked else None) for batch in images])
    assert same(found, state(expected))


def test_what_is_no_tissue_takes_no_part():
    layers = nn.Sequential(nn.BatchNorm2d(3), nn.MaxPool2d(2), nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    half, tissue = torch.rand(2, 3, 8, 8), torch.ones(2, 1, 8, 16)
    tissue[..., 8:] = 0
    expected = reestimated(layers, [(half, None)])
    for painted in (0.0, 1.0, 50.0):
        images = torch.cat([half, torch.full_like(half, painted)], dim=3)
        found = reestimated(layers, [(images, tissue)])
        for name in expected.keys() - {"modes"}:
            torch.testing.assert_close(found[name], expected[name], rtol=1e-4, atol=1e-5)
        assert found["modes"] == expected["modes"]


def test_a_map_that_was_cropped_shows_the_middle():
    """As HoVer-Net's, whose answer is smaller than its window."""
    crop = nn.ZeroPad2d(-3)
    layers, tissue = nn.Sequential(crop, nn.BatchNorm2d(3)), torch.zeros(1, 1, 16, 16)
    tissue[..., 3:13, 3:13] = 1
    images = torch.rand(1, 3, 16, 16)
    found = reestimated(layers, [(images, tissue)])
    torch.testing.assert_close(found["1.running_mean"], images[..., 3:13, 3:13].mean((0, 2, 3)))


def test_without_any_tissue_nothing_is_estimated():
    layers, tissue = network(), torch.zeros(1, 1, 20, 20)
    tissue[..., :3, 0] = 1  # of 400 pixels
    before = state(deepcopy(layers))
    for batches in ([(torch.rand(1, 3, 20, 20), tissue)], []):
        with pytest.raises(InputError, match="no batch of its images has 1% of tissue") as refusal:
            reestimate_statistics(layers, batches)
        assert "\n" not in str(refusal.value)
    assert same(state(layers), before)


def test_a_network_that_has_none_is_refused():
    with pytest.raises(InputError, match="the network has no batch statistics to estimate again"):
        reestimate_statistics(nn.Sequential(nn.Conv2d(3, 4, 1), nn.InstanceNorm2d(4)), [(torch.rand(1, 3, 8, 8), None)])


def test_a_small_map_of_full_resolution_is_the_middle_by_its_stride():
    """As of HoVer-Net "original", whose 80 pixels of 270 are no half of their size: length alone would say so."""
    layers, tissue = nn.Sequential(nn.ZeroPad2d(-6), nn.BatchNorm2d(3)), torch.zeros(1, 1, 16, 16)
    tissue[..., 6:8, 6:8] = 1
    images = torch.rand(1, 3, 16, 16)
    found = reestimated(layers, [(images, tissue), (images, tissue)])
    torch.testing.assert_close(found["1.running_mean"], images[0, :, 6:8, 6:8].mean((1, 2)))


def test_a_map_that_sees_no_tissue_counts_whole():
    layers, tissue = nn.Sequential(nn.ZeroPad2d(-3), nn.BatchNorm2d(3)), torch.zeros(1, 1, 16, 16)
    tissue[..., :2, :] = 1
    images = torch.rand(1, 3, 16, 16)
    found = reestimated(layers, [(images, tissue)])
    torch.testing.assert_close(found["1.running_mean"], images[..., 3:13, 3:13].mean((0, 2, 3)))
