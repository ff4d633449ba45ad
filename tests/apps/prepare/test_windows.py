import numpy as np
import pytest

from mani_monai.apps.prepare.windows import WindowGrid


@pytest.mark.parametrize(
    ("size", "step", "mirror", "starts"),
    [
        (540, 164, True, [-188, -24, 140, 304, 468, 632, 648]),  # the last centre ends at 648 + 188 + 164 = 1000
        (540, 80, True, [*range(-230, 651, 80), 690]),
        (256, 256, False, [0, 256, 512, 744]),
        (256, 256, True, [0, 256, 512, 744]),
        (1000, 1000, False, [0]),
        (500, 250, False, [0, 250, 500]),
    ],
)
def test_starts_along_1000_pixels(size, step, mirror, starts):
    assert WindowGrid(size, step, mirror).starts(1000) == starts


def test_hovernet_patch_counts():
    assert len(WindowGrid(540, 80).starts(1000)) ** 2 == 169
    assert 41 * len(WindowGrid(540, 164).starts(1000)) ** 2 == 2009


@pytest.mark.parametrize(("size", "step"), [(9, 4), (8, 3), (6, 6), (12, 5)])
def test_centres_cover_the_image_and_stay_inside(size, step):
    grid = WindowGrid(size, step)
    image = np.arange(17 * 23 * 3).reshape(17, 23, 3)  # every value once; neither square nor a multiple of the step
    before = (size - step) // 2
    seen = set()
    for window in grid.cut(image):
        assert window.image.shape == (size, size, 3)
        assert (window.ids, window.types) == (None, None)
        centre = window.image[before : before + step, before : before + step]
        top, left = grid.starts(17)[window.row] + before, grid.starts(23)[window.column] + before
        np.testing.assert_array_equal(centre, image[top : top + step, left : left + step])
        seen |= set(centre.ravel().tolist())
    assert len(seen) == image.size
    assert (window.row + 1, window.column + 1) == (-(-17 // step), -(-23 // step))


def test_mirrored_pixels_are_numpys_reflection():
    image = np.random.default_rng(0).integers(0, 255, (6, 8, 3))
    first = next(WindowGrid(8, 4).cut(image))
    np.testing.assert_array_equal(first.image, np.pad(image, ((2, 2), (2, 2), (0, 0)), "reflect")[:8, :8])


def test_a_mirrored_piece_is_a_nucleus_of_its_own():
    ids = np.zeros((8, 8), np.uint16)
    ids[1:3, 1:3] = 7  # its reflections, two pixels further out, touch nothing: row 0 and column 0 are free
    ids[6, 6] = 9
    types = np.where(ids == 7, 2, 0).astype(np.uint8) + (ids == 9).astype(np.uint8)
    window = next(WindowGrid(12, 8).cut(np.zeros((8, 8, 3), np.uint8), ids, types))
    assert window.ids.dtype == np.uint16
    assert np.unique(window.ids).tolist() == [0, *range(1, 9)]
    pieces = [np.argwhere(window.ids == number).tolist() for number in range(1, 9)]
    assert [[3, 3], [3, 4], [4, 3], [4, 4]] in pieces  # the nucleus itself, in padded coordinates
    assert [[0, 0], [0, 1], [1, 0], [1, 1]] in pieces  # and in the mirror of both borders
    assert {tuple(np.unique(window.types[window.ids == number])) for number in range(1, 9)} == {(1,), (2,)}
    np.testing.assert_array_equal(window.types > 0, window.ids > 0)


def test_a_nucleus_on_the_border_and_its_reflection_are_one():
    ids = np.zeros((8, 8), np.uint16)
    ids[3:5, :2] = 4
    window = next(WindowGrid(12, 8).cut(np.zeros((8, 8, 3), np.uint8), ids))
    assert window.ids.max() == 1
    assert window.ids[5].tolist() == [0, 1, 1, 1] + [0] * 8


def test_touching_nuclei_stay_two_and_pieces_within_a_window_become_two():
    ids = np.zeros((6, 6), np.uint16)
    ids[0, :3], ids[0, 3:], ids[5, 0], ids[4, 1] = 5, 3, 5, 5
    window = next(WindowGrid(6, 6).cut(np.zeros((6, 6, 3), np.uint8), ids))
    assert window.ids[0].tolist() == [1, 1, 1, 2, 2, 2]
    assert (window.ids[5, 0], window.ids[4, 1]) == (3, 3)  # diagonal neighbours are one piece


def test_without_mirror_ids_stay_whole_and_are_renumbered():
    ids = np.zeros((6, 10), np.uint16)
    ids[0, 0], ids[5, 0], ids[0, 9] = 5, 5, 3
    windows = list(WindowGrid(6, 6, mirror=False).cut(np.zeros((6, 10, 3), np.uint8), ids))
    assert [(w.row, w.column) for w in windows] == [(0, 0), (0, 1)]
    assert (windows[0].ids[0, 0], windows[0].ids[5, 0], windows[0].ids.max()) == (1, 1, 1)
    assert (windows[1].ids[0, 5], windows[1].ids.max()) == (1, 1)


def test_an_image_smaller_than_a_window():
    with pytest.raises(ValueError, match=r"length must be >= 6, got 5"):
        WindowGrid(6, 3, mirror=False).starts(5)
    assert WindowGrid(6, 3).starts(5) == [-1, 1]  # its centre of 3 fits
    assert next(WindowGrid(30, 3).cut(np.zeros((3, 3, 3), np.uint8))).image.shape == (30, 30, 3)  # mirrored over again
    with pytest.raises(ValueError, match=r"length must be >= 3, got 2"):
        list(WindowGrid(6, 3).cut(np.zeros((9, 2, 3), np.uint8)))


@pytest.mark.parametrize(("size", "step"), [(0, 0), (4, 0), (4, 5), (4.0, 2), (True, 1), ("4", 2)])
def test_sizes_that_cannot_be(size, step):
    with pytest.raises(ValueError, match="must be"):
        WindowGrid(size, step)
