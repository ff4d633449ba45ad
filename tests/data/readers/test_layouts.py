"""Layouts that Pillow shows otherwise than they are meant: a palette of bytes, a value named as transparent."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from bare_tiffs import bare_tiff
from PIL import Image

from mani_monai.data.readers.rasters import read_image, read_mask
from mani_monai.utils import InputError

RANDOM = np.random.default_rng(0)
COLOURS = RANDOM.integers(0, 255, (20, 30, 3), np.uint8)
INDICES = RANDOM.integers(0, 200, (20, 30)).astype(np.uint8)
PALETTE = RANDOM.integers(0, 256, (256, 3), np.uint8)


def png(path: Path, pixels: np.ndarray, bits: int, *chunks: tuple[bytes, bytes], palette: bool = False) -> Path:
    """A PNG with chunks before its pixels, as other programs than Pillow write it; pixels below 8 bits are packed."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width = pixels.shape[:2]
    kind = 3 if palette else {2: 0, 3: 2}[pixels.ndim]  # grey, RGB
    rows = pixels.reshape(height, -1)
    if bits < 8:
        single = (rows[..., None] >> np.arange(bits - 1, -1, -1)) & 1
        packed = np.packbits(single.astype(np.uint8).reshape(height, -1), axis=1)
    else:
        packed = rows.astype(f">u{bits // 8}")
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in packed))
    parts = [chunk(b"IHDR", header), *(chunk(*each) for each in chunks), chunk(b"IDAT", body), chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


@pytest.mark.parametrize("scale", [1, 256, 257])
@pytest.mark.parametrize("compression", [None, "lzw", "deflate"])
def test_a_tiffs_palette_of_bytes_is_one_of_colours(tmp_path, scale, compression):
    path, colours = tmp_path / "a.tif", PALETTE.T.astype(np.uint16) * scale
    tifffile.imwrite(path, INDICES, photometric="palette", colormap=colours, compression=compression)
    np.testing.assert_array_equal(read_image(path).pixels, PALETTE[INDICES])


def test_a_value_that_a_palette_has_no_colour_for_is_refused(tmp_path):
    path = png(tmp_path / "a.png", INDICES, 8, (b"PLTE", PALETTE[:100].tobytes()), palette=True)
    with pytest.raises(InputError, match=r"a\.png: has value 199, which its palette has no colour for; save it as RGB"):
        read_image(path)
    png(path, INDICES, 8, (b"PLTE", PALETTE[:200].tobytes()), palette=True)
    np.testing.assert_array_equal(read_image(path).pixels, PALETTE[INDICES])


def test_a_value_that_is_named_as_transparent_is_glass(tmp_path):
    colours, grey = COLOURS.copy(), COLOURS[..., 0].copy()
    colours[:5] = grey[:5] = 0
    read = read_image(png(tmp_path / "a.png", colours, 8, (b"tRNS", bytes(6))))
    white = np.where((colours == 0).all(axis=2, keepdims=True), 255, colours)
    np.testing.assert_array_equal(read.pixels, white)
    assert ("transparent parts to white", 1) in read.notes
    read = read_image(png(tmp_path / "g.png", grey, 8, (b"tRNS", bytes(2))))
    np.testing.assert_array_equal(read.pixels[..., 1], np.where(grey == 0, 255, grey))
    read = read_image(png(tmp_path / "b.png", (grey > 99).astype(np.uint8), 1, (b"tRNS", bytes(2))))
    assert (read.pixels == 255).all()
    read = read_image(png(tmp_path / "n.png", COLOURS, 8, (b"tRNS", b"\0\x01\0\x02\0\x03")))  # no pixel has it
    np.testing.assert_array_equal(read.pixels, COLOURS)


@pytest.mark.parametrize("bits", [4, 16])
def test_a_transparent_value_of_other_bits_than_eight_is_refused(tmp_path, bits):
    """Pillow compares the value with what it made of the pixels."""
    pixels = INDICES // 16 if bits == 4 else COLOURS.astype(np.uint16) * 257
    path = png(tmp_path / "a.png", pixels, bits, (b"tRNS", bytes(2 if bits == 4 else 6)))
    with pytest.raises(InputError, match=rf"names one value of {bits} bits as transparent; save it as 8-bit RGB"):
        read_image(path)


@pytest.mark.parametrize(
    "values", [COLOURS.astype(np.uint16) * 16, COLOURS.astype(np.uint16) * 257, COLOURS.view(np.int8)]
)
def test_a_jpeg_2000_of_other_than_eight_bits_is_refused(tmp_path, values):
    path = tmp_path / "a.png"
    path.write_bytes(imagecodecs.jpeg2k_encode(values, codecformat="jp2"))
    with pytest.raises(InputError, match=r"a\.png: is a JPEG 2000 of other than 8 bits; store it with 8 bits"):
        read_image(path)
    path.write_bytes(imagecodecs.jpeg2k_encode(COLOURS, level=0, codecformat="jp2"))
    np.testing.assert_array_equal(read_image(path).pixels, COLOURS)


def test_a_dark_ppm_of_16_bits_is_refused(tmp_path):
    path = tmp_path / "a.png"
    for values, brightest in ((COLOURS.astype(">u2") * 257, 65535), (COLOURS.astype(">u2") * 16, 4095)):
        path.write_bytes(b"P6\n30 20\n%d\n" % brightest + values.astype(">u2").tobytes())
        np.testing.assert_allclose(read_image(path).pixels.astype(int), COLOURS, atol=1)
    path.write_bytes(b"P6\n30 20\n65535\n" + values.astype(">u2").tobytes())
    with pytest.raises(InputError, match="its values stay below"):
        read_image(path)
    Image.fromarray(COLOURS).save(path, format="PPM")
    np.testing.assert_array_equal(read_image(path).pixels, COLOURS)


GREY = RANDOM.integers(0, 256, (20, 32)).astype(np.uint8)
ONE_BIT = np.packbits(GREY > 127, axis=1)
BLACK_IS_ZERO = {262: [1]}


@pytest.mark.parametrize("read", [read_image, read_mask])
@pytest.mark.parametrize("packed", [None, zlib.compress(GREY.tobytes())], ids=["raw", "deflate"])
@pytest.mark.parametrize("values", [GREY, GREY.astype("<u2")], ids=["8 bits", "16 bits"])
def test_a_tiff_that_does_not_say_its_bits_is_refused(tmp_path, read, packed, values):
    path = bare_tiff(tmp_path / "a.tif", values, {**BLACK_IS_ZERO, 259: [1 if packed is None else 8]}, packed)
    with pytest.raises(InputError, match=r"a\.tif: does not say how many bits a pixel has; save it anew, as PNG"):
        read(path)


def test_bits_that_are_not_said_are_one_where_the_data_are_as_few(tmp_path):
    path = bare_tiff(tmp_path / "a.tif", GREY, BLACK_IS_ZERO, ONE_BIT.tobytes())
    np.testing.assert_array_equal(read_mask(path).values, GREY > 127)
    np.testing.assert_array_equal(read_image(path).pixels[..., 0], (GREY > 127) * 255)
    tifffile.imwrite(path, GREY > 127, compression="zlib", photometric="minisblack")
    np.testing.assert_array_equal(read_mask(path).values, GREY > 127)
    fax = Image.fromarray(GREY > 127)
    fax.save(tmp_path / "fax.tif", compression="group4")
    np.testing.assert_array_equal(read_mask(tmp_path / "fax.tif").values, GREY > 127)


@pytest.mark.parametrize("read", [read_image, read_mask])
def test_a_tiff_that_does_not_say_whether_zero_is_black_is_refused(tmp_path, read):
    path = bare_tiff(tmp_path / "a.tif", GREY, {258: [8]})
    with pytest.raises(InputError, match=r"a\.tif: does not say whether 0 is black or white"):
        read(path)
    np.testing.assert_array_equal(read(bare_tiff(path, GREY, {258: [8], 262: [1]})).notes, read(path).notes)


def test_a_mask_of_colours_that_do_not_say_how_many_they_are_is_refused(tmp_path):
    path = bare_tiff(tmp_path / "a.tif", COLOURS, {258: [8, 8, 8], 262: [2]})
    with pytest.raises(InputError, match=r"a\.tif: does not say how many channels it has"):
        read_mask(path)


@pytest.mark.parametrize("ranges", [(), ((0, 1), (255, 1), (128, 1), (255, 1), (128, 1), (255, 1))])
@pytest.mark.parametrize("packed", [False, True])
def test_luminance_and_colour_differences_without_jpeg_are_refused(tmp_path, ranges, packed):
    values = np.asarray(Image.fromarray(COLOURS).convert("YCbCr"))
    tags = {
        258: [8, 8, 8],
        262: [6],
        277: [3],
        530: [1, 1],
        259: [8 if packed else 1],
        **({532: ranges} if ranges else {}),
    }
    path = bare_tiff(tmp_path / "a.tif", values, tags, zlib.compress(values.tobytes()) if packed else None)
    with pytest.raises(InputError, match=r"a\.tif: holds YCbCr that is no JPEG; store it as 8-bit RGB"):
        read_image(path)
    smooth = np.full((64, 64, 3), (200, 120, 180), np.uint8)
    tifffile.imwrite(tmp_path / "b.tif", smooth, photometric="rgb", compression="jpeg")
    assert np.abs(read_image(tmp_path / "b.tif").pixels.astype(int) - smooth).max() < 4


def test_a_fourth_channel_that_nothing_is_said_of_is_refused_where_it_says_something(tmp_path):
    tags = {258: [8] * 4, 262: [2], 277: [4]}
    same = np.concatenate([COLOURS, np.full((20, 30, 1), 255, np.uint8)], axis=2)
    np.testing.assert_array_equal(read_image(bare_tiff(tmp_path / "a.tif", same, tags)).pixels, COLOURS)
    infrared = np.concatenate([COLOURS, COLOURS[..., :1]], axis=2)
    path = bare_tiff(tmp_path / "b.tif", infrared, tags)
    with pytest.raises(InputError, match=r"b\.tif: does not say what its fourth channel is; store it as 8-bit RGB"):
        read_image(path)
    half = np.where(np.arange(30)[:, None] < 15, same, same * [1, 1, 1, 0]).astype(np.uint8)
    pixels = read_image(bare_tiff(tmp_path / "c.tif", half, {**tags, 338: [2]})).pixels
    np.testing.assert_array_equal(pixels[:, :15], COLOURS[:, :15])
    assert (pixels[:, 15:] == 255).all()


SHADES = np.random.default_rng(0).integers(60, 220, (48, 64), np.uint8)
RAMP = np.tile(np.arange(256, dtype=np.uint8), (3, 1))
FIRE = np.stack([np.arange(256), np.minimum(255, 2 * np.arange(256)), np.full(256, 7)]).astype(np.uint8)


@pytest.mark.parametrize("table", [RAMP, RAMP[:, ::-1], FIRE], ids=["grey", "inverted", "fire"])
def test_grey_is_read_in_the_colours_that_imagej_shows(tmp_path, table):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, SHADES, imagej=True, metadata={"LUTs": [table]})
    image = read_image(path)
    np.testing.assert_array_equal(image.pixels, table.T[SHADES])
    assert ("ImageJ's colours of grey applied", 1) in image.notes or table is RAMP
    tifffile.imwrite(path, SHADES.astype(np.uint16) * 256, imagej=True, metadata={"LUTs": [table]})
    if table is RAMP:
        np.testing.assert_array_equal(read_image(path).pixels, table.T[SHADES])
    else:
        with pytest.raises(InputError, match=r"a.tif: is shown in colours by ImageJ \(LUT\); save it as RGB"):
            read_image(path)
    assert np.array_equal(read_mask(path).values, SHADES.astype(np.uint16) * 256), "a display does not change ids"


