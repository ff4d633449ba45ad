"""Measures of images, and distances between two data sets; values by hand."""

from __future__ import annotations

import numpy as np
import pytest
from grey_images import greys
from PIL import Image

from mani_monai.apps.prepare.alignment import haematoxylin
from studies.shift_images import (
    MEASURES,
    colour_distance,
    colour_distances,
    describe_data_set,
    describe_image,
    fine_detail,
    stain_densities,
    standardised_distance,
)

RNG = np.random.default_rng(0)


def test_stains_are_those_of_the_alignment_check():
    image = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    np.testing.assert_allclose(stain_densities(image)[..., 0], haematoxylin(image), rtol=1e-5, atol=1e-6)
    assert not stain_densities(np.full((2, 2, 3), 255, np.uint8)).any()


def test_an_image_is_measured_as_by_hand():
    image = np.full((20, 50, 3), 255, np.uint8)
    nuclei = np.zeros((20, 50), bool)
    nuclei[2:6, 2:6] = True  # 16 px
    nuclei[10:12, 10:15] = True  # 10 px
    nuclei[16:18, 40:46] = True  # 12 px
    image[nuclei] = (100, 50, 200)
    found = describe_image(image, nuclei)
    density = haematoxylin(image[nuclei][None])[0, 0]
    assert found.keys() == MEASURES.keys()
    assert found["red"] == pytest.approx(255 - 155 * 38 / 1000)
    assert found["haematoxylin"] == pytest.approx(density * 38 / 1000, rel=1e-5)
    assert found["contrast"] == pytest.approx(density, rel=1e-5)
    assert found["nuclei_per_megapixel"] == 3000
    assert found["nuclear_area"] == 12
    assert found["nuclei_share"] == pytest.approx(0.038)


def test_the_gradient_of_a_ramp_is_its_slope():
    image = np.repeat(np.repeat(np.arange(100, 140, dtype=np.uint8)[None, :, None], 30, axis=0), 3, axis=2)
    found = describe_image(image, np.eye(30, 40, dtype=bool))
    density = haematoxylin(image)[0]
    assert found["gradient"] == pytest.approx(np.abs(np.gradient(density)).mean(), rel=1e-4)


def test_nothing_to_measure_is_nan():
    found = describe_image(np.full((8, 8, 3), 200, np.uint8), np.zeros((8, 8), bool))
    assert [name for name, value in found.items() if np.isnan(value)] == ["contrast", "nuclear_area", "fine_detail"]


@pytest.mark.parametrize(("period", "share"), [(4, 1), (6, 1), (16, 0), (32, 0)])
def test_fine_detail_is_what_is_smaller_than_eight_pixels(period, share):
    wave = np.sin(2 * np.pi * np.arange(128) / period).astype(np.float32)
    assert fine_detail(np.tile(wave, (96, 1))) == pytest.approx(share, abs=0.01)


def test_standardised_distance_by_hand():
    source, target = greys(1, 3), greys(4, 8)  # means 2 and 6, variances 2 and 8
    assert standardised_distance(source, target, "red") == pytest.approx(4 / 5**0.5)
    assert standardised_distance(target, source, "red") == pytest.approx(-4 / 5**0.5)
    assert np.isnan(standardised_distance(source, greys(4), "red"))


def test_colour_distance_of_black_and_white_is_100():
    assert colour_distance(greys(0, 0), greys(255, 255, 255)) == pytest.approx(100, abs=0.01)
    found = colour_distances(greys(0, 255), greys(0, 255))  # the source's mean colour is L = 50
    assert list(found.values()) == pytest.approx([50, 50], abs=0.01)


def test_a_data_set_is_described_whole(toy_dir):
    images = describe_data_set(toy_dir, "toy_source")
    assert sorted(images) == sorted(path.stem for path in (toy_dir / "toy_source" / "images").iterdir())
    name = min(images)
    label = np.asarray(Image.open(next((toy_dir / "toy_source" / "labels").glob(f"{name}.*")))) > 0
    assert images[name]["nuclei_share"] == pytest.approx(label.mean())
