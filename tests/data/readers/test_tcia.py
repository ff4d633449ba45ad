import numpy as np
import pytest
from PIL import Image

from mani_monai.data.readers import read_tcia
from mani_monai.data.readers.tcia import parse_ids
from mani_monai.utils import InputError


def write(folder, number, image=True, mask=True):
    folder.mkdir(parents=True, exist_ok=True)
    if image:
        Image.fromarray(np.full((4, 6, 3), 200, np.uint8)).save(folder / f"{number}_crop.png")
    if mask:
        Image.fromarray(np.full((4, 6), 3, np.uint8)).save(folder / f"{number}_labeled_mask_corrected.png")
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(folder / f"{number}_labeled_mask_common0.png")


def test_stomach_patches_with_a_corrected_mask(tmp_path):
    folder = tmp_path / "manual_segmentation_data"
    for number in (1072, 1073, 1171, 1172):  # the first and the last are other cancers
        write(folder, number)
    write(folder, 1104, mask=False)
    write(folder, 1120, image=False)
    listing = read_tcia(tmp_path)
    assert [r.id for r in listing.records] == ["1073", "1171"]
    mask = listing.records[0].read_mask((4, 6))
    assert mask.kind == "ids"
    assert (mask.values == 3).all()
    assert listing.left_out[1] == "without a corrected mask: 1104"
    assert listing.left_out[0].startswith("not in the folder: 1074, 1075")
    assert len(listing.problems) == 1
    assert "1120_labeled_mask_corrected.png: is a mask without its image" in listing.problems[0]


def test_other_ids(tmp_path):
    for number in (3, 20, 100):
        write(tmp_path, number)
    assert [r.id for r in read_tcia(tmp_path, "all").records] == ["3", "20", "100"]
    assert [r.id for r in read_tcia(tmp_path, "20,3").records] == ["20", "3"]


def test_parse_ids():
    assert parse_ids("3, 7,10-12,11") == ["3", "7", "10", "11", "12"]
    for wrong in ("", "a", "3-", "-3", "5-4", "1.5"):
        with pytest.raises(InputError, match="--ids"):
            parse_ids(wrong)


def test_folder_without_patches(tmp_path):
    with pytest.raises(InputError, match=r"holds no \*_crop\.png"):
        read_tcia(tmp_path)
