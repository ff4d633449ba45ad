"""Tiles of a slide: cores of nuclei that may count, whole squares otherwise, and what of a window is trusted."""

from __future__ import annotations

import numpy as np
import pytest
from shapely import box, union_all

from mani_monai.apps.slides.tile_grid import TileGrid, tile_grid
from mani_monai.large_picture import Window

GRID = TileGrid((1000, 1500), 16, 320, 96, 60, 40)


def tiles(region, ratio=1.0):
    return {(tile.row, tile.column): tile.core for shard in GRID.shards(region, ratio, 1.0).values() for tile in shard}


def test_cores_are_cropped_to_where_first_corners_may_lie():
    assert tiles(box(100, 90, 200, 250)) == {(0, 0): Window(48, 64, 256, 208)}
    assert tiles(box(200, 180, 400, 500), 2.0) == {(0, 0): Window(48, 64, 256, 208)}


def test_a_region_just_behind_a_square_leaves_its_last_rows():
    assert tiles(box(330, 10, 340, 20)) == {(0, 0): Window(0, 288, 32, 320), (0, 1): Window(0, 320, 32, 352)}


def test_cores_of_a_region_of_everything_are_squares():
    found = tiles(box(0, 0, 1500, 1000))
    assert len(found) == 20
    assert found[3, 4] == Window(960, 1280, 1000, 1500)
    assert found[0, 0] == Window(0, 0, 320, 320)


def test_every_first_corner_lies_in_one_core():
    region = union_all([box(100, 90, 200, 250), box(900, 700, 1400, 990), box(330, 10, 340, 20)])
    cores = list(tiles(region).values())
    for x, y in ((100, 90), (70, 60), (199, 249), (900, 700), (1399, 989), (330, 10), (339, 19), (868, 668)):
        owners = [core for core in cores if core.top <= y < core.bottom and core.left <= x < core.right]
        assert len(owners) == 1, (x, y)


def test_what_is_trusted_ends_before_a_cut_but_not_before_the_slide_does():
    assert GRID.trusted(Window(0, 16, 400, 1500)) == Window(0, 56, 360, 1500)


def test_around_tissue_lies_the_reach_and_no_cut_of_its_own():
    window, tissue = Window(96, 160, 500, 700), np.zeros((404, 540), bool)
    assert GRID.around(window, tissue) is None
    tissue[100:201, 300:421] = True  # rows 196 to 296, columns 460 to 580 of the grid; 60 around it, then to 16
    assert GRID.around(window, tissue) == Window(128, 400, 368, 656)
    tissue[40, 40] = tissue[-41, -41] = True
    assert GRID.around(window, tissue) == window


@pytest.mark.parametrize("seen", [0, 1, 39])
def test_tissue_where_nothing_is_trusted_is_not_looked_at(seen):
    """A window that ends within its margin had no trusted part left."""
    window, tissue = Window(96, 160, 500, 700), np.zeros((404, 540), bool)
    tissue[200, [seen, 539 - seen]] = tissue[[seen, 403 - seen], 300] = True
    assert GRID.around(window, tissue) is None
    assert GRID.around(Window(0, 0, 404, 540), tissue) == Window(0, 0, 272, 368)


@pytest.mark.parametrize("edge", range(0, 540, 9))
def test_all_trusted_tissue_is_trusted_of_the_part_that_is_looked_at(edge):
    window, tissue = Window(96, 160, 500, 700), np.zeros((404, 540), bool)
    tissue[:, edge:] = True
    seen, trusted = GRID.around(window, tissue), GRID.trusted(window)
    if 160 + edge >= trusted.right:
        assert seen is None
    else:
        inner = GRID.trusted(seen)
        assert inner.left <= max(160 + edge, trusted.left) < inner.right == trusted.right
        assert (inner.top, inner.bottom) == (trusted.top, trusted.bottom)


@pytest.mark.parametrize(("core", "found"), [(2048, 2048), (5000, 2112), (3, 16)])
def test_even_windows_of_twice_the_halo_are_taken_at_once(core, found):
    assert tile_grid((9999, 9999), 16, 170, 140, 0.25, core).core == found
