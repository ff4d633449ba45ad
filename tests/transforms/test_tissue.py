"""What is no tissue, on painted pictures: found whatever its kind, and nothing else is."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from made_slides import made_picture
from PIL import Image

from mani_monai.transforms import BackgroundOffTissued, flat_grey, tissue, tissue_mask
from mani_monai.transforms.tissue import GLASS, REACH, off_tissue, shown_as_glass

KINDS = {
    "black": (0, 0, 0),
    "scanner's black": (12, 10, 14),
    "a scanner's border": (30, 28, 34),
    "black marker": (40, 36, 44),
    "faded black": (60, 58, 62),
    "saturated glass": (255, 255, 255),
    "grey card": (205, 205, 205),
    "middle grey": (118, 118, 118),
    "blue pen": (15, 25, 120),
    "bright blue pen": (60, 90, 220),
    "dark blue ink": (20, 20, 70),
    "light blue ink": (90, 120, 200),
    "green pen": (20, 110, 60),
    "dark green marker": (10, 50, 30),
    "light green marker": (120, 190, 120),
    "red pen": (200, 20, 30),
    "dark red pen": (130, 10, 20),
    "turquoise pen": (10, 160, 180),
    "orange marker": (240, 120, 30),
    "yellow marker": (250, 230, 60),
    "magenta marker": (220, 20, 130),
}
STAINS = {
    "haematoxylin": (90, 60, 140),
    "dark nucleus": (45, 25, 75),
    "blue of immunohistochemistry": (110, 120, 165),
    "strong blue of immunohistochemistry": (70, 85, 150),
    "eosin": (220, 130, 190),
    "blood": (190, 60, 75),
    "DAB": (120, 75, 40),
    "dark DAB": (60, 38, 28),
    "pale stroma": (236, 218, 232),
    "saffron": (230, 180, 100),
}


def shaded(colour: tuple[int, int, int], noise: int = 9) -> np.ndarray:
    """96x96 of a colour, lighter and darker by a little."""
    shade = np.random.default_rng(0).integers(-noise, noise + 1, (96, 96, 1))
    return np.clip(np.array(colour) + shade, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_a_painted_quarter_is_no_tissue(kind):
    picture = shaded(STAINS["eosin"])
    picture[:, 72:] = KINDS[kind]
    mask = tissue_mask(picture)
    assert mask[:, :72].all()
    assert not mask[:, 72:].any()


def through_jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    """The picture after JPEG; itself for 0."""
    if not quality:
        return picture
    Image.fromarray(picture).save(file := io.BytesIO(), "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def noisy(colour: tuple[int, int, int], spread: int, shape: tuple[int, int]) -> np.ndarray:
    """A colour as a sensor sees it, whose channels differ at random."""
    noise = np.random.default_rng(1).normal(0, spread, (*shape, 3)).round()
    return np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("quality", [0, 90, 80])
@pytest.mark.parametrize("spread", [0, 3, 6])
@pytest.mark.parametrize("kind", KINDS)
def test_neither_noise_nor_jpeg_makes_tissue_of_it(kind, spread, quality):
    picture = np.tile(shaded(STAINS["eosin"]), (1, 3, 1))
    picture[:, 224:] = noisy(KINDS[kind], spread, (96, 64))
    mask = tissue_mask(through_jpeg(picture, quality))
    assert mask[:, 224:].mean() <= 0.05
    assert mask[:, :224].mean() >= 0.999


@pytest.mark.parametrize("quality", [0, 80])
@pytest.mark.parametrize("stain", STAINS)
def test_neither_noise_nor_jpeg_makes_ink_of_stains(stain, quality):
    assert tissue_mask(through_jpeg(noisy(STAINS[stain], 6, (96, 96)), quality)).all()


@pytest.mark.parametrize("stain", STAINS)
def test_stained_tissue_is_tissue(stain):
    assert tissue_mask(shaded(STAINS[stain])).all()
    assert tissue_mask(shaded(STAINS[stain], noise=0)).all()


def test_a_picture_in_grey_is_tissue():
    grey = made_picture(128, 128, glass=0).mean(axis=2) + np.random.default_rng(0).normal(0, 4, (128, 128))
    assert tissue_mask(np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)).all()


def test_dark_specks_in_a_nucleus_stay():
    picture = shaded(STAINS["dark nucleus"])
    picture[40:47, 40:47] = 5
    picture[60:67, 20:27] = 255
    assert tissue_mask(picture).all()


def test_windows_give_the_masks_of_the_whole():
    picture = made_picture(200, 220)
    picture[:, 150:] = KINDS["black"]
    picture[90:130, 20:120] = KINDS["blue pen"]
    picture[10:60, 60:90] = KINDS["grey card"]
    whole = tissue_mask(picture)
    for top, left in ((0, 0), (37, 51), (80, 100)):
        part = tissue_mask(picture[top : top + 120, left : left + 120])
        inner = slice(REACH, 120 - REACH)
        np.testing.assert_array_equal(part[inner, inner], whole[top : top + 120, left : left + 120][inner, inner])
    np.testing.assert_array_equal(tissue_mask(picture.transpose(1, 0, 2)), whole.T)


def test_a_known_mask_is_taken_where_pictures_are_the_same(monkeypatch):
    other = made_picture(600, 620)
    other[:, 590:] = KINDS["black"]
    known, picture = tissue_mask(other), other.copy()
    picture[10:60, 10:60] = KINDS["blue pen"]
    expected, asked = tissue_mask(picture), []
    block = tissue._block_mask
    monkeypatch.setattr(tissue, "_block_mask", lambda part: asked.append(part.shape) or block(part))
    np.testing.assert_array_equal(tissue_mask(picture, (other, known)), expected)
    assert (expected != known).any()
    assert len(asked) == 1, "one of nine blocks differs"


def test_greys_by_sums_of_every_square():
    """Of differences up to 255, whose sums over a square do not fit into 16 bits."""
    planes = np.random.default_rng(0).choice(np.array([0, 4, 255], np.int16), (3, 60, 70), p=[0.1, 0.1, 0.8])
    planes[:, :, 35:] = planes[:, :, 35:] // 32
    planes[0, :30] = 255
    planes[1:, :30, :30] = 0
    wide = np.pad(planes.astype(np.int64), [(0, 0), (7, 7), (7, 7)], mode="edge")
    sums = np.lib.stride_tricks.sliding_window_view(wide, (15, 15), (1, 2)).sum(axis=(3, 4))
    expected = np.ptp(sums, axis=0) <= 8 * 225
    assert 0.1 < expected.mean() < 0.9
    np.testing.assert_array_equal(flat_grey._is_grey(planes), expected)


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (14, 200)])
def test_small_pictures(shape):
    assert not tissue_mask(np.zeros((*shape, 3), np.uint8)).any()
    assert tissue_mask(np.full((*shape, 3), STAINS["eosin"], np.uint8)).all()


def test_other_arrays_are_refused():
    with pytest.raises(ValueError, match="must be HW3 uint8, got float64 of shape"):
        tissue_mask(np.zeros((4, 4, 3)))


def test_it_is_shown_as_glass():
    picture = shaded(STAINS["eosin"])
    assert shown_as_glass(picture) is picture
    picture[:, 72:] = 0
    shown = shown_as_glass(picture)
    np.testing.assert_array_equal(shown[:, :72], picture[:, :72])
    assert (shown[:, 72:] == GLASS).all()
    picture[:, 72:] = 215
    assert shown_as_glass(picture) is picture, "it is glass already"


def test_no_nuclei_are_left_there():
    maps, mask = np.zeros((4, 3, 5), np.float32), np.ones((3, 5), bool)
    maps[1] = 3
    assert off_tissue(maps, mask) is maps
    mask[:, 3:] = False
    item = {"pred": torch.from_numpy(maps), "tissue": torch.from_numpy(mask[None])}
    answer = BackgroundOffTissued()(item)["pred"]
    np.testing.assert_array_equal(answer, off_tissue(maps, mask))
    np.testing.assert_array_equal(answer[1] > answer[0], mask)
    np.testing.assert_array_equal(answer[2:], maps[2:])
    assert BackgroundOffTissued()({"pred": item["pred"]})["pred"] is item["pred"]
    shares = BackgroundOffTissued(probabilities=True)({**item, "pred": item["pred"] / 3})["pred"]
    np.testing.assert_array_equal(shares[:2], [~mask, mask])
