"""Pages of a TIFF that lead back to themselves have no end."""

import struct

import numpy as np
import pytest
import tifffile

from mani_monai.data.readers.rasters import read_image
from mani_monai.utils import InputError


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
