"""Tiles of a DICOM slide that were cut short: named by their place, and the rest is done."""

from __future__ import annotations

import numpy as np
import pytest
from made_dicom import write_dicom
from made_slides import dark_model, made_picture

from mani_monai.apps.slides.jpeg_tiles import JpegTiles, WholeLevels
from mani_monai.apps.slides.opened_levels import open_levels
from mani_monai.apps.slides.slides_run import run_slides
from mani_monai.utils import InputError

pytest.importorskip("openslide")
pytest.importorskip("pydicom")
NOISE = np.random.default_rng(0).normal(0, 6, (500, 620, 3))
PICTURE = np.clip(made_picture(500, 620) + NOISE, 0, 255).astype(np.uint8)
PLACE = 1 * 5 + 3  # of 4 x 5 tiles: row 128, column 384


def cut(tile):
    return tile[: len(tile) // 2]


def ended(tile):
    return tile[: len(tile) // 2] + b"\xff\xd9"


def zeros(tile):
    return tile[: len(tile) // 2] + bytes(len(tile) - len(tile) // 2)


def zeros_within(tile):
    """OpenSlide says nothing of these, and shows other colours."""
    return tile[: len(tile) // 2] + bytes(300) + tile[len(tile) // 2 + 300 :]


@pytest.mark.parametrize("harm", [cut, ended, zeros, zeros_within])
@pytest.mark.parametrize("levels", [1, 2])
def test_a_cut_tile_is_named_and_the_others_are_read(tmp_path, harm, levels):
    path, *_ = write_dicom(tmp_path / "a", PICTURE, levels=levels, harm={PLACE: harm})
    slide = open_levels(path)
    assert isinstance(slide, WholeLevels)
    with pytest.raises(InputError, match=r"level0\.dcm: cannot be read at row 128, column 384"):
        slide.cut(0, 0, 0, 256, 512)
    assert slide.cut(0, 0, 0, 256, 384).size == (384, 256)
    slide.close()


@pytest.mark.parametrize("levels", [1, 3])
def test_a_whole_slide_is_read(tmp_path, levels):
    path, *_ = write_dicom(tmp_path / "a", PICTURE, levels=levels, harm={})
    slide = open_levels(path)
    for level, (height, width) in enumerate(slide.sizes):
        pixels = np.asarray(slide.cut(level, 0, 0, height, width), int)
        assert np.abs(pixels - PICTURE[:: 2**level, :: 2**level][:height, :width]).mean() < 12
    slide.close()


def test_tiles_of_no_jpeg_are_left_to_their_decoder(tmp_path):
    path, *_ = write_dicom(tmp_path / "a", PICTURE)
    assert JpegTiles.of(path, [(500, 620)]) is None


def test_the_summary_says_that_a_slide_is_incomplete(tmp_path):
    write_dicom(tmp_path / "slides" / "a", PICTURE, harm={PLACE: zeros_within})
    (result,) = run_slides(dark_model(), tmp_path / "slides", tmp_path / "out", core=128, progress=False)
    assert result.status == "incomplete"
    assert "row 128, column 384" in result.note


def in_any_order(path, harm=None):
    """Makes a file one whose tiles come in another order and say where they lie."""
    from pydicom import dcmread
    from pydicom.dataset import Dataset

    dataset = dcmread(path)
    count, edge = int(dataset.NumberOfFrames), int(dataset.Rows)
    across = -(-int(dataset.TotalPixelMatrixColumns) // edge)
    order = [int(number) for number in np.random.default_rng(0).permutation(count)]
    size = edge * edge * 3
    dataset.PixelData = b"".join(dataset.PixelData[number * size : (number + 1) * size] for number in order)
    dataset.DimensionOrganizationType = "TILED_SPARSE"
    frames = []
    for number in order:
        frame, place = Dataset(), Dataset()
        place.RowPositionInTotalImagePixelMatrix = number // across * edge + 1
        place.ColumnPositionInTotalImagePixelMatrix = number % across * edge + 1
        frame.PlanePositionSlideSequence = [place]
        frames.append(frame)
    if harm == "no row":
        del frames[3].PlanePositionSlideSequence[0].RowPositionInTotalImagePixelMatrix
    elif harm == "no place":
        frames[3].PlanePositionSlideSequence = []
    elif harm == "too few":
        del frames[-2:]
    if harm != "none":
        dataset.PerFrameFunctionalGroupsSequence = frames
    dataset.save_as(path)


def test_tiles_in_any_order_are_put_in_their_places(tmp_path):
    path, *_ = write_dicom(tmp_path / "a", PICTURE)
    in_any_order(path)
    slide = open_levels(path)
    np.testing.assert_array_equal(np.asarray(slide.cut(0, 0, 0, 500, 620)), PICTURE)
    slide.close()


@pytest.mark.parametrize(("harm", "known"), [("no row", 19), ("no place", 19), ("too few", 18), ("none", 0)])
def test_tiles_that_do_not_say_where_they_lie_are_refused(tmp_path, harm, known):
    """OpenSlide shows some of them in each other's places, and ends the process at others."""
    path, *_ = write_dicom(tmp_path / "a", PICTURE)
    in_any_order(path, harm)
    with pytest.raises(InputError, match=rf"level0\.dcm: is damaged \(says of {known} of its 20 tiles where they lie"):
        open_levels(path)
