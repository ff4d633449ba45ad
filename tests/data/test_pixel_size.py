"""Pixel sizes: what files say in their several ways, what is no microscope's, and how far images are rescaled."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from mani_monai.data.pixel_size import PixelSize, given_pixel_size, read_pixel_size, scale_for, size_of
from mani_monai.utils import InputError

PIXELS = np.zeros((4, 6, 3), np.uint8)
BOMB = '<!DOCTYPE a [<!ENTITY b "&c;&c;"><!ENTITY c "&b;&b;">]><OME PhysicalSizeX="&b;" PhysicalSizeY="0.25"/>'


def tiff(path, **options):
    tifffile.imwrite(path, PIXELS, photometric="rgb", **{"metadata": None, **options})


WAYS = {
    "inch": (lambda p: tiff(p, resolution=(101600, 101600), resolutionunit=2), 0.25, "TIFF resolution"),
    "centimetre": (lambda p: tiff(p, resolution=(20000, 20000), resolutionunit=3), 0.5, "TIFF resolution"),
    "unit none": (lambda p: tiff(p, resolution=(4, 4), resolutionunit=1), None, None),
    "print": (lambda p: tiff(p, resolution=(300, 300), resolutionunit=2), None, None),
    "zero": (lambda p: tiff(p, resolution=((0, 1), (0, 1)), resolutionunit=2), None, None),
    "aperio, reduced": (
        lambda p: tiff(p, description="Aperio Image\r\n48x36 [0,4 24x16] -> 6x4 - |AppMag = 40|MPP = 0.2520"),
        4 * 0.252,
        "MPP in its description",
    ),
    "aperio, reduced in tiles": (
        lambda p: tiff(p, description="Aperio Image\r\n48x36 [0,4 24x16] (240x240) -> 6x4 JPEG/RGB|MPP = 0.2520"),
        4 * 0.252,
        "MPP in its description",
    ),
    "aperio, a part": (
        lambda p: tiff(p, description="Aperio Image\r\n48x36 [0,4 6x4] (240x240) -> 3x2 - |MPP = 0.2520"),
        0.252,
        "MPP in its description",
    ),
    "json": (
        lambda p: tifffile.imwrite(p, PIXELS, photometric="rgb", metadata={"mpp": 0.25}),
        0.25,
        "MPP in its description",
    ),
    "json of a tile": (
        lambda p: tifffile.imwrite(p, PIXELS, photometric="rgb", metadata={"slide_mpp": 0.25, "mpp": 0.5}),
        0.5,
        "MPP in its description",
    ),
    "json of its slide alone": (
        lambda p: tifffile.imwrite(p, PIXELS, photometric="rgb", metadata={"slide_mpp": 0.25}),
        None,
        None,
    ),
    "openslide": (
        lambda p: tiff(p, description="openslide.mpp-x: 0.25\nopenslide.mpp-y: 0.25"),
        0.25,
        "MPP in its description",
    ),
    "aperio": (
        lambda p: tiff(p, description="Aperio Image|AppMag = 40|MPP = 0.2520|x = 1", resolution=(72, 72)),
        0.252,
        "MPP in its description",
    ),
    "ome": (
        lambda p: tifffile.imwrite(p, PIXELS, ome=True, metadata={"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}),
        0.5,
        "OME description",
    ),
    "ome nm": (
        lambda p: tiff(
            p,
            description='<OME><Pixels PhysicalSizeX="250" PhysicalSizeXUnit="nm" PhysicalSizeY="250" '
            'PhysicalSizeYUnit="nm"/></OME>',
        ),
        0.25,
        "OME description",
    ),
    "ome px": (
        lambda p: tiff(p, description='<OME><Pixels PhysicalSizeX="1" PhysicalSizeXUnit="pixel"/></OME>'),
        None,
        None,
    ),
    "imagej": (
        lambda p: tiff(p, description="ImageJ=1.53t\nunit=\\u00B5m\n", resolution=(2, 2), resolutionunit=1),
        0.5,
        "ImageJ description",
    ),
    "entities": (lambda p: tiff(p, description=BOMB), None, None),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_a_tiff_says(way, tmp_path):
    write, um, origin = WAYS[way]
    write(tmp_path / "a.tif")
    found = read_pixel_size(tmp_path / "a.tif")
    assert (found and found.origin) == origin
    assert (found and found.um) == (um and pytest.approx(um, rel=1e-4))


@pytest.mark.parametrize(("ending", "dpi", "um"), [("png", 50800, 0.5), ("png", 72, None), ("jpg", 50800, 0.5)])
def test_what_a_density_says(ending, dpi, um, tmp_path):
    path = tmp_path / f"a.{ending}"
    Image.fromarray(PIXELS).save(path, dpi=(dpi, dpi))
    found = read_pixel_size(path)
    assert (found and found.um) == (um and pytest.approx(um, rel=1e-3))


def test_files_that_say_nothing(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "plain.png")
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "half.tif").write_bytes(b"II*\0\x08\0\0\0")
    for path in tmp_path.iterdir():
        assert read_pixel_size(path) is None
    assert read_pixel_size(tmp_path / "missing.png") is None


def test_pixels_that_are_not_square(tmp_path):
    tiff(tmp_path / "a.tif", resolution=(101600, 50800), resolutionunit=2)
    with pytest.raises(InputError, match=r"a\.tif: its pixels are not square \(0\.25 x 0\.5 um"):
        read_pixel_size(tmp_path / "a.tif")


@pytest.mark.parametrize("mpp", ["forty", 0, -0.25, float("nan"), float("inf"), 40, True, [0.25]])
def test_pixel_sizes_that_make_no_sense(mpp):
    with pytest.raises(InputError, match=r"--mpp .*: write micrometres per pixel"):
        given_pixel_size(mpp)


def test_given_pixel_sizes():
    assert given_pixel_size(None) is None
    assert given_pixel_size("0.5") == PixelSize(0.5, "--mpp")


@pytest.mark.parametrize(
    ("image", "network", "scale"),
    [
        (0.25, 0.25, 1), (0.27, 0.25, 1), (0.23, 0.25, 1), (0.5, 0.25, 2), (0.125, 0.25, 0.5), (0.28, 0.25, 64 / 57),
        (1.0, 0.25, 4), (None, 0.25, 1), (0.25, None, 1), (None, None, 1),
    ],
)  # fmt: skip
def test_scales(image, network, scale):
    assert scale_for(image and PixelSize(image, "x"), network) == pytest.approx(scale)


@pytest.mark.parametrize(("image", "network"), [(1.01, 0.25), (0.25, 1.01)])
def test_more_than_four_times_is_refused(image, network):
    with pytest.raises(InputError, match="more than 4 times apart") as refusal:
        scale_for(PixelSize(image, "OME description"), network)
    assert "OME description" in str(refusal.value)


def test_what_a_user_gives_goes_before_the_file_which_is_quoted(tmp_path):
    tiff(tmp_path / "a.tif", resolution=(40000, 40000), resolutionunit=3)
    assert size_of(tmp_path / "a.tif", None) == PixelSize(0.25, "TIFF resolution")
    assert size_of(tmp_path / "a.tif", given_pixel_size(0.26)) == PixelSize(0.26, "--mpp")
    quoted = PixelSize(0.5, "--mpp", "its file says 0.25 um (TIFF resolution)")
    assert size_of(tmp_path / "a.tif", given_pixel_size(0.5)) == quoted
    tiff(tmp_path / "b.tif", resolution=(40000, 20000), resolutionunit=3)
    assert "pixels are not square" in size_of(tmp_path / "b.tif", given_pixel_size(0.5)).doubt
    tiff(tmp_path / "c.tif")
    assert size_of(tmp_path / "c.tif", given_pixel_size(0.5)) == PixelSize(0.5, "--mpp")
