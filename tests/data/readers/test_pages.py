"""Pages of a TIFF that lead back to themselves have no end; a smaller page is a picture of its own, or is not."""

import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from mani_monai.data.readers.pages import shows
from mani_monai.data.readers.rasters import read_image
from mani_monai.utils import InputError

SMOOTH = np.kron(np.random.default_rng(0).integers(0, 255, (10, 8)), np.ones((8, 8), int))


@pytest.mark.parametrize("scale", [1, 257], ids=["8 bits", "16 bits"])
def test_a_reduction_and_another_place(scale):
    large = (SMOOTH * scale).astype(np.uint8 if scale == 1 else np.uint16)
    assert shows(Image.fromarray(large), Image.fromarray(np.ascontiguousarray(large[::2, ::2])))
    assert not shows(Image.fromarray(large), Image.fromarray(np.ascontiguousarray(large[40:, :32])))


def test_masks_of_nought_and_one():
    mask = (SMOOTH > 150).astype(np.uint8)
    assert shows(Image.fromarray(mask), Image.fromarray(np.ascontiguousarray(mask[::2, ::2])))
    assert not shows(Image.fromarray(mask), Image.fromarray(np.ascontiguousarray(mask[40:, :32])))


def test_pages_of_one_shade():
    glass = Image.fromarray(np.full((80, 64), 240, np.uint8))
    assert shows(glass, Image.fromarray(np.full((40, 32), 241, np.uint8)))
    assert not shows(glass, Image.fromarray(np.full((40, 32), 40, np.uint8)))


@pytest.mark.parametrize("back", [0, 1])
def test_pages_in_a_circle_are_refused(tmp_path, back):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        for _ in range(2):
            writer.write(np.zeros((8, 8, 3), np.uint8), photometric="rgb", metadata=None)
    with tifffile.TiffFile(path) as tiff:
        places = [page.offset for page in tiff.pages]
    content = bytearray(path.read_bytes())
    (entries,) = struct.unpack_from("<H", content, places[1])
    struct.pack_into("<I", content, places[1] + 2 + 12 * entries, places[back])
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.tif: is damaged \(page 2 leads back to an earlier one\); copy it again"):
        read_image(path)


def test_pictures_behind_the_one_page_that_tifffile_wrote_are_a_stack(tmp_path):
    """Its text names the shape of all. Where the file ends before them, the text is of another picture."""
    path, pictures = tmp_path / "a.tif", np.random.default_rng(0).integers(0, 255, (3, 40, 50, 3), np.uint8)
    tifffile.imwrite(path, pictures, photometric="rgb", truncate=True)
    with pytest.raises(InputError, match=r"a\.tif: is a stack of 3 planes; store each as an image of its own"):
        read_image(path)
    with tifffile.TiffFile(path) as tiff:
        text = tiff.pages[0].description
    tifffile.imwrite(path, pictures[0], photometric="rgb", description=text, metadata=None)
    np.testing.assert_array_equal(read_image(path).pixels, pictures[0])
