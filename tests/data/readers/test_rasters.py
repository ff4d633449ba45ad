import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from mani_monai.data.readers.given_pictures import as_rgb
from mani_monai.data.readers.rasters import read_image
from mani_monai.utils import InputError

COLOURS = np.array([[[10, 20, 30], [40, 50, 60], [170, 180, 190]]], dtype=np.uint8)  # height 1, width 3


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


def test_a_picture_that_alpha_hides_is_refused(tmp_path):
    for ending in ("png", "tif"):
        path = tmp_path / f"hidden.{ending}"
        Image.fromarray(np.dstack([COLOURS, np.zeros((1, 3), np.uint8)])).save(path)
        with pytest.raises(InputError, match=rf"^{path}: is transparent everywhere .*; save it as RGB\.$"):
            read_image(path)
    with pytest.raises(InputError, match=r"^image: is transparent everywhere"):
        as_rgb(Image.open(tmp_path / "hidden.png"))


@pytest.mark.parametrize("colour", [(0, 0, 0, 0), (9, 8, 7, 0)])
def test_what_is_transparent_and_of_one_colour_is_glass(tmp_path, colour):
    Image.new("RGBA", (4, 3), colour).save(tmp_path / "outside.png")
    image = read_image(tmp_path / "outside.png")
    np.testing.assert_array_equal(image.pixels, np.full((3, 4, 3), 255))
    assert image.notes == (("transparent parts to white", 1),)


@pytest.mark.parametrize("alpha", [1, 255])
def test_alpha_of_one_value_is_dropped_not_blended(tmp_path, alpha):
    transparent = np.dstack([COLOURS, np.full((1, 3), alpha, np.uint8)])
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


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
@pytest.mark.parametrize("samples", [1, 3])
def test_fewer_bits_in_16_would_be_dark_and_are_refused(tmp_path, bits, samples):
    pixels = np.random.default_rng(0).integers(0, 2**bits, (40, 40, 3), np.uint16)
    pixels[0, 0] = 65535  # a hot pixel
    pixels[30:33, 2:32] = 65535  # a scale bar
    tifffile.imwrite(tmp_path / "a.tif", pixels if samples == 3 else pixels[..., 0])
    with pytest.raises(InputError, match=r"a\.tif: its values stay below \d+ of 65536, .*8 bits per channel"):
        read_image(tmp_path / "a.tif")


