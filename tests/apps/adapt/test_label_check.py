"""Labels of the target as an oracle: what cannot be used is named, and no report is lost by it."""

from __future__ import annotations

import numpy as np
import pytest
from painted_model import painted, painted_model, round_nuclei
from PIL import Image

from mani_monai.apps.adapt.label_check import check_on_labels
from mani_monai.apps.adapt.request import check_folders
from mani_monai.data.pixel_size import given_pixel_size
from mani_monai.utils import InputError

NUCLEI = [(20, 20, 8), (20, 60, 8), (60, 60, 8)]


@pytest.fixture
def labelled(tmp_path):
    """Images of three nuclei with their masks: ``labelled(a=NUCLEI)``."""
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()

    def write(**masks):
        for name, mask in masks.items():
            Image.fromarray(painted(round_nuclei(96, 96, NUCLEI))).save(tmp_path / "images" / f"{name}.png")
            Image.fromarray(mask.astype(np.uint16)).save(tmp_path / "masks" / f"{name}.png")
        return str(tmp_path / "images"), str(tmp_path / "masks")

    return write


def check(folders, size=None, **models):
    return check_on_labels(*folders, models, size, progress=False)


def test_figures_are_means_over_images(labelled):
    whole, less = round_nuclei(96, 96, NUCLEI), round_nuclei(96, 96, NUCLEI[:2])
    found = check(labelled(a=whole, b=less), model=painted_model())
    assert found["images"] == 2
    assert found["left_out"] == []
    assert found["model"]["count_error"] == pytest.approx((0 + 1 / 2) / 2)
    assert found["model"]["dice"] == pytest.approx((1 + 4 / 5) / 2, abs=0.02)


def test_masks_that_cannot_be_used_are_named_and_the_rest_counts(labelled):
    good, other = round_nuclei(96, 96, NUCLEI), round_nuclei(80, 96, NUCLEI)
    inverted = np.ones((96, 96), np.uint8)
    folders = labelled(good=good, inverted=inverted, other=other)
    found = check(folders, model=painted_model())
    assert found["images"] == 1
    assert "inverted.png: the mask is doubtful: one nucleus covers 100% of the image" in found["left_out"][0]
    assert "other.png: is 96x96 (height x width) but its mask 80x96; give it its own mask." in found["left_out"][1]
    assert found["model"]["count_error"] == 0


def test_figures_are_none_where_no_image_can_be_used(labelled):
    found = check(labelled(a=round_nuclei(80, 96, NUCLEI)), model=painted_model())
    assert found["images"] == 0
    assert found["model"] == dict.fromkeys(("dice", "aji", "pq", "count_error"))
    far = check(labelled(b=round_nuclei(96, 96, NUCLEI)), given_pixel_size(4.0), model=painted_model(mpp=0.25))
    assert far["images"] == 0
    assert all("b.png: " in line or "a.png: " in line for line in far["left_out"])


def test_a_check_without_pairs_is_refused_before_anything_is_made(labelled, tmp_path):
    folders = labelled(a=round_nuclei(96, 96, NUCLEI))
    check_folders(*folders)
    check_folders(None, None)
    (tmp_path / "masks" / "a.png").rename(tmp_path / "masks" / "b.png")
    with pytest.raises(InputError, match=r"--check .*: no image of it has a mask in "):
        check_folders(*folders)
