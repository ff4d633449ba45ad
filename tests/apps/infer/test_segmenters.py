"""Nuclei from a network's answer, on its own grid and on the image's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from painted_model import painted, painted_model, round_nuclei

from mani_monai.apps.infer import segmenters
from mani_monai.apps.infer.segmenters import UNetSegmenter
from mani_monai.utils import InputError

CPU = torch.device("cpu")


class Red(torch.nn.Module):
    """Logits of nuclei are the red channel around a half; notes the sizes that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[tuple[int, ...]] = []

    def forward(self, images):
        self.sizes.append(tuple(images.shape))
        red = images[:, :1]
        return torch.cat([torch.zeros_like(red), red - 0.5], dim=1)


def answer(mask) -> np.ndarray:
    return np.where(mask, 2, -2).astype(np.float32)[None]


def test_pieces_of_a_mask_are_nuclei():
    mask = np.zeros((12, 20), bool)
    mask[1:5, 1:4] = True  # 12 px
    mask[5:9, 4:8] = True  # 16 px, touches the first at a corner
    mask[1:4, 12:15] = True  # 9 px: too small
    found = UNetSegmenter(Red(), CPU, "float32", 64).nuclei(answer(mask), mask.shape)
    np.testing.assert_array_equal(found.mask, mask)
    assert found.table["area"].tolist() == [12, 16]
    np.testing.assert_array_equal(found.instances > 0, mask & (np.arange(20) < 10))
    np.testing.assert_allclose(found.table["mean_probability"], 1 / (1 + np.exp(-2)), rtol=1e-4)


def test_a_mask_goes_back_to_the_images_size():
    mask = np.zeros((20, 30), bool)
    mask[4:10, 6:12] = True
    mask[14:17, 20:23] = True  # 9 px of the network's: too small in any size
    unet = UNetSegmenter(Red(), CPU, "float32", 64)
    found = unet.nuclei(answer(mask), (40, 60))
    np.testing.assert_array_equal(found.mask, mask.repeat(2, axis=0).repeat(2, axis=1))
    assert found.table["area"].tolist() == [4 * 36]
    assert (found.table["row_start"], found.table["column_stop"]) == (8, 24)
    found = unet.nuclei(answer(mask), (10, 15))
    assert found.table["area"].tolist() == [9], "10 px are meant at the network's pixel size"


def test_an_empty_mask():
    found = UNetSegmenter(Red(), CPU, "float32", 64).nuclei(answer(np.zeros((5, 4), bool)), (5, 4))
    assert found.instances.max() == 0
    assert len(found.table["id"]) == 0


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("size", [(40, 70), (16, 16), (3, 5)])
def test_the_unet_sees_the_width_first_and_answers_height_first(size, precision):
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    network = Red()
    maps = UNetSegmenter(network, CPU, precision, -1).maps(picture)
    assert maps.shape == (1, *size)
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps[0], picture[..., 0] / 255 - 0.5, atol=1e-6 if precision == "float32" else 3e-3)
    height, width = (max(side, 16) for side in size)
    assert network.sizes == [(1, 3, width, height)]


def test_a_part_of_a_picture_has_the_stains_of_the_whole():
    random = np.random.default_rng(0)
    whole = (random.integers(0, 100, (40, 70, 3)) + np.linspace(0, 120, 70)[:, None]).astype(np.uint8)
    part = np.ascontiguousarray(whole[10:30, 40:64])
    normalising = UNetSegmenter(Red(), CPU, "float32", -1, normalised=True)
    found = normalising.maps(part, whole)
    np.testing.assert_allclose(found, normalising.maps(whole)[:, 10:30, 40:64], atol=1e-5)
    assert np.abs(found - normalising.maps(part)).max() > 0.01
    plain = UNetSegmenter(Red(), CPU, "float32", -1)
    np.testing.assert_array_equal(plain.maps(part, whole), plain.maps(part))


def test_very_large_images_are_not_taken_whole(monkeypatch):
    monkeypatch.setattr(segmenters, "MOST_WHOLE", 64 * 64)
    monkeypatch.setattr(segmenters, "LARGE_WINDOW", 32)
    picture = np.random.default_rng(0).integers(0, 256, (64, 65, 3), dtype=np.uint8)
    network = Red()
    maps = UNetSegmenter(network, CPU, "float32", -1).maps(picture)
    assert {shape[2:] for shape in network.sizes} == {(32, 32)}
    np.testing.assert_allclose(maps[0], picture[..., 0] / 255 - 0.5, atol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_answer_that_is_not_finite(value):
    maps = answer(np.ones((20, 20), bool))
    maps[0, 3, 4] = value
    with pytest.raises(InputError, match="not finite"):
        UNetSegmenter(Red(), CPU, "float32", 64).nuclei(maps, (20, 20))
    with pytest.raises(InputError, match="not finite"):
        painted_model().segmenter.nuclei(maps.repeat(4, axis=0), (20, 20))


def test_touching_nuclei_stay_apart():
    instances = round_nuclei(60, 90, [(30, 30, 12), (30, 55, 12), (10, 80, 6)])
    segmenter = painted_model().segmenter
    found = segmenter.nuclei(segmenter.maps(painted(instances)), (60, 90))
    assert len(found.table["id"]) == 3
    assert found.mask is None
    np.testing.assert_array_equal(found.instances > 0, instances > 0)


def test_instances_and_types_go_back_to_the_images_size():
    instances = round_nuclei(60, 90, [(30, 30, 12), (30, 56, 12)])
    segmenter = painted_model(types=3).segmenter
    maps = segmenter.maps(painted(instances))
    small, large = segmenter.nuclei(maps, (60, 90)), segmenter.nuclei(maps, (120, 180))
    np.testing.assert_array_equal(large.instances, small.instances.repeat(2, axis=0).repeat(2, axis=1))
    assert large.table["area"].tolist() == [4 * area for area in small.table["area"]]
    assert large.table["type"].tolist() == small.table["type"].tolist() == [2, 2]