@pytest.mark.parametrize("text", [None, "ImageJ=1.53t\nmin=0\nmax=255\n"])
@pytest.mark.parametrize("packed", [None, "lzw"])
def test_zero_that_is_white_is_white(tmp_path, text, packed):
    """As ImageJ saves what was inverted by its look-up table."""
    options = {"photometric": "miniswhite", "description": text, "metadata": None, "compression": packed}
    tifffile.imwrite(tmp_path / "a.tif", SHADES, **options)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").pixels[..., 1], 255 - SHADES)


@pytest.mark.parametrize("ending", ["png", "bmp", "gif", "tif"])
@pytest.mark.parametrize("table", [RAMP, RAMP[:, ::-1], FIRE], ids=["grey", "inverted", "fire"])
def test_grey_with_a_palette_has_its_colours(tmp_path, ending, table):
    image = Image.fromarray(SHADES)
    image.putpalette(table.T.tobytes())
    image.save(tmp_path / f"a.{ending}")
    np.testing.assert_array_equal(read_image(tmp_path / f"a.{ending}").pixels, table.T[SHADES])


def tissue(seed, rows, columns):
    """Smooth shades of red, none of them black."""
    small = np.random.default_rng(seed).integers(60, 255, (rows // 4, columns // 4, 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize((columns, rows), Image.Resampling.BICUBIC)).clip(1, 255)


@pytest.mark.parametrize("gutter", [0, 6])
@pytest.mark.parametrize("ending", ["tif", "bmp", "ppm"])
def test_a_montage_whose_last_panel_is_a_row_shorter_is_whole(tmp_path, gutter, ending):
    montage = np.zeros((160, 320, 3), np.uint8)
    montage[:, : 120 - gutter], montage[:159, 120:] = tissue(1, 160, 120 - gutter), tissue(2, 160, 200)[:159]
    Image.fromarray(montage).save(tmp_path / f"a.{ending}")
    np.testing.assert_array_equal(read_image(tmp_path / f"a.{ending}").pixels, montage)


@pytest.mark.parametrize("left", [5, 90])
def test_a_black_band_with_something_on_its_first_row_is_whole(tmp_path, left):
    picture = tissue(1, 160, 320)
    picture[130:] = 0
    picture[130, left : left + 40] = 255
    Image.fromarray(picture).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").pixels, picture)


@pytest.mark.parametrize("lost", [300, 900, 19_998])
def test_bytes_lost_at_the_end_of_unpacked_rows_are_refused(tmp_path, lost):
    picture = tissue(1, 160, 320)
    picture.reshape(-1)[-lost:] = 0
    Image.fromarray(picture).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match=rf"a\.tif: is damaged \({lost:,} bytes of its pixels are zeros\)"):
        read_image(tmp_path / "a.tif")
