import os

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image
from warm_python import run_python

from mani_monai.data.readers.opened_picture import FORMATS
from mani_monai.data.readers.rasters import read_image, read_mask
from mani_monai.utils import InputError

PAGE = np.random.default_rng(0).integers(0, 255, (40, 32), np.uint8)
SMALLER = PAGE.reshape(20, 2, 16, 2).mean((1, 3)).astype(np.uint8)


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


def test_a_program_that_took_pillows_limit_away_reads_images(tmp_path, command_environment):
    """Viewers of slides do so before they import anything else."""
    Image.fromarray(PAGE).save(tmp_path / "a.png")
    code = (
        "from PIL import Image\nImage.MAX_IMAGE_PIXELS = None\nfrom mani_monai.data.readers.rasters import read_image\n"
    )
    done = run_python(["-c", code + "print(read_image('a.png').pixels.shape)"], tmp_path, command_environment)
    assert done.stdout == "(40, 32, 3)\n", done.stderr


def test_a_folder_is_no_image(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(InputError, match=r"a\.png: is a folder"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("read", [read_image, read_mask])
@pytest.mark.parametrize(("outer", "inner"), [(SMALLER, PAGE), (PAGE, PAGE[::-1])], ids=["thumbnail", "of one size"])
def test_a_picture_within_a_page_that_is_no_reduction_of_it_is_refused(tmp_path, read, outer, inner):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(outer, photometric="minisblack", metadata=None, subifds=1)
        writer.write(inner, photometric="minisblack", metadata=None)
    with pytest.raises(InputError, match=r"a\.tif: holds its picture within a page"):
        read(tmp_path / "a.tif")


def test_a_pipe_is_no_image(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png: is a pipe or a device; name an image"):
        read_image(tmp_path / "a.png")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow's, of its own try
def test_a_layout_that_is_not_read_is_not_told_to_become_what_it_is(tmp_path):
    pixels = np.repeat(PAGE[..., None], 3, axis=2)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", bigtiff=True, byteorder=">")
    with pytest.raises(InputError, match=r"a\.tif: is a TIFF of a rare layout \(RGB NONE big-endian\); save it as PNG"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("ending", ["png", "tif", "jpg", "bmp"])
def test_no_program_runs_for_a_file_that_is_called_an_image(ending, tmp_path, monkeypatch):
    """Pillow hands PostScript to Ghostscript, where that is installed."""
    path = tmp_path / f"a.{ending}"
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 80 64\nshowpage\n")
    asked = []
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *given, **more: asked.append(given))
    with pytest.raises(InputError, match="damaged, or of an unknown kind"):
        read_image(path)
    assert asked == []


@pytest.mark.parametrize("kind", [name for name in FORMATS if name not in ("TIFF", "DIB")])
def test_every_kind_that_is_decoded_is_known_to_pillow(kind, tmp_path):
    path, pixels = tmp_path / "a.png", np.full((20, 30, 3), 128, np.uint8)
    Image.fromarray(pixels).save(path, format=kind)
    assert np.abs(read_image(path).pixels.astype(int) - pixels).max() <= 2
