import numpy as np
import pytest
import tifffile
from PIL import Image

from mani_monai.data.readers.rasters import read_mask
from mani_monai.utils import InputError


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


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", None])
def test_ids_of_32_bits_without_a_sign(tmp_path, compression):
    values = np.array([[0, 1, 70000, 2**31 + 5, 2**32 - 1]], np.uint32)
    Image.fromarray(values.view(np.int32)).save(tmp_path / "m.tif", compression=compression)
    with tifffile.TiffFile(tmp_path / "m.tif", mode="r+") as tiff:
        tiff.pages.first.tags["SampleFormat"].overwrite(1)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.tif").values, values)


def test_a_mask_of_an_odd_kind_is_told_how_to_be_stored(tmp_path):
    Image.fromarray(np.zeros((8, 8), np.int32)).save(tmp_path / "m.tif", compression="tiff_lzw")
    with tifffile.TiffFile(tmp_path / "m.tif", mode="r+") as tiff:
        tiff.pages.first.tags["BitsPerSample"].overwrite(64)
    with pytest.raises(InputError, match=r"m\.tif: holds 1 x int64 a pixel; store a mask as one 16-bit grey channel"):
        read_mask(tmp_path / "m.tif")


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
        (np.array([[0, 1 + 1j]], np.complex64), "complex numbers"),
        (np.array([[0, 2**24, 2**24 + 1]], np.float32), "so that ids merge"),
        (np.array([[0, 2048, 2049]], np.float16), "so that ids merge"),
    ],
)
def test_what_is_no_mask_is_refused(tmp_path, values, fault):
    tifffile.imwrite(tmp_path / "m.tif", values, photometric="rgb" if values.ndim == 3 else "minisblack")
    with pytest.raises(InputError, match=rf"m\.tif: .*{fault}"):
        read_mask(tmp_path / "m.tif")


def test_jpeg_mask_is_refused(tmp_path):
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "m.png", format="JPEG")
    with pytest.raises(InputError, match="is a JPEG or the like"):
        read_mask(tmp_path / "m.png")


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


@pytest.mark.parametrize("compression", ["jpeg", "jpeg2000", "webp"])
def test_masks_that_a_tiff_packs_with_loss_are_refused(tmp_path, compression):
    values = np.zeros((32, 32, 3) if compression == "webp" else (32, 32), np.uint8)
    values[8:16, 8:16] = 255
    photometric = "rgb" if compression == "webp" else "minisblack"
    tifffile.imwrite(tmp_path / "m.tif", values, photometric=photometric, compression=compression)
    with pytest.raises(InputError, match=r"m\.tif: is a JPEG or the like, which changes the values"):
        read_mask(tmp_path / "m.tif", "binary")


@pytest.mark.parametrize("kind", ["JPEG", "JPEG2000", "WEBP"])
def test_masks_packed_with_loss_are_refused_by_any_name(tmp_path, kind):
    Image.fromarray(np.full((32, 32), 255, np.uint8)).save(tmp_path / "m.png", format=kind)
    with pytest.raises(InputError, match=r"m\.png: is a JPEG or the like"):
        read_mask(tmp_path / "m.png")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_mask_of_no_numbers_says_so(tmp_path, value):
    tifffile.imwrite(tmp_path / "m.tif", np.array([[0, 1], [value, 2]], np.float32), photometric="minisblack")
    with pytest.raises(InputError, match="no numbers"):
        read_mask(tmp_path / "m.tif")


def test_a_mask_of_two_channels_is_refused(tmp_path):
    ids_and_types = np.array([[[1, 2], [0, 0], [2, 1]]], np.uint8)
    tifffile.imwrite(tmp_path / "m.tif", ids_and_types, photometric="minisblack", planarconfig="contig")
    with pytest.raises(InputError, match=r"m\.tif: holds two channels"):
        read_mask(tmp_path / "m.tif")


def test_signed_bytes_below_nought_are_no_ids_however_they_are_packed(tmp_path):
    values = np.array([[0, 1, -1]], np.int8)
    for name, compression in (("plain", None), ("packed", "lzw")):
        tifffile.imwrite(tmp_path / f"{name}.tif", values, photometric="minisblack", compression=compression)
        with pytest.raises(InputError, match="negative"):
            read_mask(tmp_path / f"{name}.tif")
