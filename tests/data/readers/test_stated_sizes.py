"""What files state of their pixel sizes: units in any spelling, descriptions, and what contradicts itself."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from mani_monai.data.pixel_size import read_pixel_size
from mani_monai.data.readers.rasters import read_image
from mani_monai.utils import InputError

PIXELS = np.zeros((4, 6, 3), np.uint8)


def tiff(path, **options):
    tifffile.imwrite(path, PIXELS, photometric="rgb", **{"metadata": None, **options})


def ome(*images, before=""):
    """OME-XML of images: their sizes in pixels, what else Pixels says, and the page that they are on."""
    parts = "".join(
        f'<Image ID="Image:{n}"><Pixels ID="Pixels:{n}" SizeX="{x}" SizeY="{y}" {said}>'
        f'<TiffData IFD="{page}"/></Pixels></Image>'
        for n, (x, y, said, page) in enumerate(images)
    )
    return f'{before}<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{parts}</OME>'


def sides(number, unit=None, quote='"'):
    units = "" if unit is None else f" PhysicalSize{{0}}Unit={quote}{unit}{quote}"
    return " ".join(f"PhysicalSize{axis} = {quote}{number}{quote}{units.format(axis)}" for axis in "XY")


UNITS = {
    "um": 0.5,
    "\u00b5m": 0.5,
    "\u03bcm": 0.5,
    "\u00c2\u00b5m": 0.5,
    "\u00ce\u00bcm": 0.5,
    "&#181;m": 0.5,
    "&#xB5;m": 0.5,
    "\\u00B5m": 0.5,
    "\ufffdm": 0.5,
    "Microns": 0.5,
    "micrometres": 0.5,
    "\u00b5m/pixel": 0.5,
    "mm": 5e-4,
    "nm": 500,
    "\u00c5": 5000,
    "\u212b": 5000,
    "m": 5e-7,
    "cm": 5e-5,
    "dm": 5e-6,
    "Decimeters": 5e-6,
    "dam": 5e-8,
    "km": 5e-10,
    "fm": 5e8,
    "\u00b5": 0.5,
    "pt": 0.5 / 25400 * 72,
    "line": 0.5 / 25400 * 12,
    "ft": 0.5 / 304800,
    "inch": 0.5 / 25400,
    "[mu]m": 0.5,
    "?m": 0.5,
    "\u00b5 m": 0.5,
    "\u00b5m\u200b": 0.5,
    "'micron'": 0.5,
    "pixel": None,
    "reference frame": None,
}


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("unit", UNITS)
def test_units_in_any_spelling(tmp_path, unit, encoding):
    number = UNITS[unit]
    text = ome((6, 4, sides(number or 0.5, unit), 0))
    try:
        tiff(tmp_path / "ome.tif", description=text.encode(encoding))
        words = f"ImageJ=1.54f\nunit={unit}\n".encode(encoding)
    except UnicodeEncodeError:
        pytest.skip(f"{encoding} has no {unit}")
    tiff(tmp_path / "j.tif", description=words, resolution=(1 / (number or 0.5),) * 2, resolutionunit=1)
    for name in ("ome.tif", "j.tif"):
        found = read_pixel_size(tmp_path / name)
        assert (found and found.um) == (number and pytest.approx(0.5, rel=1e-4)), name


DESCRIPTIONS = {
    "single quotes": (ome((6, 4, sides(0.5, "um", "'"), 0)), 0.5),
    "no unit": (ome((6, 4, sides(0.5), 0)), 0.5),
    "decimal comma": (ome((6, 4, sides("0,5"), 0)), 0.5),
    "byte order mark": (ome((6, 4, sides(0.5), 0), before='\ufeff<?xml version="1.0" encoding="UTF-8"?>'), 0.5),
    "another image first": (ome((2, 2, sides(4.0), 1), (6, 4, sides(0.5), 0)), 0.5),
    "of one size, on two pages": (ome((6, 4, sides(4.0), 1), (6, 4, sides(0.5), 0)), 0.5),
    "two that differ, of unknown pages": (ome((6, 4, sides(4.0), 2), (6, 4, sides(0.5), 2)), None),
    "broken XML": ('<OME><Pixels PhysicalSizeX="0.5"', None),
    "aperio": ("Aperio Image Library v12\r\n6x4 |AppMag = 20|MPP = 0,5000|Left = 1", 0.5),
    "aperio, close": ("Aperio|AppMag=20|MPP=0.5", 0.5),
    "philips": ('<Attribute Name="DICOM_PIXEL_SPACING" Group="0x28">"0.0005" "0.0005"</Attribute>', 0.5),
    "aperio, lower case": ("Aperio|appmag=20|mpp = 0.5|x", 0.5),
    "a colon and a unit": ("Scanner; Mpp: 0.5um; x", 0.5),
    "in the midst of words": ("x MPP=0.5, y MPP=0.5", 0.5),
    "another word's end": ("Aperio|XMPP=0.5|IMPPQ = 4", None),
    "MPP of nothing": ("Aperio|MPP = |AppMag = 20", None),
}


@pytest.mark.parametrize("case", DESCRIPTIONS)
def test_what_a_description_says(tmp_path, case):
    text, um = DESCRIPTIONS[case]
    tiff(tmp_path / "a.tif", description=text.encode())
    found = read_pixel_size(tmp_path / "a.tif")
    assert (found and found.um) == (um and pytest.approx(um))


@pytest.mark.parametrize("text", ["Aperio|MPP = 0.25|MPP = 0.5", "mpp=0.25\nMPP: 0,5", "MPP=0.25|MPP=0.26|MPP=0.5"])
def test_two_sizes_in_one_description_are_refused(tmp_path, text):
    tiff(tmp_path / "a.tif", description=text)
    line = r"a\.tif: its MPP in its description says both 0\.25 and 0\.5 um; name the right one with --mpp\.$"
    with pytest.raises(InputError, match=line):
        read_pixel_size(tmp_path / "a.tif")


def test_a_division_by_zero_says_nothing(tmp_path):
    path = tmp_path / "a.tif"
    tiff(path, resolution=((7777, 1), (7777, 1)), resolutionunit=3)
    path.write_bytes(path.read_bytes().replace(b"\x61\x1e\0\0\1\0\0\0", b"\x61\x1e\0\0\0\0\0\0"))
    assert read_pixel_size(path) is None


@pytest.mark.parametrize(
    "text",
    [
        ome((6, 4, 'PhysicalSizeX="0.25" PhysicalSizeY="0.5"', 0)),
        ome((6, 4, 'PhysicalSizeX="0.25" PhysicalSizeXUnit="um" PhysicalSizeY="0.5" PhysicalSizeYUnit="um"', 0)),
        '<Attribute Name="DICOM_PIXEL_SPACING">"0.0005" "0.00025"</Attribute>',
    ],
)
def test_descriptions_of_pixels_that_are_not_square(tmp_path, text):
    tiff(tmp_path / "a.tif", description=text)
    with pytest.raises(InputError, match=r"a\.tif: its pixels are not square \(0\.25 x 0\.5 um by its"):
        read_pixel_size(tmp_path / "a.tif")


def test_axes_in_units_of_their_own_may_be_square(tmp_path):
    text = ome((6, 4, 'PhysicalSizeX="0.5" PhysicalSizeXUnit="um" PhysicalSizeY="500" PhysicalSizeYUnit="nm"', 0))
    tiff(tmp_path / "a.tif", description=text)
    assert read_pixel_size(tmp_path / "a.tif").um == 0.5


def test_what_contradicts_itself_says_both(tmp_path):
    tiff(tmp_path / "a.tif", description="Aperio |MPP = 0.5", resolution=(40000, 40000), resolutionunit=3)
    found = read_pixel_size(tmp_path / "a.tif")
    assert (found.um, found.doubt) == (0.5, "its TIFF resolution says 0.25 um")


@pytest.mark.parametrize(("size", "doubted"), [((12, 8), "1"), ((3, 2), "0.25"), ((12, 4), None), ((6, 4), None)])
def test_a_description_of_a_picture_in_another_size_is_doubted(tmp_path, size, doubted):
    """Photoshop resizes a picture and keeps its text; what is cut out of it, in another form, keeps its pixels."""
    tiff(tmp_path / "a.tif", description=ome((*size, 'PhysicalSizeX="0.5" PhysicalSizeY="0.5"', 0)))
    found, form = read_pixel_size(tmp_path / "a.tif"), f"{size[1]}x{size[0]} (height x width)"
    said = f"its OME description, if it was resized from {form}, says {doubted} um"
    assert (found.um, found.doubt) == (0.5, "" if doubted is None else said)


def test_the_largest_page_speaks_for_itself_and_for_its_pixels(tmp_path):
    large = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        options = {"photometric": "rgb", "metadata": None, "resolutionunit": 3}
        writer.write(large, resolution=(10000, 10000), **options)
        writer.write(large.repeat(2, 0).repeat(2, 1), resolution=(20000, 20000), **options)
    assert read_image(tmp_path / "a.tif").pixels.shape == (80, 120, 3)
    assert read_pixel_size(tmp_path / "a.tif").um == 0.5
