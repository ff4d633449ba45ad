"""Pictures and channels of a pyramid in a TIFF: the slide alone is shown, or the file is refused."""

import numpy as np
import pytest
import tifffile
from made_slides import dark_model, made_picture

from mani_monai.apps.slides.opened_levels import open_levels
from mani_monai.apps.slides.slides_run import run_slides
from mani_monai.utils import InputError

pytest.importorskip("openslide")
PICTURE, OTHER = made_picture(512, 768), made_picture(512, 768, nuclei=40, seed=5)
PLANES = np.moveaxis(PICTURE, -1, 0)
SIZE = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25}


def ome(path, *pictures, axes="YXS", names=(), channels=None):
    """An OME-TIFF of pyramids of two levels."""
    options = {"tile": (128, 128), "photometric": "rgb" if axes == "YXS" else "minisblack"}
    with tifffile.TiffWriter(path, ome=True) as writer:
        for number, pixels in enumerate(pictures):
            facts = {"axes": axes, **SIZE, **({"Name": names[number]} if names else {})}
            facts |= {"Channel": {"Name": list(channels)}} if channels else {}
            writer.write(pixels, subifds=1, metadata=facts, **options)
            half = pixels[:, ::2, ::2] if axes == "CYX" else pixels[::2, ::2]
            writer.write(np.ascontiguousarray(half), subfiletype=1, **options)
    return path


def plain(path, *pages):
    """A TIFF of pages: pixels, whether they are flagged as a smaller copy, and whether they are tiles."""
    with tifffile.TiffWriter(path) as writer:
        for pixels, flagged, tiled in pages:
            options = {"tile": (128, 128)} if tiled else {}
            writer.write(
                np.ascontiguousarray(pixels), photometric="rgb", subfiletype=int(flagged), metadata=None, **options
            )
    return path


def shown(path):
    levels = open_levels(path)
    return np.asarray(levels.cut(0, 0, 0, *levels.sizes[0])), levels.notes


def test_one_picture_is_shown_without_a_word(tmp_path):
    pixels, notes = shown(ome(tmp_path / "a.ome.tif", PICTURE))
    np.testing.assert_array_equal(pixels, PICTURE)
    assert notes == ()


@pytest.mark.parametrize("names", [(), ("slide", "second scene"), ("macro image", "slide")])
@pytest.mark.parametrize("second", [OTHER, OTHER[:256, :384]], ids=["as large", "smaller"])
def test_two_scenes_are_refused(tmp_path, names, second):
    path = ome(tmp_path / "a.ome.tif", PICTURE, np.ascontiguousarray(second), names=names)
    with pytest.raises(InputError, match=r"a\.ome\.tif: holds 2 pictures; save each as a slide of its own"):
        open_levels(path)


def test_label_macro_and_thumbnail_are_left_out_and_said(tmp_path):
    path = ome(
        tmp_path / "a.ome.tif", PICTURE, OTHER[:160, :160].copy(), PICTURE[::4, ::4].copy(),
        names=("slide", "label image", "x"),
    )  # fmt: skip
    pixels, notes = shown(path)
    np.testing.assert_array_equal(pixels, PICTURE)
    assert notes == ("pictures beside the slide left out: 2",)
    (result,) = run_slides(dark_model(), path, tmp_path / "out", core=256, progress=False)
    assert result.status == "done"
    assert "pictures beside the slide left out: 2" in (tmp_path / "out" / "summary.csv").read_text()


@pytest.mark.parametrize("count", [2, 4, 5])
def test_channels_that_are_no_colours_are_refused(tmp_path, count):
    planes = np.concatenate([PLANES, PLANES])[:count]
    path = ome(tmp_path / "a.ome.tif", planes, axes="CYX")
    with pytest.raises(InputError, match=rf"a\.ome\.tif: holds {count} planes or channels; save .* as 8-bit RGB"):
        open_levels(path)


@pytest.mark.parametrize("names", [None, ("Red", "Green", "Blue"), ("R", "G", "B"), ("Channel 0", "Channel 1", "C:2")])
def test_three_planes_are_red_green_and_blue(tmp_path, names):
    pixels, notes = shown(ome(tmp_path / "a.ome.tif", PLANES, axes="CYX", channels=names))
    np.testing.assert_array_equal(pixels, PICTURE)
    assert notes == ("three planes taken as red, green and blue",)


@pytest.mark.parametrize("names", [("DAPI", "FITC", "Cy5"), ("Blue", "Green", "Red")])
def test_three_planes_of_other_names_are_refused(tmp_path, names):
    path = ome(tmp_path / "a.ome.tif", PLANES, axes="CYX", channels=names)
    with pytest.raises(InputError, match=rf"holds 3 planes or channels \({', '.join(names)}\)"):
        open_levels(path)


def test_grey_is_said(tmp_path):
    pixels, notes = shown(ome(tmp_path / "a.ome.tif", PLANES[:1], axes="CYX"))
    np.testing.assert_array_equal(pixels, np.repeat(PICTURE[..., :1], 3, axis=2))
    assert notes == ("grey to RGB",)


@pytest.mark.parametrize("first", [False, True])
def test_a_second_picture_of_a_plain_pyramid_is_not_dropped(tmp_path, first):
    pages = [(PICTURE, False, True), (PICTURE[::2, ::2], True, True)]
    other = [(OTHER[:300, :300], False, True)]
    with pytest.raises(InputError, match=r"a\.tif: holds 2 pictures"):
        open_levels(plain(tmp_path / "a.tif", *(other + pages if first else pages + other)))


def test_a_thumbnail_of_a_plain_pyramid_is_left_out_and_said(tmp_path):
    pages = [(PICTURE, False, True), (PICTURE[::2, ::2], True, True), (PICTURE[::8, ::8], False, False)]
    pixels, notes = shown(plain(tmp_path / "a.tif", *pages))
    np.testing.assert_array_equal(pixels, PICTURE)
    assert notes == ("pictures beside the slide left out: 1",)


def test_what_was_converted_of_a_plain_picture_is_said(tmp_path):
    from PIL import Image

    Image.fromarray(PICTURE).convert("L").save(tmp_path / "a.png")
    (result,) = run_slides(dark_model(), tmp_path / "a.png", tmp_path / "out", mpp=0.25, core=256, progress=False)
    assert "grey to RGB" in result.note
