"""Which nuclei are sure, each filter by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mani_monai.transforms import BackgroundOffTissued, LeaveUnsureOutd, MarkUnsured, sure_label
from mani_monai.transforms.sure_nuclei import UNSURE_ID


@pytest.fixture
def scene():
    """Three squares of 10 px a side at columns 5, 25 and 45."""
    instances = np.zeros((30, 60), np.int32)
    for number, column in enumerate((5, 25, 45), 1):
        instances[10:20, column : column + 10] = number
    return instances, np.where(instances > 0, 0.95, 0.05).astype(np.float32)


def kept(label):
    """Columns at which sure nuclei lie."""
    return [column for column in (5, 25, 45) if 0 < label[15, column + 5] < UNSURE_ID]


def test_sure_nuclei_are_drawn_whole_and_the_rest_is_background(scene):
    instances, probability = scene
    label = sure_label(instances, probability, [instances])
    np.testing.assert_array_equal(label, instances)


def test_an_uncertain_nucleus_is_left_out(scene):
    instances, probability = scene
    probability[instances == 2] = 0.7
    label = sure_label(instances, probability, [instances])
    assert kept(label) == [5, 45]
    assert (label[instances == 2] == UNSURE_ID).all()
    assert sorted(np.unique(label[label < UNSURE_ID])) == [0, 1, 2]


def test_every_view_has_to_agree(scene):
    """.9 of the first nucleus lie in the other view's, and .6 of the second."""
    instances, probability = scene
    view = instances.copy()
    view[10:11, 5:15] = 0
    view[10:14, 25:35] = 0
    assert kept(sure_label(instances, probability, [instances, view])) == [5, 45]
    assert kept(sure_label(instances, probability, [view, np.zeros_like(view)])) == []


def test_size_and_shape(scene):
    instances, probability = scene
    instances[12:20, 27:33] = 0  # a bow
    instances[10:20, 45:55] = 0
    instances[14:17, 49:53] = 3  # 12 px, a median of 52
    label = sure_label(instances, np.where(instances > 0, 0.95, 0.05), [instances], median_area=52)
    assert 0 < label[15, 10] < UNSURE_ID
    assert label[10, 30] == UNSURE_ID
    assert label[15, 50] == UNSURE_ID
    huge = sure_label(instances, probability, [instances], median_area=20)
    assert huge[15, 10] == UNSURE_ID


def test_what_no_view_is_sure_of_is_no_background(scene):
    instances, probability = scene
    probability[0:5] = 0.3
    view = instances.copy()
    view[25:30, 0:5] = 9
    label = sure_label(instances, probability, [view])
    assert (label[0:5] == UNSURE_ID).all()
    assert (label[25:30, 0:5] == UNSURE_ID).all()
    assert (label[22:24] == 0).all()


def test_an_image_without_nuclei_is_background():
    nothing = np.zeros((8, 8), np.int32)
    assert (sure_label(nothing, np.zeros((8, 8), np.float32), [nothing]) == 0).all()


def test_the_transform_makes_three_classes():
    item = {"image": torch.zeros(3, 1, 4), "label": torch.tensor([[[0, 7, UNSURE_ID, 7]]], dtype=torch.int32)}
    assert MarkUnsured("label")(item)["label"].tolist() == [[[0, 1, 2, 1]]]
    assert "label" not in MarkUnsured("label", allow_missing_keys=True)({"image": item["image"]})


def test_unsure_pixels_take_no_part_in_a_score():
    label = torch.tensor([[[0, 1, 2], [2, 1, 0]]], dtype=torch.uint8)
    item = LeaveUnsureOutd("label")({"label": label, "tissue": torch.tensor([[[1, 1, 1], [1, 0, 1]]])})
    assert item["label"].tolist() == [[[0, 1, 0], [0, 1, 0]]]
    assert item["label"].dtype == torch.uint8
    assert item["tissue"].tolist() == [[[1, 1, 0], [0, 0, 1]]]
    prediction = torch.stack([torch.full((2, 3), -1.0), torch.full((2, 3), 1.0)])
    nuclei = BackgroundOffTissued()({"pred": prediction, **item})["pred"].argmax(dim=0)
    assert nuclei.tolist() == [[1, 1, 0], [0, 0, 1]]
    alone = LeaveUnsureOutd(["label", "missing"], allow_missing_keys=True)({"label": label})
    assert alone["tissue"].tolist() == [[[1, 1, 0], [0, 1, 1]]]
