import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image

from mani_monai.data.readers.rasters import read_image, read_mask
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


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
@pytest.mark.parametrize("samples", [1, 3])
def test_fewer_bits_in_16_would_be_dark_and_are_refused(tmp_path, bits, samples):
    pixels = np.random.default_rng(0).integers(0, 2**bits, (40, 40, 3), np.uint16)
    pixels[0, 0] = 65535  # a hot pixel
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
def test_white_is_zero_grey_is_read_by_its_tag(tmp_path, bits):
    grey = np.array([[0, 10, 200]]) * (257 if bits == 16 else 1)
    stored = (2**bits - 1 - grey).astype(f"u{bits // 8}")
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="miniswhite")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").pixels[..., 0], [[0, 10, 200]])


def test_transparent_parts_become_white(tmp_path):
    see_through = np.dstack([COLOURS, np.array([[0, 255, 51]], np.uint8)])
    Image.fromarray(see_through).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(image.pixels, [[[255] * 3, [40, 50, 60], [238, 240, 242]]])
    assert image.notes == (("transparent parts to white", 1),)


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


PAGE = np.random.default_rng(0).integers(0, 255, (40, 32), np.uint8)
SMALLER = PAGE.reshape(20, 2, 16, 2).mean((1, 3)).astype(np.uint8)


def write_pages(path, *pages, kinds=(), texts=()):
    with tifffile.TiffWriter(path) as writer:
        for number, page in enumerate(pages):
            kind, text = (dict(enumerate(values)).get(number) for values in (kinds, texts))
            writer.write(page, photometric="minisblack", metadata=None, subfiletype=kind or 0, description=text)


def values_of(path, read):
    found = read(path)
    return found.pixels[..., 0] if read is read_image else found.values


@pytest.mark.parametrize("read", [read_image, read_mask])
@pytest.mark.parametrize(
    "pages",
    [
        {"pages": [PAGE, SMALLER]},
        {"pages": [SMALLER, PAGE], "kinds": [1, 0]},
        {"pages": [PAGE, SMALLER, PAGE[:9, :30] + 7], "kinds": [0, 1, 9]},
        {"pages": [PAGE, PAGE[::-1, :20]], "kinds": [0, 1], "texts": ["Aperio", "Aperio Image Library\r\nlabel 20x40"]},
        {"pages": [PAGE, np.ones((8, 8), bool)], "kinds": [0, 4]},
    ],
    ids=["pyramid", "thumbnail first", "macro", "label", "transparency"],
)
def test_the_largest_page_is_taken_where_the_others_are_no_pictures_of_their_own(tmp_path, read, pages):
    write_pages(tmp_path / "a.tif", *pages["pages"], kinds=pages.get("kinds", ()), texts=pages.get("texts", ()))
    np.testing.assert_array_equal(values_of(tmp_path / "a.tif", read), PAGE)
    assert read(tmp_path / "a.tif").notes[0] == (f"the largest of {len(pages['pages'])} pages", 1)


@pytest.mark.parametrize("read", [read_image, read_mask])
@pytest.mark.parametrize(
    ("pages", "kinds"),
    [
        ([PAGE, PAGE + 1, PAGE], ()),
        ([PAGE, PAGE[:30, :20]], ()),
        ([PAGE[:20, :16], PAGE], ()),
        ([PAGE, PAGE[:20, :16]], (0, 1)),
    ],
    ids=["stack", "two regions", "of one form", "called a reduction"],
)
def test_several_pictures_are_refused(tmp_path, read, pages, kinds):
    write_pages(tmp_path / "a.tif", *pages, kinds=kinds)
    with pytest.raises(InputError, match=rf"a\.tif: is a stack of {len(pages)} pages; store each picture as an image"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("read", [read_image, read_mask])
def test_a_stack_that_says_so_in_its_text_alone_is_refused(tmp_path, read):
    tifffile.imwrite(tmp_path / "a.tif", PAGE, metadata=None, description="ImageJ=1.53t\nimages=12\nslices=12\n")
    with pytest.raises(InputError, match=r"a\.tif: is a stack of 12 planes; store each as an image of its own"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("read", [read_image, read_mask])
def test_an_animation_is_a_stack(tmp_path, read):
    first, second = Image.fromarray(PAGE), Image.fromarray(PAGE + 9)
    first.save(tmp_path / "a.png", save_all=True, append_images=[second])
    with pytest.raises(InputError, match=r"a\.png: is a stack of 2 pages"):
        read(tmp_path / "a.png")


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


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_a_pointer_of_git_lfs_is_called_one(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
    for read in (read_image, read_mask):
        with pytest.raises(InputError, match=rf"a\.{ending}: is a Git LFS pointer, not .*git lfs pull"):
            read(path)


def test_too_large_an_image_is_to_be_cut(tmp_path, monkeypatch):
    monkeypatch.setattr("mani_monai.data.readers.opened_picture.MOST_PIXELS", 1000)
    for name in ("a.png", "a.tif"):
        Image.fromarray(PAGE).save(tmp_path / name)
        with pytest.raises(InputError, match=rf"{name}: is 40x32 \(height x width\), .*; cut it into tiles"):
            read_image(tmp_path / name)


def test_pillows_own_limit_says_the_same(tmp_path, monkeypatch):
    Image.fromarray(PAGE).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(InputError, match=r"a\.png: has more than \d+ million pixels; cut it into tiles"):
        read_image(tmp_path / "a.png")


def test_a_folder_is_no_image(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(InputError, match=r"a\.png: is a folder"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("dtype", ["?", "u1", "u2", "u4", "i8", "u8", "f4", "f8"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_ids_of_any_type_are_kept(tmp_path, dtype, compression):
    values = np.array([[0, 1, 1, 0], [0, 0, 0, 1]]).astype(dtype)
    tifffile.imwrite(tmp_path / "m.tif", values, photometric="minisblack", compression=compression)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.tif").values, values)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "group4"])
@pytest.mark.parametrize("dtype", ["?", "u1"])
def test_white_is_zero_in_a_mask_of_two_values(tmp_path, dtype, compression):
    if dtype == "u1" and compression == "group4":
        pytest.skip("holds one bit a pixel")
    white = np.zeros((8, 16), bool)
    white[2:5, 3:9] = True
    stored = Image.fromarray(white if dtype == "?" else white.astype(np.uint8) * 255)
    stored.save(tmp_path / "m.tif", compression=compression, tiffinfo={262: 0})
    with Image.open(tmp_path / "m.tif") as image:
        assert image.tag_v2[262] == 0
    mask = read_mask(tmp_path / "m.tif")
    np.testing.assert_array_equal(np.asarray(mask.values) > 0, white)
    assert mask.notes == (("white is zero, read so", 1),)


def test_white_is_zero_leaves_ids_and_imagejs_masks_as_they_are_stored(tmp_path):
    ids = np.array([[0, 1, 2, 3]], np.uint8)
    tifffile.imwrite(tmp_path / "ids.tif", ids, photometric="miniswhite")
    np.testing.assert_array_equal(read_mask(tmp_path / "ids.tif").values, ids)
    binary = np.array([[0, 0, 255, 0]], np.uint8)
    tifffile.imwrite(
        tmp_path / "j.tif", binary, photometric="miniswhite", metadata=None, description="ImageJ=1.53t\nmin=0\n"
    )
    np.testing.assert_array_equal(read_mask(tmp_path / "j.tif").values, binary)
