"""Strides of maps as the networks of this project make them."""

from __future__ import annotations

import pytest
import torch
from monai.networks.nets import BasicUNet, HoVerNet
from torch import nn

from mani_monai.networks.layers.batch_statistics import reestimate_statistics
from mani_monai.networks.layers.map_strides import MapStrides, stride_of
from mani_monai.networks.nets import LightHoVerNet
from mani_monai.utils import InputError

WEIGHTS = torch.rand(8, 3, 4, 4)


def strides(network: nn.Module, edge: int) -> dict[str, tuple[int, float]]:
    """Length and stride of what enters each BatchNorm."""
    seen = {}
    for name, layer in network.named_modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.register_forward_pre_hook(
                lambda layer, given, name=name: seen.update({name: (given[0].shape[-1], stride_of(given[0]))})
            )
    image = torch.rand(1, 3, edge, edge)
    with torch.no_grad(), MapStrides(image):
        network(image)
    return seen


@pytest.mark.parametrize(("mode", "edge", "lengths"), [("fast", 256, (46, 82, 164)), ("original", 270, (30, 40, 80))])
def test_hovernet(mode, edge, lengths):
    """Of "original", lengths alone would say 8, 4 and 2 for the last three."""
    found = strides(HoVerNet(mode=mode, in_channels=3), edge)
    branch = "horizontal_vertical"
    names = ("decoder_blocks.decoderblock1.bna_block.bn", "decoder_blocks.decoderblock2.bna_block.bn")
    last = [found[f"{branch}.{name}"] for name in (*names, "output_features.decoderblock4.bn")]
    assert last == list(zip(lengths, (4, 2, 1), strict=True))
    deepest = {stride for name, (_, stride) in found.items() if name.startswith("res_blocks.d3")}
    assert deepest == {4, 8}, "its first unit halves what the block before gave"
    assert found["conv0.bn"][1] == 1


def test_the_light_one_whose_answer_is_less_than_half_of_its_window():
    found = strides(LightHoVerNet((4,) * 6, output=20), 64)
    assert {found[f"{branch}.block.adn.N"] for branch in ("nucleus_prediction", "horizontal_vertical")} == {(20, 1)}
    assert found["trunk.down_4.convs.conv_1.adn.N"] == (4, 16)


@pytest.mark.parametrize("upsample", ["deconv", "nontrainable"])
def test_a_unet_of_an_edge_that_is_no_multiple_of_16(upsample):
    found = strides(BasicUNet(2, 3, 2, (4,) * 6, norm="BATCH", upsample=upsample), 50)
    encoder = [found[f"{name}.conv_0.adn.N"] for name in ("conv_0", *(f"down_{n}.convs" for n in range(1, 5)))]
    assert encoder == [(50, 1), (25, 2), (12, 4), (6, 8), (3, 16)]
    assert [found[f"upcat_{n}.convs.conv_1.adn.N"] for n in (4, 3, 2, 1)] == [(6, 8), (12, 4), (25, 2), (50, 1)]


def test_what_is_made_of_maps_and_is_none_is_left_alone():
    network, image, tissue = nn.Sequential(nn.BatchNorm2d(3)), torch.rand(1, 3, 8, 8), torch.ones(1, 1, 8, 8)
    tissue[..., :4] = 0
    reestimate_statistics(network, [(image, tissue)])
    assert not any(vars(value) for value in (*network.buffers(), *network.parameters()))


def test_poolings_by_word_and_by_their_kernel():
    image = torch.rand(1, 3, 24, 24)
    with MapStrides(image):
        assert stride_of(nn.functional.avg_pool2d(image, kernel_size=3)) == 3
        assert stride_of(nn.functional.max_pool2d(image, 3, stride=(2, 2))) == 2
        assert stride_of(torch.cat([nn.functional.conv2d(image, torch.rand(1, 3, 2, 2), stride=2)] * 2)) == 2
        with pytest.raises(ValueError, match="must be made by torch's functions from the image"):
            stride_of(torch.rand(1, 3, 4, 4))


@pytest.mark.parametrize(
    ("function", "stride"),
    [
        (lambda image: nn.functional.adaptive_avg_pool2d(image, 8), 3),
        (lambda image: nn.functional.adaptive_max_pool2d(image, (6, 6)), 4),
        (lambda image: nn.functional.pixel_unshuffle(image, 4), 4),
        (
            lambda image: nn.functional.pixel_shuffle(nn.functional.conv2d(image, torch.rand(8, 3, 4, 4), stride=4), 2),
            2,
        ),
        (lambda image: image[..., ::2, ::2], 2),
        (lambda image: image[:, :, 2:-2, 2:-2], 1),
        (lambda image: image[:, [0, 1]], 1),
        (lambda image: nn.functional.pad(image, (1, 2, 1, 2)), 1),
        (lambda image: image.mean((2, 3), keepdim=True) * image[..., ::2, ::2], 2),
    ],
)
def test_strides_that_shapes_or_slices_tell(function, stride):
    image = torch.rand(1, 3, 24, 24)
    with MapStrides(image):
        assert stride_of(function(image)) == stride


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda image: nn.functional.grid_sample(image, torch.rand(1, 24, 24, 2), align_corners=False), "grid_sample"),
        (lambda image: image.transpose(2, 3), "transpose"),
        (lambda image: image.flip(3), "flip"),
        (lambda image: image[..., :12, :12], "__getitem__"),
        (lambda image: image[..., ::2, :], "__getitem__"),
        (lambda image: nn.functional.pad(image, (0, 8, 0, 8)), "pad"),
        (lambda image: nn.functional.max_pool2d(image, (2, 1)), "max_pool2d"),
        (lambda image: nn.functional.interpolate(image, (24, 12)), "interpolate"),
        (lambda image: nn.functional.lp_pool2d(image, 2.0, 2), "lp_pool2d"),
        (lambda image: torch.relu(image.roll(3, 2)) + 1, "roll"),
        (lambda image: image.reshape(1, 3, 576).reshape(1, 3, 18, 32), "reshape"),
    ],
)
def test_what_is_not_known_is_refused(function, name):
    image = torch.rand(1, 3, 24, 24)
    with MapStrides(image):
        made = function(image)
    with pytest.raises(InputError, match=f"the network: {name} makes maps whose places"):
        stride_of(made)


def test_statistics_of_tissue_by_a_layer_that_is_not_known_are_refused():
    class Turned(nn.Module):
        def forward(self, image):
            return image.rot90(1, (2, 3))

    network, image, tissue = nn.Sequential(Turned(), nn.BatchNorm2d(3)), torch.rand(1, 3, 8, 8), torch.ones(1, 1, 8, 8)
    tissue[..., :4] = 0
    before = network[1].running_mean.clone()
    with pytest.raises(InputError, match="rot90 makes maps"):
        reestimate_statistics(network, [(image, None), (image, tissue)])
    assert torch.equal(network[1].running_mean, before), "the first batch could be taken"
