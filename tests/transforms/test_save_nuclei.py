"""Nuclei of an image into files."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import nibabel
import numpy as np
import pytest
import tifffile
import torch
from monai.data import MetaTensor
from PIL import Image

from mani_monai.data.writers import outline_nuclei, read_geojson, write_geojson
from mani_monai.transforms.save_nuclei import ENDINGS, SaveNucleid, as_picture
from mani_monai.utils import InputError
from mani_monai.utils.folders import file_hash

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 11, 3), dtype=np.uint8)
INSTANCES = np.zeros((6, 11), np.int32)
INSTANCES[1:4, 2:5] = 1
INSTANCES[1:4, 5:9] = 2
TABLE = {"id": np.array([1, 2]), "area": np.array([9, 12]), "type": np.array([1, 2])}


@pytest.fixture
def data() -> dict:
    image = torch.from_numpy(PIXELS / np.float32(255)).permute(2, 0, 1)
    image = MetaTensor(image, meta={"filename_or_obj": "some/folder/slide.one.png"})
    return {"image": image, "instances": torch.from_numpy(INSTANCES)[None], "nuclei": TABLE}


@pytest.mark.parametrize(
    ("outputs", "files"),
    [
        (None, ["slide.one.geojson", *(f"slide.one_{e}" for e in ("instances.png", "instances.tif", "nuclei.csv"))]),
        (["nifti"], ["slide.one_instances.nii.gz"]),
        (["csv", "geojson"], ["slide.one.geojson", "slide.one_nuclei.csv"]),
        ([], []),
    ],
)
def test_the_outputs_that_were_asked_for(tmp_path, data, outputs, files):
    options = {} if outputs is None else {"outputs": outputs}
    if outputs is None:
        files = sorted([*files, "slide.one_overlay.png"])
    returned = SaveNucleid("instances", tmp_path / "new", **options)(data)
    assert returned == data
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == files


def test_all_files_agree(tmp_path, data):
    names = ["background", "epithelial", "inflammatory"]
    SaveNucleid("instances", str(tmp_path), outputs=list(ENDINGS), class_names=names)(data)
    stem = tmp_path / "slide.one"
    np.testing.assert_array_equal(tifffile.imread(f"{stem}_instances.tif"), INSTANCES)
    np.testing.assert_array_equal(np.asarray(Image.open(f"{stem}_instances.png")), INSTANCES)
    np.testing.assert_array_equal(np.asarray(nibabel.load(f"{stem}_instances.nii.gz").dataobj).T, INSTANCES)
    np.testing.assert_array_equal(read_geojson(f"{stem}.geojson", INSTANCES.shape), INSTANCES)
    with open(f"{stem}_nuclei.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["id"], row["area"], row["class"]) for row in rows] == [
        ("1", "9", "epithelial"),
        ("2", "12", "inflammatory"),
    ]
    overlay = np.asarray(Image.open(f"{stem}_overlay.png"))
    np.testing.assert_array_equal(overlay, outline_nuclei(PIXELS, INSTANCES, TABLE))
    assert (overlay[INSTANCES == 0] == PIXELS[INSTANCES == 0]).all()


@pytest.mark.parametrize(("size", "shown"), [((6, 11), True), ((11, 6), False)])
def test_the_overlay_shows_the_file_and_ids_are_of_it(size, shown, tmp_path, data):
    """Whatever the steps before made of the picture; a file of another size is not that of the map."""
    file = tmp_path / "slide.one.png"
    stored = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(stored).save(file)
    data["image"].meta["filename_or_obj"] = str(file)
    SaveNucleid("instances", tmp_path / "out", outputs=["overlay", "geojson"])(data)
    overlay = np.asarray(Image.open(tmp_path / "out" / "slide.one_overlay.png"))
    np.testing.assert_array_equal(overlay, outline_nuclei(stored if shown else PIXELS, INSTANCES, TABLE))
    ids = [each["id"] for each in json.loads((tmp_path / "out" / "slide.one.geojson").read_text())["features"]]
    write_geojson(tmp_path / "own.geojson", INSTANCES, TABLE, source=file_hash(file))
    assert ids == [each["id"] for each in json.loads((tmp_path / "own.geojson").read_text())["features"]]


def test_what_another_reader_read_is_shown_as_it_is(tmp_path, data):
    """The project's decoder refuses a file of NIfTI, which MONAI's reads."""
    file = tmp_path / "slide.one.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(PIXELS.transpose(1, 0, 2)), None), file)
    data["image"].meta["filename_or_obj"] = str(file)
    SaveNucleid("instances", tmp_path / "out", outputs=["overlay"])(data)
    overlay = np.asarray(Image.open(tmp_path / "out" / "slide.one.nii_overlay.png"))
    np.testing.assert_array_equal(overlay, outline_nuclei(PIXELS, INSTANCES, TABLE))


def test_the_picture_is_the_file_that_was_read():
    every = torch.arange(256, dtype=torch.float32).repeat(3, 1, 1) / 255
    np.testing.assert_array_equal(as_picture(every)[0, :, 0], np.arange(256))
    np.testing.assert_array_equal(as_picture(torch.tensor([-0.1, 1.2]).repeat(3, 1, 1))[0, :, 0], [0, 255])


def test_a_map_that_png_cannot_hold_is_one_line(tmp_path, data):
    data["instances"] = data["instances"] * 40000
    with pytest.raises(InputError, match=r"slide\.one_instances\.png: PNG holds ids up to 65535, not 80000"):
        SaveNucleid("instances", tmp_path, outputs=["png"])(data)


def test_an_unknown_output_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"outputs must be among mask, tiff, png, .*, got 'jpeg'"):
        SaveNucleid("instances", tmp_path, outputs=["tiff", "jpeg"])


@pytest.mark.slow
@pytest.mark.parametrize("module", ["mani_monai.data.writers", "mani_monai.transforms"])
def test_either_package_can_be_imported_first(module, command_environment):
    """The two need each other: the transform writes files, a file's polygons come from the transforms."""
    code = f"import {module}; from mani_monai.transforms.save_nuclei import SaveNucleid"
    subprocess.run([sys.executable, "-c", code], check=True, env=command_environment, timeout=120)
