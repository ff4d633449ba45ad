"""Masks that cannot be what they say."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from mani_monai.apps.prepare.mask_doubts import mask_doubt
from mani_monai.apps.prepare.masks import to_instances
from mani_monai.data.readers.records import RawMask

SIDE = 24  # pixels from one nucleus to the next


def nuclei(count):
    """Round nuclei in rows, with ids in reading order."""
    across = int(np.ceil(np.sqrt(count)))
    ids = np.zeros((across * SIDE, across * SIDE), np.int64)
    disc = np.hypot(*np.mgrid[-8:9, -8:9]) <= 8
    for number in range(count):
        row, column = (SIDE * place + 3 for place in divmod(number, across))
        ids[row : row + 17, column : column + 17][disc] = number + 1
    return ids


def jpeg(mask):
    stream = io.BytesIO()
    Image.fromarray(mask).save(stream, "JPEG", quality=60)
    return np.asarray(Image.open(stream))


BINARY = (nuclei(60) > 0).astype(np.uint8) * 255
LEVELS = ndimage.gaussian_filter(BINARY.astype(float), 3).round().astype(np.uint8)
CONE = np.clip(120 - np.hypot(*np.mgrid[-100:100, -100:100]), 0, None).round().astype(np.uint8)
RINGS = (np.hypot(*np.mgrid[-100:100, -100:100]) // 10).clip(0, 9).astype(np.uint8)
BACKGROUND = np.where(nuclei(60) > 0, nuclei(60), 99).astype(np.uint16)
TILED = np.tile(nuclei(25), (1, 2)).astype(np.uint16)

PIECES = np.kron(np.arange(1, 26).reshape(5, 5), np.ones((20, 20), np.uint8)).astype(np.uint8)  # of a whole image

TINY = np.kron([[1, 0, 2], [0, 0, 0], [2, 0, 1]], np.ones((6, 6), np.uint8)).astype(np.uint8)

SHAPES = nuclei(60)
LINES = np.where(ndimage.minimum_filter(SHAPES, 3) == SHAPES, 0, SHAPES)  # a pixel wide, within each nucleus
BORDERS = np.where((SHAPES == 0) & (ndimage.maximum_filter(SHAPES, 3) > 0), 255, SHAPES)
LINED = np.where((np.indices(BINARY.shape) == 100).any(axis=0), 255, BINARY).astype(np.uint8)
FRAME = np.pad(BINARY[2:-2, 2:-2], 2, constant_values=255)
THICK = ndimage.binary_dilation(LINES > 0).astype(np.uint8)  # three pixels wide

POINTS = np.zeros((96, 96), np.uint8)
POINTS[5::12, 5::12] = 255
SPECKS = np.where(np.random.default_rng(0).random(BINARY.shape) < 0.01, 255, BINARY).astype(np.uint8)

DOUBTFUL = {
    "points": (POINTS, "most of its 64 nuclei have 2 pixels or less, as points and noise do; draw them whole"),
    "noise of salt": (SPECKS, "have 2 pixels or less"),
    "dots": (ndimage.grey_dilation(POINTS, 7), "64 of its 64 nuclei have 49 pixels each, as marks of their places do"),
    "outlines of three pixels": (THICK, "60 of its 60 nuclei are hollow"),
    "outlines": ((LINES > 0).astype(np.uint8) * 255, "60 of its 60 nuclei are hollow, as outlines are; fill them"),
    "outlines with ids": (LINES.astype(np.uint16), "60 of its 60 nuclei are hollow"),
    "borders of 255": (BORDERS.astype(np.uint8), "its value 255 lies around 60 others, as borders .*; take .* out"),
    "lines": (LINED, "reaches all four edges, as a frame or lines do; take that out"),
    "a frame": (FRAME, "reaches all four edges, as a frame or lines do; take that out"),
    "wrapped by one": (nuclei(257).astype(np.uint8), "wrapped at 8 bits.*Store them with 16 bits"),
    "wrapped thrice": (nuclei(891).astype(np.uint8), "wrapped at 8 bits"),
    "wrapped by one, then stored with 16 bits": (nuclei(257).astype(np.uint8).astype(np.uint16), "wrapped at 8 bits"),
    "wrapped, numbers of a float": (nuclei(280).astype(np.uint8).astype(np.int64), "wrapped at 8 bits"),
    "cut at 255": (nuclei(300).clip(0, 255).astype(np.uint8), "wrapped at 8 bits, or cut there"),
    "noise of JPEG": (jpeg(BINARY), "(pieces|mostly 255)"),
    "noise of JPEG in ids": (jpeg((nuclei(60) * 4).astype(np.uint8)), "pieces"),
    "probabilities": (LEVELS, "(pieces|around others|mostly 255)"),
    "probabilities of one nucleus": (CONE, "lie around others"),
    "rings": (RINGS, "lie around others"),
    "cell types": (np.where(nuclei(60) > 0, nuclei(60) % 4 + 1, 0).astype(np.uint8), "pieces.*cell types"),
    "two cell types of four nuclei": (np.where(nuclei(4) > 0, nuclei(4) % 2 + 1, 0), "4 pieces of like size"),
    "one nucleus of a type, three of another": (np.minimum(nuclei(4), 2).astype(np.uint8), "4 pieces of like size"),
    "cell types of a tiny image": (TINY, "its 2 ids lie in 4 pieces of like size, as cell types do"),
    "a number for the background": (BACKGROUND, "one nucleus covers"),
    "inverted": (255 - BINARY, "one nucleus covers .* inverted"),
    "pieces of a whole image": (PIECES, "it has no background, .*; store 0 where no nucleus is"),
    "everything": (np.full((100, 100), 255, np.uint8), "one nucleus covers 100%"),
    "ids of tiles": (TILED, "so that ids repeat"),
}


@pytest.mark.parametrize("case", DOUBTFUL)
def test_refused_unless_insisted_on(case):
    values, why = DOUBTFUL[case]
    with pytest.raises(ValueError, match=why):
        to_instances(RawMask(values))
    assert to_instances(RawMask(values), accept_doubtful=True).values.any()


@pytest.mark.parametrize("case", ["wrapped thrice", "ids of tiles", "rings", "a number for the background"])
def test_that_they_are_called_ids_makes_them_none(case):
    with pytest.raises(ValueError, match="insist with --accept_doubtful"):
        to_instances(RawMask(DOUBTFUL[case][0], "ids"))


@pytest.mark.parametrize("count", [1, 2, 60, 255, 256, 300])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
def test_honest_masks(count, dtype):
    if count > np.iinfo(dtype).max:
        pytest.skip("is the wrapped one")
    assert to_instances(RawMask(nuclei(count).astype(dtype), "ids")).values.max() == count


def test_few_faults_of_drawing_are_forgiven():
    ids = nuclei(300)
    ids[ids == 7] = 250  # one id on two nuclei
    ids[10:13, 10:13] = 301  # a speck within a nucleus
    assert mask_doubt(np.unique(ids, return_inverse=True)[1].reshape(ids.shape), ids.astype(np.uint16)) is None


def test_few_nuclei_of_which_one_is_cut_in_two_are_ids():
    for count in (2, 3, 4):
        ids = nuclei(count)
        ids[3:20, 11] = 0  # the first one, in two halves
        assert mask_doubt(ids, ids) is None


def test_nuclei_that_touch_around_a_lumen_are_no_outlines():
    mask = np.zeros((512, 512), np.uint8)
    rows, columns = np.indices(mask.shape)
    for row, column in ((130, 130), (130, 380), (380, 130), (380, 380)):  # glands of 18 nuclei, each in one piece
        for angle in np.linspace(0, 2 * np.pi, 18, endpoint=False):
            mask[np.hypot(rows - row - 60 * np.sin(angle), columns - column - 60 * np.cos(angle)) <= 11] = 255
    assert to_instances(RawMask(mask)).values.max() == 4


@pytest.mark.parametrize(("count", "full"), [(254, False), (255, True), (256, True)])
def test_a_mask_with_all_ids_of_eight_bits_says_so(count, full):
    mask = to_instances(RawMask(nuclei(count).astype(np.uint8)))
    assert any("a 256th would be lost" in note for note, _ in mask.notes) == full
    assert not any("256th" in note for note, _ in to_instances(RawMask(nuclei(count).astype(np.uint16))).notes)


@pytest.mark.parametrize(("pieces", "doubtful"), [(4, False), (5, True), (20, True)])
def test_one_id_in_many_pieces_is_no_nucleus(pieces, doubtful):
    """As a part of each nucleus that is to be ignored; those of few nuclei may be faults of drawing."""
    ids = nuclei(60)
    stored = ids.copy()
    for row, column in ndimage.center_of_mass(ids, ids, range(1, pieces + 1)):
        stored[int(row) - 1 : int(row) + 2, int(column) - 1 : int(column) + 2] = 255
    doubt = mask_doubt(np.unique(stored, return_inverse=True)[1].reshape(ids.shape), stored)
    assert (doubt is not None) == doubtful
    if doubt is not None:
        assert doubt.startswith(f"its value 255 lies in {pieces} pieces far apart, as borders and what is to be ")
