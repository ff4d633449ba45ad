"""Masks in a folder: by name, as outlines, and as inference wrote them and a user corrected them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from mani_monai.data.readers import read_folder
from mani_monai.data.readers.mask_folder import masks_of
from mani_monai.data.writers import write_geojson, write_instance_map
from mani_monai.utils.folders import file_hash

IDS = np.zeros((24, 40), np.int32)
IDS[2:8, 3:9], IDS[2:8, 9:14], IDS[12:20, 20:30] = 1, 2, 3
TABLE = {"id": np.array([1, 2, 3]), "area": np.array([36, 30, 80])}


@pytest.fixture
def folders(tmp_path):
    """An image, and the folder that inference wrote of it."""
    images, out = tmp_path / "images", tmp_path / "out"
    (out / "records").mkdir(parents=True)
    images.mkdir()
    Image.fromarray(np.full((24, 40, 3), 200, np.uint8)).save(images / "a.png")
    Image.fromarray((IDS > 0).astype(np.uint8) * 255).save(out / "a_mask.png")
    Image.fromarray(np.zeros((24, 40, 3), np.uint8)).save(out / "a_overlay.png")
    write_instance_map(out / "a_instances.tif", IDS)
    write_instance_map(out / "a_instances.png", IDS)
    write_geojson(out / "a.geojson", IDS, TABLE)
    (out / "a_nuclei.csv").write_text("id,area\n")
    (out / "summary.csv").write_text("image\n")
    (out / "summary.json").write_text("{}")
    outputs = {path.name: file_hash(path) for path in out.glob("a*")}
    (out / "records" / "a.png.json").write_text(json.dumps({"key": {}, "outputs": outputs, "result": {}}))
    return images, out


def mask_of(images, masks):
    listing = read_folder(images, masks)
    assert listing.problems == ()
    (record,) = listing.records
    return record.read_mask(IDS.shape)


def test_what_inference_wrote_is_read_from_its_outlines(folders):
    mask = mask_of(*folders)
    np.testing.assert_array_equal(mask.values, IDS)
    assert mask.kind == "ids"
    assert mask.notes == (("outlines to ids", 1),)


@pytest.mark.parametrize("name", ["a.geojson", "a_instances.tif", "a_instances.png", "a_mask.png"])
def test_the_file_that_was_changed_is_the_correction(folders, name):
    corrected = np.where(IDS == 2, 0, IDS)
    if name == "a.geojson":
        write_geojson(folders[1] / name, corrected, TABLE)
    elif name == "a_mask.png":
        Image.fromarray((corrected > 0).astype(np.uint8) * 255).save(folders[1] / name)
    else:
        write_instance_map(folders[1] / name, corrected)
    np.testing.assert_array_equal(mask_of(*folders).values > 0, corrected > 0)


def test_two_files_that_were_changed_contradict_each_other(folders):
    for name in ("a_instances.tif", "a_instances.png"):
        write_instance_map(folders[1] / name, IDS * 2)
    (line,) = read_folder(*folders).problems
    assert "a_instances.tif: stands for the same image as" in line


def test_without_records_two_masks_of_an_image_are_a_problem(folders):
    (folders[1] / "records" / "a.png.json").unlink()
    assert len(read_folder(*folders).problems) == 3


@pytest.mark.parametrize("name", ["a.geojson", "a.png.geojson", "a_mask.geojson", "a.json", "a.PNG.GEOJSON"])
def test_outlines_are_masks(folders, tmp_path, name):
    (tmp_path / "masks").mkdir()
    (folders[1] / "a.geojson").rename(tmp_path / "masks" / name)
    (tmp_path / "masks" / "project.json").write_text("{}")
    np.testing.assert_array_equal(mask_of(folders[0], tmp_path / "masks").values, IDS)


def test_a_mask_without_its_image_is_named_and_leftovers_are_not(tmp_path):
    for name in ("b_mask.png", "b.zip", "Thumbs.db", "._b.png"):
        (tmp_path / name).touch()
    assert masks_of(tmp_path, {}, []) == {"b": tmp_path / "b_mask.png"}
