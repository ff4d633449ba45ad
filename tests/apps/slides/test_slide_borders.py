"""HoVer-Net on slides: one scale of borders, bounded holes, clumps that are whole, and tiles that are the whole."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest
from made_slides import dark_model, write_slide
from painted_model import painted, painted_model, round_nuclei
from PIL import Image
from shapely import box

from mani_monai.apps.slides.slide import open_slide
from mani_monai.apps.slides.slide_borders import clump_boxes, with_slide_borders
from mani_monai.apps.slides.slides_run import run_slides
from mani_monai.data.pixel_size import PixelSize
from mani_monai.transforms.holes import filled
from mani_monai.transforms.hover_borders import BorderMap, border_scale
from mani_monai.transforms.hover_instances import hover_instances

HEIGHT, WIDTH = 500, 620


@pytest.fixture(scope="module")
def slide(tmp_path_factory):
    """Touching nuclei, the upper left ones of half the contrast, which a window would stretch."""
    random = np.random.default_rng(0)
    places = [
        (int(random.integers(10, HEIGHT - 10)), int(random.integers(10, WIDTH - 10)), int(random.integers(6, 12)))
        for _ in range(150)
    ]
    picture = painted(round_nuclei(HEIGHT, WIDTH, places)).astype(int)
    faint = picture[:250, :310, 1:]
    picture[:250, :310, 1:] = 127 + (faint - 127) // 2
    path = tmp_path_factory.mktemp("slides") / "a.png"
    Image.fromarray(picture.astype(np.uint8)).save(path)
    return path


def test_tiles_of_two_sizes_give_the_same_nuclei(slide, tmp_path):
    found = []
    for core in (164, 984):
        (result,) = run_slides(painted_model(), slide, tmp_path / str(core), mpp=0.25, core=core, progress=False)
        assert (result.status, result.cut) == ("done", 0)
        found.append(pq.read_table(tmp_path / str(core) / "a" / "nuclei.parquet").sort_by("id").to_pylist())
    assert len(found[0]) > 90
    assert found[0] == found[1]


def test_the_scale_of_a_slide_is_the_same_in_every_window(slide):
    opened = open_slide(slide, PixelSize(0.25, "--mpp"))
    model = with_slide_borders(painted_model(), opened, 1.0, box(0, 0, WIDTH, HEIGHT), None)
    (low, high, least, most), vertical = model.declaration.parting["border_scale"]
    assert low == pytest.approx(-1, abs=0.02)
    assert high == pytest.approx(1, abs=0.02)
    assert least < 0 < most
    assert len(vertical) == 4
    assert with_slide_borders(dark_model(), opened, 1.0, box(0, 0, WIDTH, HEIGHT), None).declaration.parting == (
        dark_model().declaration.parting
    )


def test_its_own_scale_gives_a_map_the_nuclei_that_it_has_without():
    random = np.random.default_rng(1)
    hover = random.normal(size=(2, 90, 110)).astype(np.float32)
    probability = np.ones((90, 110), np.float32)
    scale = border_scale([hover], 21)
    window = (slice(0, 90), slice(0, 110))
    own, given = (BorderMap(hover, 21, 256, True, each)(window) for each in (None, scale))
    np.testing.assert_allclose(given, own, atol=1e-5)
    np.testing.assert_array_equal(
        hover_instances(probability, hover, border_scale=scale) > 0, hover_instances(probability, hover) > 0
    )


def test_where_nothing_varies_there_is_no_border_and_beyond_the_scale_it_is_0_or_1():
    flat = np.zeros((2, 40, 40), np.float32)
    assert border_scale([flat], 21) == [[], []]
    assert border_scale([], 21) == [[], []]
    assert BorderMap(flat, 21, 256, True, [[], []]).is_empty
    steep = np.zeros((2, 40, 40), np.float32)
    steep[:, :, 20:] = 5
    steep[1] = steep[1].T
    border = BorderMap(steep, 21, 256, True, [[-1, 1, -0.01, 0.01]] * 2)((slice(0, 40), slice(0, 40)))
    assert (border.min(), border.max()) == (0.0, 0.5)


def test_holes_are_filled_up_to_a_size():
    mask = np.ones((60, 60), bool)
    mask[5:10, 5:10] = mask[20:50, 20:30] = False
    assert filled(mask).all()
    small = filled(mask, 10)
    assert small[5:10, 5:10].all()
    assert not small[20:50, 20:30].any()
    assert filled(mask, 30).all()


def test_what_a_nucleus_touches_decides_on_it():
    instances = np.zeros((60, 80), np.int32)
    instances[10:20, 10:20], instances[10:20, 20:30], instances[40:50, 60:70] = 1, 2, 3
    probability = (instances > 0).astype(np.float32)
    probability[15, 30:40] = 1  # a bridge that was given to no nucleus
    maps = np.stack([0.5 - probability, probability - 0.5])
    boxes = clump_boxes(painted_model(), instances, maps)
    assert boxes.tolist() == [[10, 20, 10, 40], [10, 20, 10, 40], [40, 50, 60, 70]]


def test_a_clump_that_no_window_holds_is_flagged(tmp_path):
    places = [(170, column, 9) for column in range(20, 1780, 16)]
    picture = painted(round_nuclei(340, 1800, places))
    Image.fromarray(picture).save(tmp_path / "a.png")
    (result,) = run_slides(painted_model(), tmp_path / "a.png", tmp_path / "out", mpp=0.25, core=164, progress=False)
    assert result.nuclei == result.cut > 50


def test_a_slide_that_was_scanned_is_taken_too(tmp_path):
    picture = painted(round_nuclei(300, 300, [(100, 100, 10), (100, 118, 9), (200, 200, 10)]))
    write_slide(tmp_path / "a.svs", picture)
    (result,) = run_slides(painted_model(), tmp_path / "a.svs", tmp_path / "out", core=164, progress=False)
    assert result.status == "done"
    assert result.nuclei >= 3
