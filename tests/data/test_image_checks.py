"""What is found wrong with images, labels and cell types before a run starts."""

import numpy as np
import pytest
from PIL import Image

from mani_monai.data.image_checks import check_images, check_types, crop_side
from mani_monai.utils import InputError

HEIGHT, WIDTH = 24, 40


@pytest.fixture
def folder(tmp_path):
    """One image with its label: images/a.png and labels/a.png."""
    pixels = {"images": np.zeros((HEIGHT, WIDTH, 3), np.uint8), "labels": np.ones((HEIGHT, WIDTH), np.uint16)}
    for part, values in pixels.items():
        (tmp_path / part).mkdir()
        Image.fromarray(values).save(tmp_path / part / "a.png")
    return tmp_path


@pytest.fixture
def items(folder):
    return [{"image": str(folder / "images" / "a.png"), "label": str(folder / "labels" / "a.png")}]


def one_line(error):
    return "\n" not in str(error.value)


def test_good_images_pass(items):
    check_images(items, crop_size=HEIGHT)
    check_images([{"image": items[0]["image"]}])
    check_images([])


def test_crop_larger_than_the_image(items):
    with pytest.raises(
        InputError, match=r"a\.png: is 24x40 .* smaller than the crop 25; choose --crop_size 24 or less"
    ):
        check_images(items, crop_size=HEIGHT + 1)


def test_images_that_are_all_one_smaller_square_are_taken_whole(tmp_path):
    items = [{"image": str(tmp_path / f"{name}.png")} for name in "ab"]
    for item in items:
        Image.new("RGB", (32, 32)).save(item["image"])
    check_images(items, crop_size=512)
    assert (crop_side(items, 512), crop_side(items, 20)) == (32, 20)
    Image.new("RGB", (40, 40)).save(items[1]["image"])
    with pytest.raises(InputError, match=r"a\.png: is 32x32 .*choose --crop_size 32 or less, or remove it"):
        check_images(items, crop_size=512)


def test_crop_that_no_network_takes(items):
    with pytest.raises(InputError, match=r"--crop_size 8: is smaller than the 16 px"):
        check_images(items, crop_size=8)


def test_tiny_image(items):
    with pytest.raises(InputError, match=r"a\.png: is 24x40 .* smaller than 32"):
        check_images(items, min_size=32)


@pytest.mark.parametrize(
    ("part", "pixels", "fault"),
    [
        ("images", np.zeros((HEIGHT, WIDTH, 4), np.uint8), "colour mode RGBA, not 8-bit RGB"),
        ("images", np.zeros((HEIGHT, WIDTH), np.uint16), "colour mode I;16, not 8-bit RGB"),
        ("labels", np.zeros((HEIGHT, WIDTH, 3), np.uint8), "colour mode RGB, not one channel"),
        ("labels", np.zeros((WIDTH, HEIGHT), np.uint16), r"is 40x24 where its image is 24x40"),
    ],
)
def test_bad_pixels(items, folder, part, pixels, fault):
    Image.fromarray(pixels).save(folder / part / "a.png")
    with pytest.raises(InputError, match=rf"{part}/a\.png: .*{fault}") as error:
        check_images(items)
    assert one_line(error)


@pytest.mark.parametrize("part", ["images", "labels"])
def test_truncated_or_missing(items, folder, part):
    path = folder / part / "a.png"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(InputError, match=rf"{part}/a\.png: cannot be decoded"):
        check_images(items)
    path.unlink()
    with pytest.raises(InputError, match=rf"{part}/a\.png: does not exist"):
        check_images(items)


def test_one_line_a_fault_and_no_flood(items, folder):
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / "images" / "a.png")
    with pytest.raises(InputError) as error:
        check_images(items * 12)
    lines = str(error.value).splitlines()
    assert len(lines) == 11
    assert lines[-1] == "and 2 more files"


def test_types_have_to_be_of_the_image_s_size(items, folder):
    typed = [items[0] | {"types": str(folder / "types.png")}]
    Image.fromarray(np.ones((HEIGHT, WIDTH), np.uint8)).save(folder / "types.png")
    check_images(typed)
    Image.fromarray(np.ones((WIDTH, HEIGHT), np.uint8)).save(folder / "types.png")
    with pytest.raises(InputError, match=r"types\.png: is 40x24 where its image is 24x40"):
        check_images(typed)


def test_types_have_to_fit_the_network(folder):
    path = folder / "types.png"
    Image.fromarray(np.full((HEIGHT, WIDTH), 4, np.uint8)).save(path)
    check_types([{"image": "a.png", "types": str(path)}], 5)
    check_types([{"image": "a.png"}], 0)
    for items, message in (
        ([{"image": "a.png", "types": str(path)}], r"types\.png: holds type 4; ask for --out_classes 5 or more"),
        ([{"image": "a.png"}], r"a\.png: has no cell types"),
    ):
        with pytest.raises(InputError, match=message) as error:
            check_types(items, 4)
        assert one_line(error)
