"""The parting in TorchScript gives the nuclei of the parting in NumPy, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from mani_monai.transforms.part_nuclei import part_nuclei
from mani_monai.transforms.part_nuclei_script import PartNucleiScript


@pytest.fixture(scope="module")
def script():
    return torch.jit.script(PartNucleiScript())


def clumps(seed: int, height: int, width: int) -> np.ndarray:
    """A smooth random map, with holes and necks of all sizes."""
    random = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(random.normal(size=(height, width)), random.uniform(0.5, 5))
    return (1 / (1 + np.exp(-2 * noise / noise.std() + random.normal()))).astype(np.float32)


@pytest.mark.parametrize(
    ("seed", "height", "width", "least"), [(1, 1, 70, 0), (2, 97, 64, 2), (3, 120, 150, 2), (4, 160, 9, 1)]
)
def test_same_nuclei(script, seed, height, width, least):
    probability = clumps(seed, height, width)
    expected = part_nuclei(probability)
    assert expected.max() >= least
    np.testing.assert_array_equal(script(torch.from_numpy(probability)).numpy(), expected)


def test_a_contour_parts_as_there(script):
    probability, contour = clumps(3, 120, 150), clumps(5, 120, 150) > 0.7
    expected = part_nuclei(probability, contour=contour)
    assert not np.array_equal(expected, part_nuclei(probability))
    labels = script(torch.from_numpy(probability), torch.from_numpy(contour))
    np.testing.assert_array_equal(labels.numpy(), expected)


@pytest.mark.parametrize("digits", [1, 7], ids=["ties", "none"])
def test_a_distance_parts_as_there(script, digits):
    probability, distance = clumps(3, 120, 150), clumps(5, 120, 150).round(digits)
    expected = part_nuclei(probability, distance=distance)
    assert not np.array_equal(expected, part_nuclei(probability))
    labels = script(torch.from_numpy(probability), None, torch.from_numpy(distance))
    np.testing.assert_array_equal(labels.numpy(), expected)


def test_two_round_nuclei_by_hand(script):
    rows, columns = np.ogrid[:40, :60]
    disks = [(rows - 20) ** 2 + (columns - centre) ** 2 <= 121 for centre in (18, 38)]
    labels = script(torch.from_numpy(np.maximum(*disks).astype(np.float32))).numpy()
    assert labels.max() == 2
    assert (labels[20, 18], labels[20, 38], labels[0, 0]) == (1, 2, 0)


@pytest.mark.parametrize(("edge", "filled"), [(8, True), (9, False)])
def test_a_hole_is_filled_up_to_its_box(script, edge, filled):
    probability = np.ones((40, 40), np.float32)
    probability[12 : 12 + edge, 17 : 17 + edge] = 0  # off the diagonal, where two ways up would be equally steep
    probability[0, 0] = 0  # a second piece of background, at the edge of the map
    labels = script(torch.from_numpy(probability)).numpy()
    assert bool(labels[12 + edge // 2, 17 + edge // 2]) == filled
    assert labels[0, 0] == 0
    np.testing.assert_array_equal(labels, part_nuclei(probability))


def test_a_long_thin_background_is_no_hole(script):
    """A line that winds through a box of eight pixels and leaves it on a long way."""
    probability = np.ones((60, 60), np.float32)
    for step, row in enumerate(range(20, 28, 2)):
        probability[row, 20:28] = 0
        probability[row + 1, 27 if step % 2 == 0 else 20] = 0
    probability[28, 20:50] = 0
    labels = script(torch.from_numpy(probability)).numpy()
    np.testing.assert_array_equal(labels, part_nuclei(probability))
    assert labels[20, 20] == 0


def test_an_empty_map(script):
    assert not script(torch.zeros(30, 20)).any()
