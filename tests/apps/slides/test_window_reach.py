"""How far a network looks, and that a window's answer is the whole's beyond that."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from made_slides import dark_model, made_picture
from monai.networks.nets import BasicUNet
from painted_model import painted_model

from mani_monai.apps.slides.window_reach import answer_reach, maps_reach, tile_unit, total_reach
from mani_monai.model import Model
from mani_monai.transforms.part_nuclei import REACH
from mani_monai.transforms.tissue import REACH as TISSUE_REACH
from mani_monai.utils import InputError

FEATURES = [4, 4, 4, 4, 4, 4]


def unet_model(norm: str = "BATCH") -> Model:
    torch.manual_seed(0)
    declaration = dark_model().declaration.trained(window=-1)
    return Model(BasicUNet(2, 3, 2, FEATURES, act="RELU", norm=norm), declaration, "cpu", "float32")


def test_a_local_network_looks_as_far_as_its_window():
    assert answer_reach(dark_model()) == 2 + 15
    assert (
        maps_reach(dark_model()) == 16 == TISSUE_REACH + 2
    )  # of a block of 16 pixels, at a cut that is a block's edge
    assert total_reach(dark_model()) == 16 + REACH
    assert tile_unit(dark_model()) == 16


def test_answers_of_a_unet_beyond_its_reach_are_those_of_the_whole():
    model = unet_model()
    reach = answer_reach(model)
    assert 93 <= reach <= 120
    picture = made_picture(416, 416)
    whole = model.maps(picture)
    part = model.maps(picture[32:384, 48:400])
    inner = slice(reach, 352 - reach)
    np.testing.assert_array_equal(part[:, inner, inner], whole[:, 32:384, 48:400][:, inner, inner])
    assert (part != whole[:, 32:384, 48:400]).any()


def test_whole_blocks_of_a_unets_answer_are_those_of_the_whole_at_a_cut_between_blocks():
    """The network with most reach for its blocks; a block less far from the cut has other values."""
    model = unet_model()
    blind = maps_reach(model)
    assert blind == 112 < answer_reach(model) + TISSUE_REACH
    picture = made_picture(416, 416)
    whole = model.maps(picture)[:, 32:384, 48:400]
    part = model.maps(picture[32:384, 48:400])
    inner = slice(blind, 352 - blind)
    np.testing.assert_array_equal(part[:, inner, inner], whole[:, inner, inner])


def test_a_network_that_looks_at_the_whole_picture_is_refused():
    with pytest.raises(InputError, match="looks at the whole picture"):
        answer_reach(unet_model(("instance", {"affine": True})))


@pytest.mark.parametrize(("upsample", "refused"), [("deconv", False), ("pixelshuffle", False), ("nontrainable", True)])
def test_a_network_is_refused_whose_answer_follows_from_the_pictures_size(upsample, refused):
    """MONAI interpolates from corner to corner: far from any cut, a part has other values than the whole."""
    torch.manual_seed(0)
    network = BasicUNet(2, 3, 2, FEATURES, act="RELU", norm="BATCH", upsample=upsample).eval()
    for layer in network.modules():
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.ConvTranspose2d)):
            torch.nn.init.kaiming_normal_(layer.weight)  # so that deep maps matter
    picture = torch.from_numpy(made_picture(640, 96)).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        whole, part = network(picture), network(picture[:, :, 160:560])
    far = slice(176, 224)  # of a part of 400 rows, 176 rows from either cut
    same = torch.allclose(part[:, :, far], whole[:, :, 160:][:, :, far], rtol=0, atol=1e-4)
    assert same is not refused
    model = Model(network, dark_model().declaration.trained(window=-1), "cpu", "float32")
    if refused:
        with pytest.raises(InputError, match="the network interpolates from corner to corner"):
            answer_reach(model)
    else:
        assert maps_reach(model) <= 176


def test_a_hovernet_looks_as_far_as_its_answer():
    assert answer_reach(painted_model()) == tile_unit(painted_model()) == 164


@pytest.mark.parametrize(
    ("step", "reach"),
    [
        ({"_target_": "mani_monai.transforms.NormaliseStainsd", "keys": "image"}, 16),
        ({"_target_": "GaussianSmoothd", "keys": "image", "sigma": 2.0}, 32),
        ({"_target_": "MedianSmoothd", "keys": "image", "radius": 3}, 32),
    ],
)
def test_steps_add_what_they_look_at(step, reach):
    """To the 14 + 2 pixels of the mask of tissue and of the network: 0, 9 and 3, to the next multiple of 16."""
    model = dark_model()
    stepped = replace(model, declaration=model.declaration.trained(preprocessing=[step]))
    assert total_reach(stepped) == reach + REACH


def test_a_step_that_looks_at_the_whole_image_is_refused():
    model = dark_model()
    steps = [{"_target_": "ScaleIntensityd", "keys": "image", "minv": 0, "maxv": 255}]
    with pytest.raises(InputError, match="ScaleIntensityd looks at the whole image"):
        total_reach(replace(model, declaration=model.declaration.trained(preprocessing=steps)))
