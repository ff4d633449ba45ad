"""Shares that tissue can have, and how far figures lie apart."""

from __future__ import annotations

import numpy as np
import pytest

from mani_monai.apps.adapt.evidence import ImageNuclei, agreement, factor, nuclei_figures, plausible


def test_no_nuclei_at_all_on_either_side_is_finite():
    assert factor(0, 0) == 1
    assert factor(0, 3) == factor(3, 0) == float("inf")
    assert factor(2, 6) == factor(6, 2) == 3
    assert plausible(0.01)
    assert not plausible(0.0)


def test_counts_sizes_and_shares():
    one, other = np.zeros((10, 20), np.int32), np.zeros((20, 20), np.uint16)
    one[0:4, 0:4] = 7  # 16 px
    one[0:4, 4:9] = 9  # 20 px, touching it: another nucleus
    other[2:7, 3:13] = 1  # 50 px
    images = [ImageNuclei.of(ids) for ids in (one, other)]
    assert np.array_equal(images[0].instances, one)
    assert [image.count for image in images] == [2, 1]
    found = nuclei_figures(images)
    assert (found.images, found.count, sorted(found.areas)) == (2, 3, [16, 20, 50])
    assert found.shares == (36 / 200, 50 / 400)
    assert found.share == pytest.approx(86 / 600)
    assert found.megapixels == pytest.approx(600e-6)
    assert found.density == pytest.approx(3 / 600e-6)
    assert found.median_area == 20
    assert found.diameters == pytest.approx(2 * np.sqrt(np.array([16, 20, 50]) / np.pi))


def test_a_map_is_small_while_it_waits():
    ids = np.zeros((500, 500), np.int32)
    ids[100:120, 100:120] = 1
    assert len(ImageNuclei.of(ids).packed) < ids.nbytes / 100


def test_no_nucleus():
    summary = nuclei_figures([ImageNuclei.of(np.zeros((5, 5), int))]).summary()
    assert (
        summary["nuclei"] == summary["nuclei_share"] == summary["median_area_px"] == summary["median_diameter_px"] == 0
    )


def test_no_image():
    with pytest.raises(ValueError, match="at least one image"):
        nuclei_figures([])


def test_agreement_is_dice_of_all_pixels():
    one, other, nothing = (np.zeros((2, 4), int) for _ in range(3))
    one[0, :3] = 1
    other[0, 1:4] = 2  # two in common
    one, other, nothing = (ImageNuclei.of(ids) for ids in (one, other, nothing))
    assert agreement([one], [other]) == pytest.approx(2 * 2 / 6)
    assert agreement([one, one], [one, other]) == pytest.approx(2 * 5 / 12)
    assert agreement([nothing], [nothing]) == 1
