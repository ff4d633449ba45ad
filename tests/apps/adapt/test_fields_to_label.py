"""Fields to label as files: their own pixels, at the image's pixel size, named by their place."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from mani_monai.apps.adapt.fields_to_label import write_fields
from mani_monai.apps.adapt.shown_fields import UnsureField
from mani_monai.data.pixel_size import PixelSize, read_pixel_size
from mani_monai.data.readers.rasters import read_image

PICTURE = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
FIELD = UnsureField(0, 20, 45, 20, 45, 0.3)


@pytest.mark.parametrize("um", [None, 0.25, 0.499])
def test_a_field_has_its_pixels_and_their_size(tmp_path, um):
    Image.fromarray(PICTURE).save(tmp_path / "a.b.png")
    write_fields(tmp_path / "out", [tmp_path / "a.b.png"], [FIELD], None if um is None else PixelSize(um, "--mpp"))
    (path,) = (tmp_path / "out").iterdir()
    assert path.name == "a.b_row20_column45.tif"
    np.testing.assert_array_equal(read_image(path).pixels, PICTURE[20:40, 45:90])
    size = read_pixel_size(path)
    assert size is None if um is None else size.um == pytest.approx(um, rel=1e-5)


def test_the_size_is_that_of_the_file_where_nobody_gives_one(tmp_path):
    resolution = {"resolution": (20000, 20000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(tmp_path / "a.tif", PICTURE, photometric="rgb", **resolution)
    write_fields(tmp_path / "out", [tmp_path / "a.tif"], [FIELD])
    assert read_pixel_size(tmp_path / "out" / "a_row20_column45.tif").um == pytest.approx(0.5)


def test_a_file_that_went_away_has_no_field_and_the_others_have(tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "b.png")
    fields = [FIELD, UnsureField(1, 0, 0, 30, 45, 0.2)]
    write_fields(tmp_path / "out", [tmp_path / "gone.png", tmp_path / "b.png"], fields)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b_row0_column0.tif"]
