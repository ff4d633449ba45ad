"""What of a target may not speak for its tissue, without a label."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mani_monai.apps.adapt.target_images import LEAST_JUDGED, named_sizes, richest_part, shown_pixel_sizes, survey
from mani_monai.data.pixel_size import given_pixel_size

PINK, GLASS, BROWN = (200, 130, 180), (245, 245, 245), (110, 80, 30)


def tissue(colour=PINK, seed=0):
    noise = np.random.default_rng(seed).integers(-6, 7, (96, 96, 3))
    return (np.array(colour) + noise).clip(0, 255).astype(np.uint8)


@pytest.fixture
def look(tmp_path):
    def run(pictures, mpp=None, size=None):
        paths = []
        for name, picture in pictures.items():
            paths.append(tmp_path / f"{name}.png")
            Image.fromarray(picture).save(paths[-1])
        return survey(paths, size, mpp, progress=False)

    return run


def others(count=LEAST_JUDGED):
    return {f"sound{number}": tissue(seed=number) for number in range(count)}


def test_ordinary_images_are_not_doubted(look):
    images, left_out = look(others())
    assert [image.doubts for image in images] == [()] * LEAST_JUDGED
    assert left_out == []
    assert all(image.tissue == 1 and image.black == 0 for image in images)


def test_images_without_a_pixel_size_are_named(look):
    images, _ = look(others(), mpp=0.25)
    whose = f"{LEAST_JUDGED} images have no pixel size, e.g. sound0.png"
    assert named_sizes(images, 0.25) == [f"{whose}: taken as the network's 0.25 um; name it with --mpp."]
    assert named_sizes(images, None) == []
    sized, _ = look(others(), mpp=0.25, size=given_pixel_size(0.25))
    assert named_sizes(sized, 0.25) == []
    assert named_sizes(images[:1], 0.25)[0].startswith("1 image has no pixel size, sound0.png: taken as")
    heads = ("micrometres per pixel of the images", "micrometres per pixel of the network")
    for seen, mpp, said in (
        (sized, 0.25, ("0.25", "0.25")),
        (images, None, ("not known", "not known")),
        ([*sized, replace(sized[0], um=0.5), images[0]], 0.25, ("0.25 to 0.5; 1 image without one", "0.25")),
    ):
        assert shown_pixel_sizes(seen, mpp) == dict(zip(heads, said, strict=True))


def test_pigment_is_named_and_dark_nuclei_are_not(look):
    pigment, nuclei = tissue(), tissue()
    pigment[40:56, 40:56] = tissue((58, 50, 46))[:16, :16]
    nuclei[:48, :48] = (60, 30, 90)
    images, _ = look({"pigment": pigment, "nuclei": nuclei})
    assert images[0].doubts == ("black pigment, ink or folds (3% of it is black)",)
    assert images[1].doubts == ()


@pytest.mark.parametrize("width", [8, 24, 48])
@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_a_black_border_is_no_pigment(tmp_path, width, ending):
    paths = []
    for number, pigment in enumerate((False, True)):
        picture = tissue(seed=number)
        if pigment:
            picture[8:24, 8:24] = tissue((58, 50, 46))[:16, :16]
        picture[:, -width:] = 0
        paths.append(tmp_path / f"{number}.{ending}")
        Image.fromarray(picture).save(paths[-1])
    (bordered, pigmented), _ = survey(paths, None, None, progress=False)
    assert (bordered.doubts, bordered.black) == ((), 0)
    assert pigmented.doubts[0].startswith("black pigment, ink or folds"), "a border beside it hides no pigment"
    if ending == "png":
        assert pigmented.black == pytest.approx(16 * 16 / 96 / (96 - width))


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 7, 10, 13, 18])
@pytest.mark.parametrize("colour", [0, 255, 40])
@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_a_thin_frame_is_no_pigment(tmp_path, width, colour, ending):
    """On every side at once; pigment within it is named all the same."""
    paths = []
    for number, pigment in enumerate((False, True)):
        picture = tissue(seed=number)
        if pigment:
            picture[40:56, 40:56] = tissue((58, 50, 46))[:16, :16]
        framed = np.full_like(picture, colour)
        framed[width:-width, width:-width] = picture[width:-width, width:-width]
        paths.append(tmp_path / f"{number}.{ending}")
        Image.fromarray(framed).save(paths[-1])
    (bordered, pigmented), _ = survey(paths, None, None, progress=False)
    assert bordered.doubts == ()
    assert pigmented.doubts[0].startswith("black pigment, ink or folds")


def test_an_image_that_is_mostly_glass(look):
    glass = tissue(GLASS)
    glass[:24, :24] = PINK
    images, _ = look({"glass": glass})
    assert images[0].doubts == ("mostly without tissue (6% of it is tissue)",)


def test_colours_far_from_the_others(look):
    images, _ = look({"brown": tissue(BROWN), **others()})
    assert images[0].doubts == ("colours far from those of the other images",)
    assert all(not image.doubts for image in images[1:])
    images, _ = look({"brown": tissue(BROWN), **others(LEAST_JUDGED - 2)})
    assert not images[0].doubts, "of so few nobody knows which is the exception"
    images, _ = look({**{f"brown{number}": tissue(BROWN, number) for number in range(2)}, **others(5)})
    assert not any(image.doubts for image in images), "a folder of two kinds has no exceptions"


def test_bad_images_are_named_and_the_rest_goes_on(look, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    Image.fromarray(tissue()[:8]).save(tmp_path / "flat.png")
    Image.fromarray(tissue()).save(tmp_path / "good.png")
    images, left_out = survey([tmp_path / name for name in ("broken.png", "flat.png", "good.png")], None, None, False)
    assert [image.path.name for image in images] == ["good.png"]
    assert "broken.png: cannot be decoded" in left_out[0]
    assert left_out[1] == f"{tmp_path / 'flat.png'}: is 8x96 px, too small for the network; take larger images."


def test_fields_have_the_network_s_pixel_size(look):
    (image,), _ = look({"a": tissue()}, mpp=0.5, size=given_pixel_size(0.25))
    assert image.field.shape == (48, 48, 3)


def test_the_richest_part_is_no_empty_corner():
    picture = np.full((96, 128, 3), GLASS, np.uint8)
    assert richest_part(picture, 32) == (slice(32, 64), slice(48, 80)), "all are equal: the middle"
    picture[64:, 96:] = PINK
    assert richest_part(picture, 32) == (slice(64, 96), slice(96, 128))
    assert richest_part(picture, 500) == (slice(0, 96), slice(0, 128))


def test_the_richest_part_is_no_scanner_s_border():
    picture = np.zeros((192, 256, 3), np.uint8)
    picture[96:, 128:] = tissue().repeat(2, axis=1)[:, :128]
    rows, columns = richest_part(picture, 64)
    assert (rows.start >= 96, columns.start >= 128) == (True, True), "of what is tissue"


def test_a_field_does_not_keep_the_whole_picture(look, tmp_path):
    (image,), _ = look({"large": np.tile(tissue(), (8, 8, 1))})
    assert image.field.shape == (512, 512, 3)
    assert image.field.base is None
    (image,), _ = survey([tmp_path / "large.png"], None, None, progress=False, fields=False)
    assert image.field.size == 0
    assert image.tissue == 1


def test_a_pixel_size_that_contradicts_the_files_is_said(tmp_path):
    Image.fromarray(tissue(seed=0)).save(tmp_path / "a.png", dpi=(101600, 101600))
    images, _ = survey([tmp_path / "a.png"], given_pixel_size(0.5), 0.25, progress=False)
    whose = "1 image with a doubtful pixel size, e.g. a.png"
    assert named_sizes(images, 0.25) == [f"{whose}: taken as 0.5 um, its file says 0.25 um (PNG density)."]
