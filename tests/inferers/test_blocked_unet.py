"""A U-Net in blocks: MONAI's own answer, whatever the blocks and whatever part of an image it sees."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from monai.networks.nets import BasicUNet

from mani_monai.inferers.blocked_unet import blocked_unet
from mani_monai.inferers.folded_unet import FoldedUNet


def unet(features=(16, 16, 32, 64, 128, 16), **options):
    torch.manual_seed(0)
    network = BasicUNet(2, 3, 2, features, **{"act": "RELU", "norm": "BATCH", **options})
    for name, value in network.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            value.add_(torch.rand_like(value))
    return network.eval()


def image(height, width):
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(height))


@pytest.mark.parametrize("size", [(16, 17), (31, 300), (97, 130), (140, 267)])
@pytest.mark.parametrize("options", [{}, {"features": [4] * 6, "act": "LEAKYRELU"}])
def test_the_answer_is_that_of_the_network(size, options):
    network, images = unet(**options), image(*size)
    with torch.inference_mode():
        torch.testing.assert_close(blocked_unet(FoldedUNet.of(network), images), network(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_strips_of_all_sizes_give_the_same_values(monkeypatch, dtype):
    folded, images, found = FoldedUNet.of(unet(), dtype), image(211, 301), []
    for rows, widest in ((64, 64), (130, 512), (512, 512)):
        monkeypatch.setattr("mani_monai.inferers.blocked_unet.STRIP", rows * min(301, widest))
        monkeypatch.setattr("mani_monai.inferers.blocked_unet.WIDEST", widest)
        with torch.inference_mode():
            found.append(blocked_unet(folded, images))
    assert torch.equal(found[0], found[2])
    assert torch.equal(found[1], found[2])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_finest_level_that_is_kept_has_the_values_of_one_that_is_computed_twice(monkeypatch, dtype):
    folded, images, calls = FoldedUNet.of(unet(), dtype), image(300, 301), []
    finest = folded.encoders[0]
    counting = lambda maps: calls.append(1) or finest(maps)  # noqa: E731
    folded = replace(folded, encoders=(counting, *folded.encoders[1:]))
    with torch.inference_mode():
        kept = blocked_unet(folded, images)
        once = len(calls)
        monkeypatch.setattr("mani_monai.inferers.blocked_unet.MOST_KEPT", 300 * 301 - 1)
        assert torch.equal(kept, blocked_unet(folded, images))
    assert len(calls) == 3 * once


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_part_has_the_values_of_the_whole(dtype):
    folded, images = FoldedUNet.of(unet(), dtype), image(272, 400)
    with torch.inference_mode():
        whole, part = blocked_unet(folded, images), blocked_unet(folded, images[:, :, :, 64:320])
    assert torch.equal(part[..., 112:144], whole[..., 176:208])
