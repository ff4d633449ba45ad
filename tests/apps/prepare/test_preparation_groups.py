"""What a preparation keeps together or apart: groups, windows of an image, the data set's own partition."""

from __future__ import annotations

import numpy as np
from PIL import Image
from raw_images import build, listing_of_parts, read, tile

from mani_monai.apps.prepare.preparation import prepare
from mani_monai.apps.prepare.windows import WindowGrid
from mani_monai.data.readers import Listing, RawMask, Record


def test_groups_reach_the_folds(tmp_path):
    image = tmp_path / "a.png"
    Image.fromarray(tile(0)[0]).save(image)
    records = tuple(
        Record(f"{patient}{k}", patient, image, lambda shape: RawMask(np.ones(shape, int)))
        for patient in "abc"
        for k in "12"
    )
    prepare(Listing("made", records, "none", "patient"), tmp_path / "data", "grouped", progress=False)
    folder = tmp_path / "data" / "grouped"
    assert len(list(folder.glob("source_fold_*.json"))) == 3
    for path in folder.glob("source_fold_*.json"):
        assert len({entry["image"][7] for entry in read(path)["test"]}) == 1  # the patient's letter
        assert len(read(path)["test"]) == 2


def test_windows_are_divided_with_their_image(raw):
    whole, cut = (build(raw, name=name, windows=grid) for name, grid in (("whole", None), ("cut", WindowGrid(16, 8))))
    assert (len(whole.images), len(whole.originals)) == (6, 6)
    assert (len(cut.images), len(cut.originals)) == (6 * 15, 6)
    assert {image.group for image in cut.images} == {f"i{k}" for k in range(6)}
    for images, windows in zip(whole.splits + whole.folds, cut.splits + cut.folds, strict=True):
        for part in ("training", "validation", "test"):
            assert len(getattr(windows, part)) == 15 * len(getattr(images, part))
            assert tuple(dict.fromkeys(name[:2] for name in getattr(windows, part))) == getattr(images, part)
    folder = raw.parent / "data" / "cut"
    assert len(list((folder / "images").iterdir())) == len(list((folder / "labels").iterdir())) == 90
    assert read(folder / "source_split_0.json")["test"][0]["label"].endswith("_r00_c00.png")
    summary = read(folder / "dataset.json")
    assert summary["groups"]["i3_r02_c04"] == "i3"
    assert summary["windows"]["of_images"] == 6
    assert summary["converted"] == {"binary mask to connected components": 6}


def test_own_partition_and_types(tmp_path):
    parts = {f"i{k:02d}": "test" if k < 5 else "training" for k in range(25)}
    whole = listing_of_parts(tmp_path, parts, types=np.ones((20, 20), np.uint8))
    found = prepare(whole, tmp_path / "data", "mine", progress=False, seed=4)
    folder = tmp_path / "data" / "mine"
    target = read(folder / "target_native.json")
    assert [len(target[part]) for part in ("training", "validation", "test")] == [18, 2, 5]
    assert [entry["image"] for entry in target["test"]] == [f"images/i{k:02d}.png" for k in range(5)]
    assert found.native.validation != prepare(whole, tmp_path, "other", progress=False, seed=5).native.validation
    types = np.asarray(Image.open(folder / "types" / "i00.png"))
    np.testing.assert_array_equal(types, np.pad(np.ones((6, 10)), ((3, 11), (5, 5))))
    assert found.converted["cell types outside of nuclei dropped"] == 25