def test_12_bits_that_the_file_declares_are_read(tmp_path):
    values = np.array([[0, 16, 4095, 2048]], np.uint16)
    packed = bytes(
        byte for a, b in values.reshape(-1, 2).tolist() for byte in (a >> 4, (a & 15) << 4 | b >> 8, b & 255)
    )
    tags = [(256, 4, 4), (257, 4, 1), (258, 3, 12), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1), (278, 4, 1)]
    tags.append((279, 4, len(packed)))
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    data = packed + b"\0" * (len(packed) % 2)
    (tmp_path / "a.tif").write_bytes(
        b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(tags)) + entries + b"\0\0\0\0"
    )
    image = read_image(tmp_path / "a.tif")
    assert image.pixels[0, :, 0].tolist() == [0, 1, 255, 128]
    assert ("12 bits to 8 (value // 16)", 1) in image.notes


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.uint32])
@pytest.mark.parametrize("samples", [1, 3])
def test_other_kinds_of_values_are_refused(tmp_path, dtype, samples):
    pixels = np.full((8, 8, 3), 200, dtype)
    tifffile.imwrite(tmp_path / "a.tif", pixels if samples == 3 else pixels[..., 0])
    with pytest.raises(InputError, match=r"a\.tif: h.*; store it (with|as) 8.bit"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("mode", ["CMYK", "LAB"])
def test_other_colours_are_refused(tmp_path, mode):
    Image.fromarray(np.zeros((8, 8, 4 if mode == "CMYK" else 3), np.uint8), mode).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match=rf"a\.tif: has the colour mode {mode}; store it as 8-bit RGB"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packed", [None, "zlib"])
def test_white_is_zero_grey_is_read_by_its_tag(tmp_path, bits, order, packed):
    grey = np.array([[0, 10, 200]]) * (257 if bits == 16 else 1)
    stored = (2**bits - 1 - grey).astype(f"u{bits // 8}")
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="miniswhite", byteorder=order, compression=packed)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").pixels[..., 0], [[0, 10, 200]])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [10, 12, 14])
def test_fewer_bits_in_16_are_refused_where_zero_is_white(tmp_path, bits, order):
    grey = np.random.default_rng(0).integers(0, 2**bits, (20, 30)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", grey, photometric="miniswhite", byteorder=order)
    with pytest.raises(InputError, match=r"a\.tif: its values stay below \d+ of 65536, as those of cameras"):
        read_image(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", grey << (16 - bits), photometric="miniswhite", byteorder=order)
    expected = 255 - (grey << (16 - bits) >> 8)
    np.testing.assert_array_equal(read_image(tmp_path / "b.tif").pixels[..., 0], expected)


def test_several_pages_that_pillow_cannot_open_are_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif", byteorder=">") as file:
        for side in (32, 16):
            file.write(np.full((side, side), 999, np.uint16), photometric="miniswhite", metadata=None)
    with pytest.raises(InputError, match=r"a\.tif: holds 1 x uint16 a pixel; store it with 8 bits per channel as RGB"):
        read_image(tmp_path / "a.tif")


def test_transparent_parts_become_white(tmp_path):
    see_through = np.dstack([COLOURS, np.array([[0, 255, 51]], np.uint8)])
    Image.fromarray(see_through).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(image.pixels, [[[255] * 3, [40, 50, 60], [238, 240, 242]]])
    assert image.notes == (("transparent parts to white", 1),)


@pytest.mark.parametrize(
    ("pixels", "layout", "fault"),
    [
        (COLOURS.transpose(2, 0, 1).astype(np.uint16) * 257, {"planarconfig": "separate"}, "planes of 16 bits"),
        (COLOURS[..., 0].astype(np.int8), {"photometric": "minisblack"}, "signed numbers"),
        (COLOURS[..., 0].astype(np.int16) * 128, {"photometric": "minisblack"}, "signed numbers"),
        (COLOURS[..., :2], {"photometric": "minisblack", "planarconfig": "contig"}, "two channels"),
    ],
    ids=["planes", "int8", "int16", "channels"],
)
def test_layouts_that_would_be_decoded_wrongly_are_refused(tmp_path, pixels, layout, fault):
    tifffile.imwrite(tmp_path / "a.tif", np.ascontiguousarray(pixels), **{"photometric": "rgb", **layout})
    with pytest.raises(InputError, match=rf"a\.tif: holds .*{fault}.*; store"):
        read_image(tmp_path / "a.tif")


def test_planes_of_8_bits_and_grey_with_alpha_are_read(tmp_path):
    planes = np.ascontiguousarray(COLOURS.transpose(2, 0, 1))
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").pixels, COLOURS)
    grey = np.dstack([COLOURS[..., 0], np.full((1, 3), 255, np.uint8)])
    tifffile.imwrite(tmp_path / "g.tif", grey, photometric="minisblack", extrasamples=["unassalpha"])
    np.testing.assert_array_equal(read_image(tmp_path / "g.tif").pixels, np.repeat(grey[..., :1], 3, axis=2))


def test_channels_beyond_rgb_are_left_out_and_said(tmp_path):
    more = np.dstack([COLOURS, COLOURS[..., :2]])
    tifffile.imwrite(tmp_path / "a.tif", more, photometric="rgb", planarconfig="contig", extrasamples=[0, 0])
    image = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.pixels, COLOURS)
    assert image.notes == (("channels beyond RGB left out", 2),)
