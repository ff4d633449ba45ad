"""HoVer-Net's instances made tile by tile are those of the whole map, wherever the tiles lie."""

from __future__ import annotations

import numpy as np
import pytest
from hover_outputs import OUTPUTS, irregular, ours, same_instances

from mani_monai.transforms import hover_instances

pytestmark = pytest.mark.usefixtures("no_warning")


@pytest.mark.parametrize("tile", [5, 64, 1000])
@pytest.mark.parametrize("name", ["crowded", "fine", "coarse"])
def test_the_same_tile_by_tile(name, tile):
    tiled = ours(OUTPUTS[name], tile=tile)
    assert same_instances(tiled, ours(OUTPUTS[name]))
    assert set(np.unique(tiled)) == set(range(tiled.max() + 1))


def test_the_same_tile_by_tile_where_a_nucleus_encloses_another():
    """The filled marker of the ring takes in what lies within it, as far as that may be from where the ring starts."""
    y, x = np.mgrid[:120, :120] - 60
    radius = np.hypot(y, x)
    mask = ((radius > 35) & (radius < 55)) | (radius < 6)
    distances = np.random.default_rng(0).standard_normal((2, *mask.shape)) * (radius > 58)
    settings = {"kernel_size": 5, "border_threshold": 0.8}  # so that the ring, which has no gradient, is all marker
    whole = hover_instances(mask.astype(float), distances, **settings)
    np.testing.assert_array_equal(whole, mask)
    for tile in (20, 50):
        np.testing.assert_array_equal(hover_instances(mask.astype(float), distances, tile=tile, **settings), mask)


@pytest.mark.parametrize("seed", range(4))
def test_ties_do_not_depend_on_the_tiles(seed):
    """Distances of three values make plateaus; wherever the tiles lie, the same nucleus gets them."""
    output = irregular((150, 140), 5, seed)
    output[2:4] = np.round(output[2:4])
    whole = ours(output, kernel_size=5, border_threshold=0.6)
    assert whole.max() > 10
    for tile in (11, 60):
        assert same_instances(ours(output, kernel_size=5, border_threshold=0.6, tile=tile), whole)
