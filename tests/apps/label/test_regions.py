from __future__ import annotations

import numpy as np
import pytest
from exports import picture
from painted_model import painted, painted_model, red_model, round_nuclei
from PIL import Image

from mani_monai import large_picture
from mani_monai.apps.label.regions import LastMeasured, Region, nuclei_of_region, read_region, read_size, said_of
from mani_monai.data.pixel_size import PixelSize
from mani_monai.utils import InputError

HEIGHT, WIDTH = 60, 90


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(picture(HEIGHT, WIDTH, 0)).save(path)
    return path


def pixels_of(path):
    return np.asarray(Image.open(path))


@pytest.mark.parametrize("request_", [{}, {"location": [0, 0], "size": [0, 0], "level": 0}, {"size": [2048, 2048]}])
def test_the_whole_image(image, request_):
    pixels, region = read_region(image, request_)
    np.testing.assert_array_equal(region.of(pixels), pixels_of(image))
    assert region == Region((0, 0), (WIDTH, HEIGHT))


def test_a_region_is_x_y_and_width_height(image):
    pixels, region = read_region(image, {"location": [40, 10], "size": [32, 20]})
    np.testing.assert_array_equal(region.of(pixels), pixels_of(image)[10:30, 40:72])
    assert region == Region((40, 10), (32, 20))


def test_what_reaches_beyond_the_image_is_cut_off_and_said(image):
    pixels, region = read_region(image, {"location": [70, 20], "size": [50, 100]})
    np.testing.assert_array_equal(region.of(pixels), pixels_of(image)[20:, 70:])
    assert region == Region((70, 20), (20, 40))


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        ({"location": [90, 0], "size": [20, 20]}, "outside of the image, which is 90 x 60 px"),
        ({"location": [0, 60], "size": [20, 20]}, "outside of the image"),
        ({"location": [-5, 0], "size": [20, 20]}, "is no region"),
        ({"location": [0, 0], "size": [-20, 20]}, "is no region"),
        ({"location": [5, 5], "size": [0, 0]}, "is no region"),
        ({"location": [5, 5]}, "has no size"),
        ({"location": [80, 0], "size": [20, 20]}, "smaller than 16 x 16"),
        ({"location": "0,0", "size": [20, 20]}, "two whole numbers"),
        ({"location": [0.5, 0], "size": [20, 20]}, "two whole numbers"),
        ({"location": [float("nan"), 0], "size": [20, 20]}, "two whole numbers"),
        ({"size": [20]}, "two whole numbers"),
        ({"size": [True, 20]}, "two whole numbers"),
        ({"level": 1}, "ask for level 0"),
    ],
)
def test_what_is_no_region_of_the_image(image, request_, line):
    with pytest.raises(InputError, match=line) as raised:
        read_region(image, request_)
    assert "\n" not in str(raised.value)


def test_a_truncated_image(image):
    image.write_bytes(image.read_bytes()[:-2000])
    with pytest.raises(InputError, match=r"a\.png: cannot be decoded"):
        read_region(image, {})


def test_a_large_image_is_measured_once_for_all_its_regions(monkeypatch):
    monkeypatch.setattr("mani_monai.transforms.rescaling.MOST_WHOLE", 1000)
    monkeypatch.setattr("mani_monai.large_picture.EDGE", 32)
    asked, measure = [], large_picture.measured
    monkeypatch.setattr(large_picture, "measured", lambda *given: asked.append(given) or measure(*given))
    one, other = (painted(round_nuclei(100, 164, [(40, column, 12)])) for column in (40, 90))
    model, again, last = painted_model(), painted_model(), LastMeasured()
    whole = model.measured(one)[1].declaration.parting
    assert [last(model, one.copy())[1].declaration.parting for _ in range(3)] == [whole] * 3
    assert len(asked) == 2
    for given in ((model, other), (again, other), (model, one)):
        last(*given)
    assert len(asked) == 5


def test_a_region_is_found_at_the_networks_pixel_size():
    """Its nuclei are those that the model finds in the crop itself, with its pixel size."""
    whole, model, region = picture(120, 160, 0), red_model(mpp=0.25), Region((20, 16), (120, 96))
    expected = model(region.of(whole), mpp=0.5)
    found = nuclei_of_region(model, LastMeasured(), whole, region, PixelSize(0.5, "a file"))
    np.testing.assert_array_equal(found.probability, expected.probability)
    nuclei_of_region(model, LastMeasured(), whole, region, None)
    assert [size[2:] for size in model.network.sizes] == [(192, 240), (192, 240), (96, 120)]
    with pytest.raises(InputError, match="more than 4 times apart"):
        nuclei_of_region(model, LastMeasured(), whole, region, PixelSize(2, "a file"))


def test_a_pixel_size_is_the_requests_or_the_files(tmp_path):
    path = tmp_path / "a.tif"
    Image.fromarray(picture(HEIGHT, WIDTH, 0)).save(path, dpi=(25400 / 0.5, 25400 / 0.5))
    sizes = [read_size(path, {}), read_size(path, {"mpp": 0.3})]
    assert [size and round(size.um, 3) for size in sizes] == [0.5, 0.3]
    said = [said_of(size) for size in (*sizes, None)]
    assert said[0] == {"mpp": sizes[0].um}
    assert said[1] == {"mpp": 0.3, "pixel_size_doubt": "its file says 0.5 um (TIFF resolution)"}
    assert said[2] == {"mpp": None}
    with pytest.raises(InputError, match="mpp none: write micrometres"):
        read_size(path, {"mpp": "none"})
