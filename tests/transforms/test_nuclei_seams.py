"""Seams between touching nuclei, contours and distances, by hand."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from mani_monai.transforms import (
    MarkContoursd,
    MarkDistancesd,
    MarkSeamsd,
    mark_contours,
    mark_distances,
    mark_seams,
)


def test_touching_nuclei_have_a_seam_of_two_pixels():
    instances = np.array([[0, 3, 3, 3, 8, 8, 8, 0]] * 3)
    np.testing.assert_array_equal(mark_seams(instances), [[0, 1, 1, 2, 2, 1, 1, 0]] * 3)


def test_a_narrow_gap_is_a_seam_and_a_wide_one_is_background():
    narrow = np.array([[1, 1, 0, 0, 0, 2, 2]] * 5)
    np.testing.assert_array_equal(mark_seams(narrow), [[1, 1, 0, 2, 0, 1, 1]] * 5)
    wide = np.array([[1, 1, 0, 0, 0, 0, 2, 2]] * 5)
    np.testing.assert_array_equal(mark_seams(wide), wide > 0)


def test_nuclei_that_touch_at_a_corner_have_a_seam_there():
    instances = np.kron(np.array([[1, 0], [0, 2]]), np.ones((4, 4), int))
    seams = mark_seams(instances) == 2
    assert seams[3, 3]
    assert seams[4, 4]
    assert not seams[:2].any()


def test_one_nucleus_and_none_have_no_seam():
    for instances in (np.zeros((6, 6), int), np.full((6, 6), 7)):
        np.testing.assert_array_equal(mark_seams(instances), instances > 0)


def test_the_transform_marks_labels_and_leaves_items_without_one():
    item = {"image": torch.zeros(3, 1, 4), "label": torch.tensor([[[1, 1, 2, 2]]], dtype=torch.int32)}
    transform = MarkSeamsd("label", allow_missing_keys=True)
    label = transform(item)["label"]
    assert label.tolist() == [[[1, 2, 2, 1]]]
    assert label.dtype == torch.uint8
    assert transform({"image": item["image"]}).keys() == {"image"}


def test_a_contour_is_two_pixels_wide_and_lies_within_its_nucleus():
    instances = np.array([[0, 0, 3, 3, 3, 3, 3, 3, 8, 8, 8, 8, 8]] * 5)
    np.testing.assert_array_equal(mark_contours(instances), [[0, 0, 2, 2, 1, 1, 2, 2, 2, 2, 1, 1, 1]] * 5)


def test_the_contour_of_a_square_is_its_rim_and_the_images_edge_is_none():
    square = np.zeros((12, 12), int)
    square[2:9, 2:9] = 70000
    expected = np.zeros((12, 12), int)
    expected[2:9, 2:9] = 2
    expected[4:7, 4:7] = 1
    np.testing.assert_array_equal(mark_contours(square), expected)
    for value in (0, 7):
        np.testing.assert_array_equal(mark_contours(np.full((6, 6), value)), np.full((6, 6), value > 0))


def test_contours_of_an_item():
    item = {"label": torch.tensor([[[1, 1, 1, 2, 2, 2]]], dtype=torch.int32)}
    label = MarkContoursd("label")(item)["label"]
    assert label.tolist() == [[[1, 2, 2, 2, 2, 1]]]
    assert label.dtype == torch.uint8


def test_distances_are_shares_of_each_nucleuss_largest():
    instances = np.array([[0, 3, 3, 3, 3, 3, 8, 8, 8, 0]] * 9)
    marked = mark_distances(instances)
    np.testing.assert_array_equal(marked[4], [0, 85, 170, 255, 170, 85, 128, 255, 128, 0])
    np.testing.assert_array_equal(marked, [marked[4]] * 9, "the image's edge is no border")


def test_the_distances_of_a_square_by_scipy():
    square = np.zeros((20, 24), int)
    square[2:17, 5:20] = 2**62
    distance = ndimage.distance_transform_edt(square)
    np.testing.assert_array_equal(mark_distances(square), np.rint(255 * distance / 8))
    cut = mark_distances(square)[4:14, 8:22]
    assert not np.array_equal(cut, mark_distances(square[4:14, 8:22])), "so they are marked before cropping"


def test_every_pixel_of_a_nucleus_is_marked_as_one():
    instances = ndimage.label(ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(90, 80)), 3) > 0)[0]
    large = np.zeros((600, 600), int)
    large[5:595, 5:595] = 1
    for labels in (instances, large, np.eye(7, dtype=int), np.zeros((4, 4), int)):
        marked = mark_distances(labels)
        np.testing.assert_array_equal(marked > 0, labels > 0)
        assert all(marked[labels == number].max() == 255 for number in np.unique(labels[labels > 0]))


def test_an_image_of_one_nucleus_has_no_border():
    np.testing.assert_array_equal(mark_distances(np.full((6, 6), 7)), np.full((6, 6), 255))


def test_distances_of_an_item():
    item = {"label": torch.tensor([[[0, 1, 1, 1, 2]]], dtype=torch.int32)}
    label = MarkDistancesd("label")(item)["label"]
    assert label.tolist() == [[[0, 128, 255, 128, 255]]]
    assert label.dtype == torch.uint8
