"""Sizes of pixels in the tags that Ventana's scanners and MetaMorph write."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import tifffile

from mani_monai.data.pixel_size import read_pixel_size
from mani_monai.data.readers.rasters import read_image
from mani_monai.utils import InputError

PIXELS = np.zeros((4, 6, 3), np.uint8)
BOMB = '<!DOCTYPE a [<!ENTITY b "&c;&c;"><!ENTITY c "&b;&b;">]>'
SCAN = '<Metadata><iScan Magnification="40" ScanRes="0.2325" UnitNumber="1"/></Metadata>'
WRAPPED = f'<?xpacket?><x:xmpmeta xmlns:x="adobe:ns:meta/">{SCAN}</x:xmpmeta>'


def xmp(text: str) -> tuple:
    return (700, 1, len(text), text.encode(), True)


def metaseries(x, y, units="um", state="on"):
    props = {"spatial-calibration-x": x, "spatial-calibration-y": y}
    lines = "".join(f'<prop id="{name}" type="float" value="{value}"/>' for name, value in props.items())
    lines += f'<prop id="spatial-calibration-state" type="bool" value="{state}"/>'
    lines += f'<prop id="spatial-calibration-units" type="string" value="{units}"/>'
    return f"<MetaData><PlaneInfo>{lines}</PlaneInfo></MetaData>"


def write_stk(path, x=(13, 40), y=(13, 40), units=b"um\0", state=1, planes=1):
    """A TIFF of MetaMorph: UIC1 holds numbers, and places of fractions and texts; UIC2 counts the planes."""
    ids = (3, state), (4, 0xAAAA0004), (5, 0xAAAA0005), (6, 0xAAAA0006)
    tags = [(33628, 4, 4, tuple(np.ravel(ids).tolist()), True), (33629, 5, planes, (0, 1, 0, 0, 0, 0) * planes, True)]
    tifffile.imwrite(path, PIXELS, photometric="rgb", metadata=None, byteorder="<", extratags=_written(tags))
    content = path.read_bytes()
    for tag, value in (
        (4, struct.pack("<2I", *x)),
        (5, struct.pack("<2I", *y)),
        (6, struct.pack("<I", len(units)) + units),
    ):
        content = content.replace(struct.pack("<I", 0xAAAA0000 + tag), struct.pack("<I", len(content))) + value
    path.write_bytes(content)


def _written(tags):
    """Tags as tifffile writes them: UIC1 has two numbers an entry, which its count does not say."""
    (code, kind, count, value, once), uic2 = tags
    return [(code, kind, 2 * count, value, once), (uic2[0], 5, 3 * uic2[2], uic2[3], once)]


def fix_counts(path, planes):
    """Halves and thirds the counts of UIC1 and UIC2 in the file, as MetaMorph writes them."""
    content = bytearray(path.read_bytes())
    for tag, kind, count, right in ((33628, 4, 8, 4), (33629, 5, 3 * planes, planes)):
        place = content.index(struct.pack("<HHI", tag, kind, count))
        struct.pack_into("<I", content, place + 4, right)
    path.write_bytes(content)


SIZES = {
    "ventana": ({"extratags": [xmp(SCAN)]}, 0.2325),
    "ventana, wrapped": ({"extratags": [xmp(WRAPPED)]}, 0.2325),
    "ventana, a level": ({"extratags": [xmp(SCAN)], "description": "level=1 mag=20 quality=95"}, 0.465),
    "ventana, the scan's level": ({"extratags": [xmp(SCAN)], "description": "level=0 mag=40 quality=95"}, 0.2325),
    "another XMP": ({"extratags": [xmp("<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")]}, None),
    "no XML": ({"extratags": [xmp("<iScan ScanRes='0.25'")]}, None),
    "entities": ({"extratags": [xmp(f"{BOMB}{SCAN}")]}, None),
    "metaseries": ({"description": metaseries(0.325, 0.325)}, 0.325),
    "metaseries, nm": ({"description": metaseries(325, 325, "nm")}, 0.325),
    "metaseries, pixels": ({"description": metaseries(1, 1, "pixel")}, None),
    "metaseries, off": ({"description": metaseries(0.325, 0.325, state="off")}, None),
    "metaseries, entities": ({"description": BOMB + metaseries(0.325, 0.325)}, None),
}


@pytest.mark.parametrize("name", SIZES)
def test_what_an_instrument_says(name, tmp_path):
    options, um = SIZES[name]
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PIXELS, photometric="rgb", metadata=None, **options)
    found = read_pixel_size(path)
    assert (found and found.um) == (um and pytest.approx(um))


def test_the_first_page_speaks_for_a_level_of_its_slide(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        label = {"metadata": None, "description": "Label Image", "extratags": [xmp(SCAN)]}
        file.write(PIXELS[:2, :2], photometric="rgb", subfiletype=1, **label)
        file.write(PIXELS, photometric="rgb", metadata=None, description="level=1 mag=10 quality=95")
    assert read_pixel_size(tmp_path / "a.tif").um == pytest.approx(0.93)


@pytest.mark.parametrize(
    ("options", "um"),
    [
        ({}, 0.325),
        ({"units": b"nm\0", "x": (325, 1), "y": (325, 1)}, 0.325),
        ({"units": b"pixel\0"}, None),
        ({"state": 0}, None),
    ],
)
def test_a_stack_file_of_metamorph_with_one_plane(options, um, tmp_path):
    path = tmp_path / "a.tif"
    write_stk(path, **options)
    fix_counts(path, 1)
    found = read_pixel_size(path)
    assert (found and found.um) == (um and pytest.approx(um))
    assert read_image(path).pixels.shape == (4, 6, 3)


def test_anisotropic_calibrations_are_refused(tmp_path):
    write_stk(tmp_path / "a.tif", y=(26, 40))
    fix_counts(tmp_path / "a.tif", 1)
    with pytest.raises(InputError, match=r"its pixels are not square \(0.325 x 0.65 um by its MetaMorph calibration"):
        read_pixel_size(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", PIXELS, photometric="rgb", metadata=None, description=metaseries(0.3, 0.6))
    with pytest.raises(InputError, match="its pixels are not square"):
        read_pixel_size(tmp_path / "b.tif")


def test_a_contradiction_of_tags_is_said(tmp_path):
    options = {"resolution": (20000, 20000), "resolutionunit": 3, "extratags": [xmp(SCAN)]}
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, photometric="rgb", metadata=None, **options)
    assert read_pixel_size(tmp_path / "a.tif").doubt == "its TIFF resolution says 0.5 um"


def test_several_planes_are_a_stack(tmp_path):
    path = tmp_path / "a.tif"
    write_stk(path, planes=3)
    fix_counts(path, 3)
    with pytest.raises(InputError, match="is a stack of 3 planes"):
        read_image(path)


def test_a_broken_tag_takes_nothing_from_what_was_said(tmp_path):
    path = tmp_path / "a.tif"
    write_stk(path)
    fix_counts(path, 1)
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<2I", 13, 40), struct.pack("<2I", 13, 0)))  # a division by nought
    assert read_pixel_size(path) is None
    options = {"resolution": (20000, 20000), "resolutionunit": 3, "extratags": [(33628, 4, 2, (99, 1), True)]}
    tifffile.imwrite(path, PIXELS, photometric="rgb", metadata=None, description="MPP = 0.25", **options)
    assert read_pixel_size(path).um == 0.25
