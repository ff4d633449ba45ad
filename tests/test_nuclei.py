"""What a model found: outlines and files."""

from __future__ import annotations

import hashlib
import json
import uuid

import numpy as np
import pytest
from painted_model import round_nuclei
from PIL import Image

from mani_monai import Nuclei
from mani_monai.data.readers.outlines import pixels_within
from mani_monai.data.writers import read_geojson
from mani_monai.nuclei import source_of
from mani_monai.transforms import nuclei_table
from mani_monai.utils import InputError

INSTANCES = round_nuclei(40, 60, [(10, 12, 6), (25, 40, 9)])
PICTURE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def nuclei(**parts) -> Nuclei:
    probability = np.where(INSTANCES > 0, 0.9, 0.1).astype(np.float32)
    return Nuclei(INSTANCES, nuclei_table(INSTANCES, probability), probability, **parts)


def test_outlines_enclose_their_pixels():
    found = nuclei()
    assert len(found) == 2
    assert list(found.polygons) == [1, 2]
    for number, polygons in found.polygons.items():
        filled = np.zeros(INSTANCES.shape, bool)
        filled[pixels_within([ring for polygon in polygons for ring in polygon], INSTANCES.shape)] = True
        np.testing.assert_array_equal(filled, number == INSTANCES)


def test_it_saves_what_it_can(tmp_path):
    names = [path.name for path in nuclei().save(tmp_path / "a", "x")]
    assert names == ["x_instances.tif", "x.geojson", "x_nuclei.csv", "x_instances.png"]
    whole = nuclei(mask=INSTANCES == 1, picture=PICTURE)
    files = whole.save(tmp_path / "b", "x", ["mask", "overlay", "geojson"])
    assert whole.save(tmp_path / "b", "x", "mask,overlay,geojson") == files
    assert [path.name for path in whole.save(tmp_path / "c", outputs="csv")] == ["image_nuclei.csv"]
    assert all(path.is_file() for path in files)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "b" / "x_mask.png")), (INSTANCES == 1) * 255)
    np.testing.assert_array_equal(read_geojson(tmp_path / "b" / "x.geojson", INSTANCES.shape), INSTANCES)
    assert np.asarray(Image.open(tmp_path / "b" / "x_overlay.png")).shape == PICTURE.shape


def ids_of(path) -> list[str]:
    return [feature["id"] for feature in json.loads(path.read_text())["features"]]


def test_ids_follow_from_the_image_and_not_from_a_name(tmp_path):
    found = nuclei(source="0af3")
    (one,), (other,) = found.save(tmp_path, "one", "geojson"), found.save(tmp_path, "other", "geojson")
    firsts = [np.argwhere(number == INSTANCES)[0] for number in (1, 2)]
    expected = [str(uuid.uuid5(uuid.NAMESPACE_OID, f"0af3 {row} {column}")) for row, column in firsts]
    assert ids_of(one) == ids_of(other) == expected
    (named,) = found.save(tmp_path, "named", "geojson", source="another")
    assert not set(ids_of(named)) & set(ids_of(one))


def test_an_array_is_told_by_its_size_and_pixels(tmp_path):
    picture = np.arange(12, dtype=np.uint8).reshape(1, 4, 3)
    told = source_of(picture)
    assert told == hashlib.sha256(b"4x1" + bytes(range(12))).hexdigest()
    assert source_of(np.asfortranarray(picture)) == told
    assert source_of(picture.reshape(4, 1, 3)) != told != source_of(picture + np.uint8(1))
    (tmp_path / "a").write_bytes(b"abc")
    assert source_of(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize("output", ["mask", "overlay", "dicom"])
def test_what_it_cannot_save_is_refused(tmp_path, output):
    with pytest.raises(InputError, match=f"outputs {output}: is not there; choose among tiff"):
        nuclei().save(tmp_path / "a", "x", ["csv", output])
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("name", ["../x", "/x", "a/b", "..", "", "a\0b"])
def test_a_name_is_of_a_file_in_the_folder(tmp_path, name):
    with pytest.raises(InputError, match="is none of a file in a folder"):
        nuclei().save(tmp_path / "a", name)
    assert list(tmp_path.iterdir()) == []
