"""Instance maps in files, read back by other programs' readers."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
import tifffile
from monai.transforms import LoadImage
from PIL import Image

from mani_monai.data.writers import write_instance_map
from mani_monai.utils import InputError

SMALL = np.array([[0, 0, 1, 1, 7], [2, 0, 0, 300, 300]], np.int32)
ENDINGS = [".tif", ".tiff", ".png", ".nii", ".nii.gz"]


def map_with(most: int) -> np.ndarray:
    instances = SMALL.astype(np.int64)
    instances[0, 0] = most
    return instances


@pytest.mark.parametrize("reader", [tifffile.imread, lambda path: np.asarray(Image.open(path))])
@pytest.mark.parametrize("ending", [".tif", ".tiff"])
def test_tiff(tmp_path, ending, reader):
    path = tmp_path / f"a{ending}"
    write_instance_map(path, SMALL)
    ids = reader(path)
    assert ids.dtype == np.uint16
    np.testing.assert_array_equal(ids, SMALL)


@pytest.mark.parametrize(("most", "kind"), [(65535, np.uint16), (65536, np.uint32), (2**32 - 1, np.uint32)])
def test_tiff_takes_32_bits_where_ids_need_them(tmp_path, most, kind):
    write_instance_map(tmp_path / "a.tif", map_with(most))
    ids = tifffile.imread(tmp_path / "a.tif")
    assert ids.dtype == kind
    np.testing.assert_array_equal(ids, map_with(most))


def test_tiff_is_compressed(tmp_path):
    write_instance_map(tmp_path / "a.tif", np.kron(SMALL, np.ones((200, 200), np.int32)))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages[0].compression.name == "ADOBE_DEFLATE"
    assert (tmp_path / "a.tif").stat().st_size < 400 * 1000 * 2 / 20


@pytest.mark.parametrize("instances", [SMALL, SMALL % 2, map_with(65535)])
def test_png_has_16_bits(tmp_path, instances):
    write_instance_map(tmp_path / "a.png", instances)
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "I;16"
        np.testing.assert_array_equal(np.asarray(image), instances)


def test_png_names_the_remedy_where_ids_do_not_fit(tmp_path):
    with pytest.raises(InputError, match=r"a\.png: PNG holds ids up to 65535, not 65536; write this map as TIFF"):
        write_instance_map(tmp_path / "a.png", map_with(65536))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("most", [9, 70000])
def test_nifti(tmp_path, ending, most):
    path = tmp_path / f"a{ending}"
    write_instance_map(path, map_with(most))
    image = nibabel.load(path)
    ids = np.asarray(image.dataobj)
    assert ids.dtype == np.uint32
    np.testing.assert_array_equal(ids, map_with(most).T)
    np.testing.assert_array_equal(image.affine, np.eye(4))
    assert (image.header["qform_code"], image.header["sform_code"]) == (1, 1)


def test_nifti_lies_on_the_image_as_monai_reads_both(tmp_path):
    """An image whose red channel is the instance map: MONAI turns both the same way."""
    Image.fromarray(np.stack([SMALL % 256] * 3, axis=2).astype(np.uint8)).save(tmp_path / "image.png")
    write_instance_map(tmp_path / "ids.nii.gz", SMALL)
    load = LoadImage(image_only=True)
    np.testing.assert_array_equal(load(tmp_path / "ids.nii.gz") % 256, load(tmp_path / "image.png")[..., 0])


def test_nifti_names_the_remedy_where_the_image_is_too_long(tmp_path):
    with pytest.raises(InputError, match=r"a\.nii: NIfTI holds up to 32767 px a side, not 1x32768; .* as TIFF"):
        write_instance_map(tmp_path / "a.nii", np.zeros((1, 32768), np.uint8))
    write_instance_map(tmp_path / "a.nii", np.zeros((1, 32767), np.uint8))


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("shape", [(1, 1), (3, 5)])
def test_no_nucleus(tmp_path, ending, shape):
    write_instance_map(tmp_path / f"a{ending}", np.zeros(shape, np.int32))
    assert [path.name for path in tmp_path.iterdir()] == [f"a{ending}"]


@pytest.mark.parametrize(
    "instances", [np.zeros((1, 2, 2), int), np.zeros((2, 2)), np.array([[-1]]), np.zeros((2, 2), bool)]
)
def test_what_is_no_map_of_ids_is_refused(tmp_path, instances):
    with pytest.raises(ValueError, match="instances must be HW integers >= 0, got"):
        write_instance_map(tmp_path / "a.tif", instances)


def test_an_unknown_ending_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"path must end in one of \.tif, .*, got 'a\.jpg'"):
        write_instance_map(tmp_path / "a.jpg", SMALL)
