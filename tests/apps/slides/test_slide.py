"""Slides: their pixel size, and pixels that do not depend on the window they are read in."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from made_slides import made_picture, write_slide
from PIL import Image

from mani_monai.apps.slides.slide import open_slide
from mani_monai.apps.slides.slide_levels import OpenSlideLevels
from mani_monai.data.pixel_size import PixelSize
from mani_monai.large_picture import Window
from mani_monai.utils import InputError

PICTURE = made_picture(301, 423)


@pytest.fixture(scope="module")
def slide(tmp_path_factory):
    return open_slide(write_slide(tmp_path_factory.mktemp("slides") / "a.svs", PICTURE, levels=2))


def whole(slide, ratio):
    height, width = slide.grid(ratio)
    return slide.read(Window(0, 0, height, width), ratio)


def test_it_knows_its_size_and_its_pixels(slide):
    assert slide.shape == (301, 423)
    assert (slide.size.um, slide.size.origin) == (0.25, "header")
    assert slide.area_mm2 == pytest.approx(301 * 423 * 0.0625e-6)
    assert np.abs(whole(slide, 1).astype(int) - PICTURE).mean() < 8  # JPEG


@pytest.mark.parametrize(("um", "ratio"), [(0.25, 1), (0.27, 1), (0.5, 2), (0.4, 102 / 64), (0.125, 0.5), (None, 1)])
def test_ratios_are_whole_64ths_or_1_within_a_tenth(slide, um, ratio):
    assert slide.ratio(um) == ratio


def test_a_ratio_beyond_four_is_refused(slide):
    with pytest.raises(InputError, match=r"a\.svs: its pixels are 0\.25 um .* more than 4 times apart"):
        slide.ratio(1.25)


@pytest.mark.parametrize("ratio", [1, 2, 102 / 64, 0.5, 0.78125, 3.90625])
def test_windows_have_the_pixels_of_the_whole(slide, ratio):
    everything = whole(slide, ratio)
    height, width = everything.shape[:2]
    for top, left, bottom, right in [(0, 0, 32, 48), (16, 32, 48, width), (32, 16, height, 64), (48, 48, 64, 80)]:
        window = Window(top, left, bottom, right)
        np.testing.assert_array_equal(slide.read(window, ratio), everything[top:bottom, left:right])


def test_an_overview_is_the_mean_of_what_it_shows(slide):
    small = slide.overview((10, 14))
    assert small.shape == (10, 14, 3)
    np.testing.assert_allclose(small.mean(axis=(0, 1)), whole(slide, 1).mean(axis=(0, 1)), atol=4)


def test_a_picture_is_a_slide_of_one_level(tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    slide = open_slide(tmp_path / "a.png", PixelSize(0.5, "--mpp"))
    np.testing.assert_array_equal(whole(slide, 1), PICTURE)


@pytest.mark.parametrize(
    ("mpp", "words"),
    [
        (None, "does not say how large"),
        (25, "says that its pixels are 25 um, which cannot be"),
        (0, "does not say how large|says that its pixels are 0 um, which cannot be"),
    ],
)
def test_a_slide_whose_pixel_size_nobody_knows_is_refused(tmp_path, mpp, words):
    path = write_slide(tmp_path / "a.svs", PICTURE, mpp)
    with pytest.raises(InputError, match=rf"a\.svs: {words}.*--mpp"):
        open_slide(path)
    assert open_slide(path, PixelSize(0.5, "--mpp")).size.um == 0.5


@pytest.mark.parametrize("name", ["a.svs", "a.ndpi", "a.tif", "a.png", "a.mrxs"])
def test_a_damaged_file_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"II*\0no slide at all")
    with pytest.raises(InputError, match=rf"{name}: "):
        open_slide(tmp_path / name, PixelSize(0.5, "--mpp"))


def test_a_damaged_tile_is_named_by_its_place_and_the_rest_is_read(tmp_path):
    path = write_slide(tmp_path / "a.svs", PICTURE)
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        offset, count = tiff.pages[0].dataoffsets[5], tiff.pages[0].databytecounts[5]  # row 128, column 128
    content = bytearray(path.read_bytes())
    content[offset : offset + count] = bytes(count)
    path.write_bytes(content)
    slide = open_slide(path)
    with pytest.raises(InputError, match=r"a\.svs: cannot be read at row 130, column 130 .*copy the slide again"):
        slide.read(Window(130, 130, 160, 160))
    assert slide.read(Window(0, 0, 100, 100)).shape == (100, 100, 3)


class Unscanned:
    """What OpenSlide gives of a slide that was scanned in part: transparent black, and bounds."""

    properties: ClassVar = {
        "openslide.background-color": "F0E0D0", "openslide.bounds-x": "20", "openslide.bounds-y": "10",
        "openslide.bounds-width": "64", "openslide.bounds-height": "32", "openslide.mpp-x": "0.5",
        "openslide.mpp-y": "0.5",
    }  # fmt: skip
    dimensions = (200, 100)
    level_downsamples = (1.0, 4.0)
    level_dimensions = ((200, 100), (50, 25))

    def __init__(self, path):
        self.places = []

    def read_region(self, place, level, size):
        self.places.append((place, level, size))
        region = Image.new("RGBA", size, (0, 0, 0, 0))
        region.paste((10, 20, 30, 255), (0, 0, 4, 4))
        return region


def test_what_was_not_scanned_has_the_background_and_bounds_are_the_slide(tmp_path, monkeypatch):
    import openslide

    monkeypatch.setattr(openslide, "OpenSlide", Unscanned)
    levels = OpenSlideLevels(tmp_path / "a.mrxs")
    assert levels.sizes == ((32, 64), (8, 16))
    pixels = np.asarray(levels.cut(0, 3, 5, 8, 9))
    assert levels._slide.places == [((25, 13), 0, (9, 8))]
    assert (pixels[:4, :4] == (10, 20, 30)).all()
    assert (pixels[4:] == (0xF0, 0xE0, 0xD0)).all()
    assert (pixels[:, 4:] == (0xF0, 0xE0, 0xD0)).all()


@pytest.mark.parametrize(("um", "doubt"), [(0.5, "its file says 0.25 um (header)"), (0.26, "")])
def test_a_pixel_size_that_contradicts_the_file_is_said(slide, um, doubt):
    given = open_slide(slide.path, PixelSize(um, "--mpp"))
    assert (given.size.um, given.size.doubt) == (um, doubt)
