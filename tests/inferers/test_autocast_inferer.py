"""Precision and memory layout around another inferer."""

from __future__ import annotations

import pytest
import torch
from monai.inferers import SlidingWindowInferer
from monai.networks.nets import BasicUNet

from mani_monai.inferers import AutocastInferer, autocast_inferer
from mani_monai.utils.devices import computes_bfloat16


@pytest.fixture(scope="module")
def network() -> BasicUNet:
    torch.manual_seed(0)
    return BasicUNet(2, 3, 2, features=[4] * 6, act="RELU", norm="BATCH").eval()


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(0))


def seen_by_network(image: torch.Tensor, **options) -> dict:
    """How a convolution inside the inferer computes."""
    seen = {}
    convolution = torch.nn.Conv2d(3, 2, 1)

    def network(inputs):
        outputs = convolution(inputs)
        seen.update(dtype=outputs.dtype, last=inputs.is_contiguous(memory_format=torch.channels_last))
        return outputs

    seen["returned"] = AutocastInferer(**options)(image, network).dtype
    return seen


@pytest.mark.parametrize(
    ("precision", "capable", "inside"),
    [
        ("float32", True, torch.float32),
        ("bfloat16", False, torch.bfloat16),
        ("auto", True, torch.bfloat16),
        ("auto", False, torch.float32),
    ],
)
def test_precision_inside_and_float32_outside(image, monkeypatch, precision, capable, inside):
    monkeypatch.setattr(autocast_inferer, "computes_bfloat16", lambda device: capable)
    seen = seen_by_network(image, precision=precision)
    assert seen["dtype"] == inside
    assert seen["returned"] == torch.float32


@pytest.mark.parametrize(
    ("capabilities", "able"), [({"avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({"avx2": True}, False)]
)
def test_a_cpu_is_asked_for_its_instructions(monkeypatch, capabilities, able):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert computes_bfloat16(torch.device("cpu")) is able


@pytest.mark.parametrize("channels_last", [True, False])
def test_layout_is_what_was_asked_for(image, channels_last):
    assert seen_by_network(image, channels_last=channels_last)["last"] is channels_last


def test_plain_inferer_changes_nothing(network, image):
    with torch.no_grad():
        assert torch.equal(AutocastInferer()(image, network), network(image))


def test_channels_last_gives_the_same_numbers(network, image):
    with torch.no_grad():
        torch.testing.assert_close(AutocastInferer(channels_last=True)(image, network), network(image))


def test_bfloat16_gives_nearly_the_same_numbers(network, image):
    with torch.no_grad():
        half, full = AutocastInferer("bfloat16")(image, network), network(image)
    assert not torch.equal(half, full)
    torch.testing.assert_close(half, full, atol=0.05, rtol=0.05)


def test_gradients_arrive_in_float32(network, image):
    network.zero_grad()
    AutocastInferer("bfloat16", channels_last=True)(image, network).sum().backward()
    assert all(parameter.grad.dtype == torch.float32 for parameter in network.parameters())


def test_dictionaries_come_back_in_float32(image):
    convolution = torch.nn.Conv2d(3, 2, 1)
    outputs = AutocastInferer("bfloat16")(image, lambda inputs: {"nucleus": convolution(inputs), "map": inputs})
    assert {name: output.dtype for name, output in outputs.items()} == {"nucleus": torch.float32, "map": torch.float32}
    torch.testing.assert_close(outputs["nucleus"], convolution(image), atol=0.02, rtol=0.02)


def test_another_inferer_runs_inside(network, image):
    windows = SlidingWindowInferer(roi_size=(16, 16), overlap=0.5)
    inferer = AutocastInferer("float32", channels_last=True, inferer=windows)
    with torch.no_grad():
        torch.testing.assert_close(inferer(image, network), windows(image, network))
        assert not torch.allclose(inferer(image, network), network(image))


def test_precision_is_checked():
    with pytest.raises(ValueError, match="precision must be one of float32, bfloat16, auto, got 'half'"):
        AutocastInferer("half")
