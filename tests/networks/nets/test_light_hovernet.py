"""HoVer-Net's answers from a small U-Net."""

from __future__ import annotations

import pytest
import torch
from monai.networks.nets import BasicUNet

from mani_monai.networks.nets import ConcatLightHoVerNet, LightHoVerNet

NARROW = (4, 4, 4, 4, 8, 6)


@pytest.mark.parametrize(("classes", "channels"), [(0, {}), (5, {"type_prediction": 5})])
def test_answers_have_hovernets_names_and_lie_in_the_centre(classes, channels):
    network = LightHoVerNet(NARROW, output=32, out_classes=classes).eval()
    answers = network(torch.rand(2, 3, 48, 64))
    expected = {"nucleus_prediction": 2, "horizontal_vertical": 2, **channels}
    assert {name: tuple(maps.shape) for name, maps in answers.items()} == {
        n: (2, c, 32, 32) for n, c in expected.items()
    }


def test_the_answer_is_the_centre_of_the_whole_windows():
    network = LightHoVerNet(NARROW, output=20).eval()
    image = torch.rand(1, 3, 48, 48)
    with torch.inference_mode():
        inner = network(image)["horizontal_vertical"]
        network.output = 48
        whole = network(image)["horizontal_vertical"]
    torch.testing.assert_close(inner[..., 1:-1, 1:-1], whole[..., 15:33, 15:33])  # the block sees one pixel around


def test_the_concatenated_network_has_the_same_weights_and_answers():
    network, joined = LightHoVerNet(NARROW, 32, 3).eval(), ConcatLightHoVerNet(NARROW, 32, 3).eval()
    joined.load_state_dict(network.state_dict())
    image = torch.rand(1, 3, 48, 48)
    torch.testing.assert_close(joined(image), torch.cat(list(network(image).values()), dim=1))
    torch.testing.assert_close(torch.jit.script(joined)(image), joined(image))


def test_the_default_has_two_million_parameters_and_the_trunk_of_a_unet():
    network = LightHoVerNet()
    count = sum(values.numel() for values in network.parameters())
    assert 1.9e6 < count < 2.1e6
    trunk = BasicUNet(2, 3, 1, (32, 32, 64, 128, 256, 32), act="RELU", norm="BATCH").state_dict()
    assert {name for name in trunk if not name.startswith("final_conv")} == set(network.trunk.state_dict())


@pytest.mark.parametrize("kind", [LightHoVerNet, ConcatLightHoVerNet])
@pytest.mark.parametrize("size", [(31, 48), (48, 30), (33, 48), (48, 47), (8, 8)])
def test_a_window_without_such_a_centre(kind, size):
    """Slices of a smaller one would be of its lower right corner; an odd rest shifts the answer by half a pixel."""
    network = kind(NARROW, output=32).eval()
    with pytest.raises(ValueError, match="images must be 32 pixels high and wide, or an even number more, got "):
        network(torch.rand(1, 3, *size))


def test_the_scripted_network_refuses_it_too():
    network = torch.jit.script(ConcatLightHoVerNet(NARROW, output=32).eval())
    assert network(torch.rand(1, 3, 50, 32)).shape[2:] == (32, 32)
    with pytest.raises(torch.jit.Error, match="images must be 32 pixels"):
        network(torch.rand(1, 3, 28, 48))


@pytest.mark.parametrize("options", [{"output": 0}, {"out_classes": 1}, {"out_classes": -1}])
def test_what_makes_no_sense(options):
    with pytest.raises(ValueError, match="must be"):
        LightHoVerNet(NARROW, **options)
