"""Images of any size through a network that takes any size: a large one's answer is that of one pass."""

from __future__ import annotations

import pytest
import torch
from monai.networks.nets import BasicUNet

from mani_monai.inferers import AutocastInferer, WholeImageInferer
from mani_monai.inferers.folded_unet import FoldedUNet


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = BasicUNet(2, 3, 2, [16, 16, 16, 16, 16, 16], act="RELU", norm="BATCH").eval()
    return network.to(memory_format=torch.channels_last)


@pytest.mark.parametrize(("precision", "blocked"), [("float32", True), ("bfloat16", True), ("bfloat16", False)])
def test_parts_of_a_large_image_have_the_answer_of_one_pass(network, monkeypatch, precision, blocked):
    images = torch.rand(1, 3, 230, 401, generator=torch.Generator().manual_seed(1))
    ask = AutocastInferer(precision, channels_last=True, inferer=WholeImageInferer())
    if not blocked:
        monkeypatch.setattr(FoldedUNet, "of", lambda *options: None)
    with torch.inference_mode():
        whole = ask(images, network)
        monkeypatch.setattr("mani_monai.transforms.rescaling.MOST_WHOLE", 1)
        for name, value in {"MOST_BLOCKED": 1, "CORE": 128, "CORE_BLOCKED": 112}.items():
            monkeypatch.setattr(f"mani_monai.inferers.whole_image_inferer.{name}", value)
        torch.testing.assert_close(ask(images, network), whole, rtol=0, atol=0)


def test_a_large_image_needs_a_module(monkeypatch):
    monkeypatch.setattr("mani_monai.transforms.rescaling.MOST_WHOLE", 1)
    with pytest.raises(TypeError, match="network must be a module for images of 20x30, got function"):
        WholeImageInferer()(torch.zeros(1, 3, 20, 30), lambda images: images)
