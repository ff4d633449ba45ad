import numpy as np
import pytest
from PIL import Image

from mani_monai.data.readers import read_kirc
from mani_monai.utils import InputError


def write(path, value=200):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 6), value, np.uint8)).save(path)


def test_the_three_parts_are_pooled(tmp_path):
    for part, name, ending in (("train", "0_400", "tiff"), ("validation", "8_16", "png"), ("test", "3_3", "tiff")):
        write(tmp_path / f"{part}_images" / f"{name}_image.{ending}")
        write(tmp_path / f"{part}_masks" / f"{name}_mask.png", 1)
    listing = read_kirc(tmp_path)
    assert [(r.id, r.group) for r in listing.records] == [("0_400", "0_400"), ("8_16", "8_16"), ("3_3", "3_3")]
    assert listing.records[0].image == tmp_path / "train_images" / "0_400_image.tiff"
    assert (listing.records[0].read_mask((4, 6)).values == 1).all()
    assert listing.records[0].read_mask((4, 6)).kind == "auto"
    assert listing.problems == ()


def test_a_name_in_two_parts_and_a_missing_mask_are_problems(tmp_path):
    for part in ("train", "test"):
        write(tmp_path / f"{part}_images" / "a_image.png")
        write(tmp_path / f"{part}_masks" / "a_mask.png")
    write(tmp_path / "train_images" / "b_image.png")
    problems = read_kirc(tmp_path).problems
    assert len(problems) == 3
    assert sum("stands for the same image" in line for line in problems) == 2
    assert any("b_image.png: has no mask" in line for line in problems)


def test_missing_folders(tmp_path):
    with pytest.raises(InputError, match="holds none of train_images"):
        read_kirc(tmp_path)
    (tmp_path / "kirc" / "test_images").mkdir(parents=True)
    with pytest.raises(InputError, match=f"; name {tmp_path / 'kirc'}, where there are some"):
        read_kirc(tmp_path)
    (tmp_path / "train_images").mkdir()
    with pytest.raises(InputError, match="train_masks: does not exist"):
        read_kirc(tmp_path)
