import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mani_monai.apps.prepare.masks import to_instances
from mani_monai.data.readers import read_tnbc
from mani_monai.utils import InputError

DATA = Path(os.environ.get("MANI_DATA", Path(__file__).parents[4] / "shared" / "data")) / "TNBC"


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 6), value, np.uint8)).save(path)


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "TNBC_NucleiSegmentation"
    for slide, number in (("01", 1), ("01", 2), ("02", 1), ("12", 1), ("12", 2)):
        write(root / f"Slide_{slide}" / f"{slide}_{number}.png", 200)
        write(root / f"GT_{slide}" / f"{slide}_{number}.png", 255)
    write(root / "__MACOSX" / "Slide_01" / "01_9.png", 0)
    return root


@pytest.mark.parametrize("level", ["root", "parent"])
def test_native_layout(root, level):
    listing = read_tnbc(root if level == "root" else root.parent)
    assert [(r.id, r.group) for r in listing.records] == [
        ("01_1", "patient_01"),
        ("01_2", "patient_01"),
        ("02_1", "patient_02"),
    ]
    assert listing.records[2].image == root / "Slide_02" / "02_1.png"
    assert listing.left_out == ("Slide_12: 2 images of brain, not breast",)
    assert listing.problems == ()
    mask = listing.records[0].read_mask((4, 6))
    assert mask.kind == "binary"
    assert mask.values.shape == (4, 6)
    assert (mask.values == 255).all()


def test_instances_in_place_of_gt(root, tmp_path):
    for name in ("01_1", "01_2", "02_1", "12_1"):
        write(tmp_path / "ids" / f"{name}_label.png", 7)
    listing = read_tnbc(root, tmp_path / "ids")
    assert len(listing.records) == 3
    assert listing.problems == ()
    mask = listing.records[0].read_mask((4, 6))
    assert mask.kind == "ids"
    assert (mask.values == 7).all()


def test_image_without_mask_and_mask_without_image(root):
    (root / "GT_01" / "01_2.png").unlink()
    (root / "Slide_02" / "02_1.png").unlink()
    listing = read_tnbc(root)
    assert [r.id for r in listing.records] == ["01_1"]
    assert len(listing.problems) == 2
    assert "01_2.png: has no mask" in listing.problems[0]
    assert "GT_02/02_1.png: is a mask without its image" in listing.problems[1]


def test_folder_without_slides(tmp_path):
    with pytest.raises(InputError, match="holds no folders Slide_XX"):
        read_tnbc(tmp_path)
    (tmp_path / "TNBC" / "release" / "Slide_01").mkdir(parents=True)
    with pytest.raises(InputError, match=f"; name {tmp_path / 'TNBC' / 'release'}, where there are some"):
        read_tnbc(tmp_path)


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no TNBC at {DATA}")
def test_connected_components_of_gt_are_the_instances_of_naylors_masks():
    by_components = read_tnbc(DATA).records
    by_ids = read_tnbc(DATA, DATA / "labels_instance").records
    assert len(by_components) == len(by_ids) == 50
    counts = []
    for ours, theirs in zip(by_components[::7], by_ids[::7], strict=True):
        components = to_instances(ours.read_mask((512, 512))).values
        ids = to_instances(theirs.read_mask((512, 512))).values
        np.testing.assert_array_equal(components > 0, ids > 0)
        counts.append((components.max(), ids.max()))
    assert all(a == b > 0 for a, b in counts)
