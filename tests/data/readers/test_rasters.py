import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image

from mani_monai.data.readers.rasters import read_image, read_mask
from mani_monai.utils import InputError

COLOURS = np.array([[[10, 20, 30], [40, 50, 60], [70, 80, 90]]], dtype=np.uint8)  # height 1, width 3


def write_png16(path, pixels):
    """A 16-bit RGB PNG, which Pillow reads but cannot write."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def test_alpha_is_dropped_not_blended(tmp_path):
    transparent = np.dstack([COLOURS, np.zeros((1, 3), np.uint8)])
    Image.fromarray(transparent).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(image.pixels, COLOURS)
    assert image.notes == (("alpha dropped", 1),)


def test_palette_and_grey_become_rgb(tmp_path):
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    palette.putpalette([200, 100, 50, 1, 2, 3])
    palette.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_image(tmp_path / "p.png").pixels, [[[200, 100, 50], [1, 2, 3]]])
    Image.fromarray(np.array([[7, 9]], np.uint8)).save(tmp_path / "g.png")
    grey = read_image(tmp_path / "g.png")
    np.testing.assert_array_equal(grey.pixels, [[[7, 7, 7], [9, 9, 9]]])
    assert grey.notes == (("grey to RGB", 1),)


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_of_16_bits_the_high_byte_is_kept(tmp_path, ending):
    pixels = COLOURS.astype(np.uint16) * 256 + 255  # rounding up would be wrong
    path = tmp_path / f"deep.{ending}"
    write_png16(path, pixels) if ending == "png" else tifffile.imwrite(path, pixels, photometric="rgb")
    image = read_image(path)
    np.testing.assert_array_equal(image.pixels, COLOURS)
    assert image.notes == (("16 bits to 8 (value // 256)", 1),)


def test_16_bit_grey(tmp_path):
    Image.fromarray(np.array([[512, 65535]], np.uint16)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").pixels, [[[2] * 3, [255] * 3]])


def test_12_bits_in_16_would_be_black_and_are_refused(tmp_path):
    write_png16(tmp_path / "a.png", np.full((4, 4, 3), 4095))
    with pytest.raises(InputError, match=r"a\.png: uses a sixteenth"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("keep", [0, 10, 60, 300])
def test_truncated_file(tmp_path, keep):
    path = tmp_path / "cut.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 20, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"cut\.png: cannot be decoded") as error:
        read_image(path)
    assert "\n" not in str(error.value)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"no\.png: does not exist"):
        read_image(tmp_path / "no.png")


@pytest.mark.parametrize(
    "values",
    [
        np.array([[0, 1, 1]], np.uint8),
        np.array([[0, 255, 0]], np.uint8),
        np.array([[0, 700, 65535]], np.uint16),
        np.array([[0, 70000, 3]], np.int32),
        np.array([[0, 2, 3]], np.float32),
        np.array([[False, True, True]]),
    ],
    ids=lambda values: str(values.dtype),
)
def test_mask_values_are_kept(tmp_path, values):
    Image.fromarray(values).save(tmp_path / "m.tif")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.tif").values, values)


def test_mask_palette_gives_indices(tmp_path):
    palette = Image.fromarray(np.array([[0, 5]], np.uint8), "P")
    palette.putpalette([9, 9, 9] * 6)
    palette.save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png").values, [[0, 5]])


def test_mask_in_equal_channels_is_taken_once(tmp_path):
    grey = np.array([[0, 255, 255]], np.uint8)
    Image.fromarray(np.dstack([grey, grey, grey, np.full_like(grey, 255)])).save(tmp_path / "m.png")
    mask = read_mask(tmp_path / "m.png")
    np.testing.assert_array_equal(mask.values, grey)
    assert mask.notes == (("mask stored as RGB(A)", 1),)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        (np.array([[[0, 0, 0], [255, 0, 0]]], np.uint8), "mask in colours"),
        (np.array([[[0, 0, 0, 0], [0, 0, 0, 255]]], np.uint8), "alpha channel"),
        (np.array([[0.0, 0.5]], np.float32), "fractions"),
        (np.array([[0, -1]], np.int32), "negative"),
    ],
)
def test_what_is_no_mask_is_refused(tmp_path, values, fault):
    Image.fromarray(values).save(tmp_path / "m.tif")
    with pytest.raises(InputError, match=rf"m\.tif: .*{fault}"):
        read_mask(tmp_path / "m.tif")


def test_jpeg_mask_is_refused(tmp_path):
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "m.png", format="JPEG")
    with pytest.raises(InputError, match="is a JPEG"):
        read_mask(tmp_path / "m.png")


@pytest.mark.parametrize("read", [read_image, read_mask])
def test_a_stack_is_refused_and_the_largest_level_of_a_pyramid_taken(tmp_path, read):
    page = np.zeros((8, 6), np.uint8)
    tifffile.imwrite(tmp_path / "stack.tif", np.stack([page, page + 1, page]), photometric="minisblack")
    with pytest.raises(InputError, match=r"stack\.tif: is a stack of 3 pages; store each as an image of its own"):
        read(tmp_path / "stack.tif")
    with tifffile.TiffWriter(tmp_path / "pyramid.tif") as pyramid:
        pyramid.write(page + 9, photometric="minisblack")
        pyramid.write(page[::2, ::2], photometric="minisblack")
    found = read(tmp_path / "pyramid.tif")
    values = found.pixels[..., 0] if read is read_image else found.values
    np.testing.assert_array_equal(values, page + 9)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_pixels_that_viewers_turn_are_refused(tmp_path, name):
    picture, exif = Image.fromarray(np.zeros((8, 6, 3), np.uint8)), Image.Exif()
    for orientation in (1, 6):
        exif[ExifTags.Base.Orientation] = orientation
        picture.save(tmp_path / name, exif=exif)
        if orientation == 1:
            assert read_image(tmp_path / name).pixels.shape == (8, 6, 3)
    with pytest.raises(InputError, match=rf"{name}: is stored turned or mirrored \(EXIF orientation 6\); save it upr"):
        read_image(tmp_path / name)


def test_what_cannot_be_read_at_all_has_both_remedies(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(InputError, match="8 bits per channel as PNG or TIFF, or copy it again where it is damaged"):
        read_image(tmp_path / "a.png")
