"""Focus, pen and folds of tiles, and their shares of a slide."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from made_slides import GLASS, dark_model, made_picture, write_slide
from scipy.ndimage import gaussian_filter
from shapely import box

from mani_monai.apps.slides.slides_run import run_slides
from mani_monai.apps.slides.tile_quality import BLURRED, SlideQuality, TileQuality, tile_quality
from mani_monai.large_picture import Window

CORE = Window(0, 0, 256, 256)
WHOLE = box(0, 0, 256, 256)


def measured(picture, tissue=WHOLE, core=CORE, ratio=1.0):
    return tile_quality(picture, core, ratio, 0.25, tissue)


def test_a_blurred_tile_is_told_from_a_sharp_one():
    sharp = made_picture(256, 256, glass=0)
    blurred = gaussian_filter(sharp, (6, 6, 0))
    assert measured(sharp).blur < BLURRED < measured(blurred).blur
    assert measured(blurred) == measured(blurred.copy())


@pytest.mark.parametrize("colour", [(30, 160, 60), (20, 90, 190), (40, 38, 45)], ids=["green", "blue", "black"])
def test_ink_is_no_tissue_and_no_fold(colour):
    picture = made_picture(256, 256, glass=0)
    assert measured(picture).pen_share == 0
    picture[:64] = colour
    assert measured(picture).pen_share == 0.25
    assert measured(picture).fold_share == 0


@pytest.mark.parametrize("colour", [(0, 0, 0), (2, 3, 6), (30, 30, 30)])
def test_a_scanners_border_is_neither_ink_nor_a_fold(colour):
    """Noise of compression on black is saturated, and looks blue."""
    picture = made_picture(256, 256, glass=0)
    picture[:64] = colour
    picture[:, :20] = colour  # squares that it fills in part
    assert measured(picture).pen_share == 0
    assert measured(picture).fold_share == 0


def test_a_fold_is_more_saturated_than_bright_and_counts_by_tissue():
    picture = made_picture(256, 256, glass=0)
    assert measured(picture).fold_share == 0
    picture[:, :32] = (110, 10, 90)
    assert measured(picture).fold_share == 0.125
    assert measured(picture, box(0, 0, 64, 256)).fold_share == 0.5
    assert measured(picture, box(0, 0, 64, 256)).tissue_share == 0.25


def test_glass_says_nothing_of_focus():
    picture = np.full((256, 256, 3), GLASS, np.uint8)
    quality = measured(picture, box(0, 0, 0, 0))
    assert (quality.tissue_share, quality.blur, quality.fold_share) == (0, None, 0)
    assert measured(picture).blur is None  # one colour


def test_a_core_lies_where_it_does_on_the_slide():
    core = Window(100, 200, 356, 456)
    quality = measured(made_picture(256, 256, glass=0), box(400, 200, 656, 712), core, 2.0)
    assert (quality.left, quality.top, quality.right, quality.bottom) == (400, 200, 912, 712)
    assert quality.tissue_share == 0.5


def test_shares_of_a_slide_weigh_tiles_by_their_tissue():
    tiles = [
        TileQuality(0, 0, 10, 10, 1.0, 0.6, 0.0, 0.5),
        TileQuality(10, 0, 20, 10, 0.5, 0.3, 0.4, 0.2),
        TileQuality(20, 0, 25, 10, 0.0, None, 1.0, 0.0),
    ]
    quality = SlideQuality.of(tiles)
    assert quality.blurred_share == pytest.approx(2 / 3, abs=1e-4)
    assert quality.pen_share == pytest.approx((0 * 100 + 0.4 * 100 + 1 * 50) / 250, abs=1e-4)
    assert quality.fold_share == pytest.approx((0.5 * 100 + 0.2 * 50) / 150, abs=1e-4)
    assert SlideQuality.of([]) == SlideQuality(None, None, None)


def test_nothing_is_dropped_and_tiles_have_a_line_each(tmp_path):
    picture = made_picture(300, 500)
    plain = write_slide(tmp_path / "plain.svs", picture)
    picture[:, 192:256] = (20, 90, 190)
    inked = write_slide(tmp_path / "inked.svs", picture)
    found = []
    for path in (plain, inked):
        (result,) = run_slides(dark_model(), path, tmp_path / "out", core=256, progress=False)
        found.append(result)
        with open(tmp_path / "out" / path.stem / "tiles.csv", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        assert len(rows) == 4
        assert [row["pen_share"] > "0.0" for row in rows].count(True) == (2 if path is inked else 0)
    assert found[0].pen_share == 0 < found[1].pen_share < 0.15
    assert found[0].blurred_share is not None
    assert found[1].nuclei > 0
