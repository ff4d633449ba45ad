"""Pictures in memory: PIL images, arrays and tensors."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import torch
from PIL import ExifTags, Image, ImageOps

from mani_monai.data.readers.given_pictures import as_rgb
from mani_monai.data.readers.rasters import read_image
from mani_monai.utils import InputError

PICTURE = np.random.default_rng(0).integers(60, 220, (48, 64, 3), np.uint8)


@pytest.mark.parametrize(
    ("image", "fault"),
    [
        (np.ma.masked_equal(np.zeros((4, 4, 3), np.uint8), 0), "has masked pixels"),
        (torch.zeros(4, 4, 3, requires_grad=True), "is no array"),
        ([[1], [1, 2]], "is no array"),
    ],
)
def test_arrays_that_would_lose_something_are_refused(image, fault):
    with pytest.raises(InputError, match=f"image: {fault}"):
        as_rgb(image)


def test_pil_images_are_read_as_their_files(tmp_path):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 48, 3), np.uint8))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    picture.save(tmp_path / "turned.png", exif=exif)
    turned = Image.open(tmp_path / "turned.png")
    with pytest.raises(InputError, match=r"EXIF orientation 6\); give PIL.ImageOps.exif_transpose"):
        as_rgb(turned)
    np.testing.assert_array_equal(as_rgb(ImageOps.exif_transpose(turned)), np.rot90(np.asarray(picture), 3))
    (tmp_path / "cut.png").write_bytes((tmp_path / "turned.png").read_bytes()[:1000])
    with pytest.raises(InputError, match="image: cannot be decoded"):
        as_rgb(Image.open(tmp_path / "cut.png"))


@pytest.mark.parametrize(
    "image",
    [
        PICTURE.transpose(2, 0, 1), PICTURE[..., 0], PICTURE[None], np.dstack([PICTURE, PICTURE[..., :1]]),
        PICTURE.astype(np.uint16), PICTURE.astype(np.uint16) * 16, PICTURE > 99, PICTURE / 255, PICTURE.astype(float),
        PICTURE.tolist(), torch.from_numpy(PICTURE).permute(2, 0, 1), torch.rand(3, 48, 64), None,
    ],
)  # fmt: skip
def test_arrays_of_another_layout_or_type_are_refused(image):
    with pytest.raises(InputError, match=r"^image: is [a-z0-9]+ of shape .*; give HW3 uint8, a PIL image or a file\.$"):
        as_rgb(image)


@pytest.mark.parametrize("columns", [1, 3, 50])
def test_three_rows_may_be_channels_and_are_refused(columns):
    with pytest.raises(InputError, match=rf"image: of shape \(3, {columns}, 3\) may hold channels or rows first"):
        as_rgb(np.zeros((3, columns, 3), np.uint8))
    assert as_rgb(np.zeros((columns + 3, 3, 3), np.uint8)).shape == (columns + 3, 3, 3)


def test_tensors_and_stored_arrays_are_taken_as_arrays():
    zarr = pytest.importorskip("zarr")
    for image in (torch.from_numpy(PICTURE), zarr.array(PICTURE), PICTURE[..., ::-1][..., ::-1]):
        np.testing.assert_array_equal(as_rgb(image), PICTURE)


@pytest.mark.parametrize("name", ["a.gif", "a.tif", "a.webp", "a.png"])
def test_one_of_several_pictures_is_refused_until_it_is_copied(name, tmp_path):
    frames = [Image.fromarray(PICTURE), Image.fromarray(PICTURE[::-1].copy())]
    frames[0].save(tmp_path / name, None, save_all=True, append_images=frames[1:], lossless=True)
    with Image.open(tmp_path / name) as image:
        image.seek(1)
        with pytest.raises(InputError, match=r"image: is picture 2 of 2; give image.copy\(\)"):
            as_rgb(image)
        assert image.tell() == 1
        taken = as_rgb(image.copy())
    if name != "a.gif":  # of 256 colours
        np.testing.assert_array_equal(taken, PICTURE[::-1])


def test_a_picture_whose_other_pages_show_it_smaller_is_taken(tmp_path):
    smooth = np.asarray(Image.fromarray(PICTURE).resize((256, 192), Image.Resampling.BICUBIC))
    small = np.asarray(Image.fromarray(smooth).reduce(2))
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for page in (smooth, small):
            file.write(page, photometric="rgb", metadata=None)
    with Image.open(tmp_path / "a.tif") as image:
        np.testing.assert_array_equal(as_rgb(image), smooth)
        image.seek(1)
        with pytest.raises(InputError, match="image: is picture 2 of 2"):
            as_rgb(image)


def test_fewer_bits_in_16_are_refused_as_in_files(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", PICTURE.astype(np.uint16) * 16, photometric="rgb")
    tifffile.imwrite(tmp_path / "b.tif", PICTURE.astype(np.uint16) * 256, photometric="rgb")
    with Image.open(tmp_path / "a.tif") as image, pytest.raises(InputError, match="image: its values stay below 3584"):
        as_rgb(image)
    with Image.open(tmp_path / "b.tif") as image:
        np.testing.assert_array_equal(as_rgb(image), PICTURE)


def test_palettes_with_transparent_colours_are_as_their_files(tmp_path):
    image = Image.fromarray(PICTURE).quantize(16)
    image.info["transparency"] = 3
    image.save(tmp_path / "a.png")
    pixels = as_rgb(image)
    np.testing.assert_array_equal(pixels, read_image(tmp_path / "a.png").pixels)
    assert (pixels[np.asarray(image) == 3] == 255).all()
