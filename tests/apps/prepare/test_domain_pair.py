"""Both domains in one folder: which crops fit, what is listed, and that no label gets into the target's list."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from mani_monai.apps.prepare.conversion import ImageFacts
from mani_monai.apps.prepare.domain_pair import Domains, pair_domains, shared_crop
from mani_monai.apps.prepare.prepared_images import Preparation
from mani_monai.data.readers import Listing
from mani_monai.utils import InputError

LISTING = Listing("made", (), "none", left_out=("notes.txt: is no image",))
PARTS = {"training": [{"image": "images/a.png", "label": "labels/a.png"}]}


def facts(*sizes, nuclei=None):
    return tuple(ImageFacts(str(n), "", *size, nuclei, None, ()) for n, size in enumerate(sizes))


def prepared(folder, *sizes):
    """A data set with masks, of which one image failed."""
    return Preparation(folder.name, folder, True, LISTING, facts(*sizes, nuclei=5), ("x.png: is broken",), (), ())


@pytest.fixture
def source(tmp_path):
    (tmp_path / "breast" / "images").mkdir(parents=True)
    Image.new("RGB", (50, 40)).save(tmp_path / "breast" / "images" / "a.png")
    return tmp_path / "breast"


def test_target_images_that_are_large_enough_are_listed_without_their_labels(source, tmp_path):
    found = pair_domains("breast", PARTS, prepared(tmp_path / "kidney", (32, 99), (64, 48), (20, 64)), "s", 32)
    small = "2: is 20x64 (height x width), smaller than the crop of 32 px"
    left_out = ("x.png: is broken", "notes.txt: is no image", small)
    assert found == Domains(tmp_path, "breast", "kidney", 2, 32, 99, left_out)
    target = json.loads((tmp_path / "kidney" / "target_s.json").read_text())
    assert target == {"name": "kidney", "training": [{"image": "images/0.png"}, {"image": "images/1.png"}]}
    assert json.loads((source / "source_s.json").read_text()) == {"name": "breast", **PARTS}


def test_the_source_may_stand_for_the_target(source, tmp_path):
    found = pair_domains("breast", PARTS, prepared(source, (40, 50)), "s", 48)
    assert (found.source, found.target, found.crop_size) == ("breast", "breast", 32)  # of 40 px, halved four times
    assert json.loads((source / "target_s.json").read_text())["training"] == [{"image": "images/0.png"}]


def test_absolute_paths_of_the_source_are_kept(source, tmp_path):
    parts = {"training": [{"image": str(source / "images" / "a.png"), "label": "/labels/a.png"}]}
    pair_domains("other", parts, prepared(tmp_path / "kidney", (64, 64)), "s", 16)
    assert json.loads((tmp_path / "other" / "source_s.json").read_text()) == {"name": "other", **parts}


@pytest.mark.parametrize(
    ("asked", "source_side", "sides", "crop"),
    [(160, 500, [300] * 3, 160), (160, 150, [300] * 3, 144), (512, 500, [90, 100, 400], 96), (30, 64, [64], 30)],
)
def test_crops_fit_the_source_and_half_of_the_target(asked, source_side, sides, crop):
    assert shared_crop(asked, source_side, facts(*((side, 999) for side in sides))) == crop


def test_images_that_are_too_small_for_the_network(source, tmp_path):
    with pytest.raises(InputError, match="smaller than the 16 px that the network needs"):
        pair_domains("breast", PARTS, prepared(tmp_path / "kidney", (15, 99), (15, 99), (64, 64)), "s", 32)
    assert not list(tmp_path.rglob("*.json"))
