"""Formats of scanners: their pixel size, pixels, unscanned parts, and the nuclei of what they show."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from made_scanners import BACKGROUND, TILE, write_bif, write_mirax, write_ndpi, write_scn
from made_slides import dark_model, made_picture
from PIL import Image

from mani_monai.apps.slides.slide import open_slide
from mani_monai.apps.slides.slides_run import run_slides
from mani_monai.large_picture import Window

PICTURE = made_picture(1024, 1024, nuclei=150)
WRITERS = {"a.ndpi": write_ndpi, "a.scn": write_scn, "a.bif": write_bif, "a.mrxs": write_mirax}
VENDORS = {"a.ndpi": "hamamatsu", "a.scn": "leica", "a.bif": "ventana", "a.mrxs": "mirax"}


@pytest.mark.parametrize("name", WRITERS)
def test_pixel_size_and_pixels_are_those_that_were_written(tmp_path, name):
    import openslide

    path = WRITERS[name](tmp_path / name, PICTURE)
    assert openslide.OpenSlide(path).properties["openslide.vendor"] == VENDORS[name]
    slide = open_slide(path)
    assert slide.shape == (1024, 1024)
    assert slide.size.um == pytest.approx(0.25)
    assert len(slide.levels.sizes) > 1
    found = slide.read(Window(300, 200, 700, 900)).astype(int)
    assert np.abs(found - PICTURE[300:700, 200:900]).mean() < 3


@pytest.mark.parametrize("name", WRITERS)
def test_nuclei_are_those_of_a_picture_of_the_same_pixels(tmp_path, name):
    path = WRITERS[name](tmp_path / name, PICTURE)
    Image.fromarray(open_slide(path).read(Window(0, 0, 1024, 1024))).save(tmp_path / "b.png")
    box = {"type": "Polygon", "coordinates": [[[90, 90], [900, 90], [900, 900], [90, 900], [90, 90]]]}
    (tmp_path / "roi.geojson").write_text(json.dumps(box))
    found = []
    for slide in (path, tmp_path / "b.png"):
        out = tmp_path / f"out_{slide.stem}"
        options = {"mpp": 0.25, "roi": str(tmp_path / "roi.geojson"), "core": 320, "progress": False}
        (result,) = run_slides(dark_model(), slide, out, **options)
        assert result.status == "done"
        rows = pq.read_table(out / slide.stem / "nuclei.parquet", columns=["geometry", "area_um2"]).to_pylist()
        found.append(sorted(rows, key=lambda row: row["geometry"]))
    assert found[0] == found[1]
    assert len(found[0]) > 40


def test_photographs_that_mirax_lacks_have_its_background_and_its_bounds_are_the_slide(tmp_path):
    missing = {(0, column) for column in range(4)} | {(2, 1)}
    slide = open_slide(write_mirax(tmp_path / "a.mrxs", PICTURE, 2, missing))
    assert slide.shape == (1024 - TILE, 1024)
    found = slide.read(Window(0, 0, *slide.shape)).astype(int)
    hole = found[TILE : 2 * TILE, TILE : 2 * TILE]
    assert (hole == BACKGROUND).all()
    expected = PICTURE[TILE:].astype(int)
    expected[TILE : 2 * TILE, TILE : 2 * TILE] = BACKGROUND
    assert np.abs(found - expected).mean() < 3
    assert sorted(path.name for path in slide.files) == ["Data0000.dat", "Index.dat", "Slidedat.ini", "a.mrxs"]
