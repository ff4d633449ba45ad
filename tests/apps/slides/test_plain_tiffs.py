"""TIFFs as slides: shown as they are meant, or refused."""

import numpy as np
import pytest
import tifffile
from bare_tiffs import bare_tiff

from mani_monai.apps.slides.opened_levels import open_levels
from mani_monai.utils import InputError

pytest.importorskip("openslide")
PICTURE = np.random.default_rng(0).integers(0, 256, (320, 512, 3)).astype(np.uint8)
TILED = {"photometric": "rgb", "tile": (256, 256), "metadata": None}


def shown(path):
    levels = open_levels(path)
    height, width = levels.sizes[0]
    return np.asarray(levels.cut(0, 0, 0, height, width))


@pytest.mark.parametrize("values", [PICTURE, PICTURE.astype(np.uint16) * 257], ids=["8 bits", "16 bits"])
def test_plain_ones_are_shown(tmp_path, values):
    tifffile.imwrite(tmp_path / "a.tif", values, **TILED)
    np.testing.assert_array_equal(shown(tmp_path / "a.tif"), PICTURE)


@pytest.mark.parametrize("subfile", [0, 1], ids=["unflagged", "flagged"])
def test_a_smaller_copy_is_no_second_picture(tmp_path, subfile):
    smooth = np.repeat(np.repeat(PICTURE[:10, :16], 32, axis=0), 32, axis=1)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(smooth, **TILED)
        writer.write(np.ascontiguousarray(smooth[::2, ::2]), subfiletype=subfile, **TILED)
    np.testing.assert_array_equal(shown(tmp_path / "a.tif"), smooth)


@pytest.mark.parametrize(
    ("values", "options", "fault"),
    [
        (PICTURE, {"extratags": [(274, 3, 1, 3, True)]}, "turned or mirrored"),
        (PICTURE, {"extratags": [(274, 3, 1, 6, True)]}, "turned or mirrored"),
        (PICTURE.astype(np.uint16) * 16, {}, "stay below 4096"),
        (PICTURE.view(np.int8), {}, "int8"),
        (PICTURE[..., :2], {"photometric": "minisblack", "planarconfig": "contig"}, "two channels"),
    ],
    ids=["upside down", "turned", "12 bits in 16", "signed", "two channels"],
)
def test_what_would_be_shown_wrongly_is_refused(tmp_path, values, options, fault):
    tifffile.imwrite(tmp_path / "a.tif", values, **{**TILED, **options})
    with pytest.raises(InputError, match=rf"a\.tif: .*{fault}"):
        open_levels(tmp_path / "a.tif")


@pytest.mark.parametrize("extra", [1, 2])
def test_a_channel_beside_red_green_and_blue_is_not_taken_for_what_is_transparent(tmp_path, extra):
    channels = np.full((*PICTURE.shape[:2], extra), 40, np.uint8)
    values = np.concatenate([PICTURE, channels], axis=-1)
    tifffile.imwrite(tmp_path / "a.tif", values, **TILED, extrasamples=["unspecified"] * extra, planarconfig="contig")
    np.testing.assert_array_equal(shown(tmp_path / "a.tif"), PICTURE)


def test_a_fourth_channel_that_is_not_said_to_be_transparent_is_not_taken_for_it(tmp_path):
    values = np.concatenate([PICTURE, PICTURE[..., :1]], axis=-1)
    path = bare_tiff(tmp_path / "a.tif", values, {258: [8] * 4, 262: [2], 277: [4]})
    with pytest.raises(InputError, match=r"a\.tif: does not say what its fourth channel is"):
        open_levels(path)


@pytest.mark.parametrize(
    ("values", "fault"),
    [(PICTURE.astype(np.uint16) * 16, "uint16"), (PICTURE.view(np.int8), "int8")],
    ids=["12 bits in 16", "signed"],
)
def test_a_scanner_s_file_of_other_values_is_refused(tmp_path, values, fault):
    description = "Aperio Image Library v11.2.1\r\nmade|AppMag = 40|MPP = 0.25"
    tifffile.imwrite(tmp_path / "a.svs", values, **TILED, description=description, compression="lzw")
    with pytest.raises(InputError, match=rf"a\.svs: holds {fault} values; store the slide as 8-bit RGB"):
        open_levels(tmp_path / "a.svs")


@pytest.mark.parametrize("second", [PICTURE[::-1], PICTURE[::-1, :300]], ids=["of its size", "smaller"])
def test_a_second_picture_is_not_dropped(tmp_path, second):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(PICTURE, **TILED)
        writer.write(np.ascontiguousarray(second), **TILED)
    with pytest.raises(InputError, match="stack of 2 pages"):
        open_levels(tmp_path / "a.tif")


@pytest.mark.parametrize("orientation", [1, 3])
def test_of_large_ones_the_odd_alone_are_refused(tmp_path, monkeypatch, orientation):
    monkeypatch.setattr("mani_monai.apps.slides.plain_tiffs.MOST_PIXELS", 1000)
    tifffile.imwrite(tmp_path / "a.tif", PICTURE, extratags=[(274, 3, 1, orientation, True)], **TILED)
    if orientation == 1:
        np.testing.assert_array_equal(shown(tmp_path / "a.tif"), PICTURE)
    else:
        with pytest.raises(InputError, match=r"a\.tif: is stored turned .*; store the slide upright"):
            open_levels(tmp_path / "a.tif")
