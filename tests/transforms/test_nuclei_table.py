"""The table of nuclei by hand, beside scikit-image's regionprops and MONAI's rule for types."""

from __future__ import annotations

import numpy as np
import pytest
from monai.apps.pathology.transforms.post.array import GenerateInstanceType
from scipy import ndimage
from skimage.measure import regionprops_table

from mani_monai.transforms import nuclei_table

SHAPE = {
    "id": "label",
    "centroid_row": "centroid-0",
    "centroid_column": "centroid-1",
    "row_start": "bbox-0",
    "column_start": "bbox-1",
    "row_stop": "bbox-2",
    "column_stop": "bbox-3",
    "area": "area",
    "perimeter": "perimeter",
    "eccentricity": "eccentricity",
    "solidity": "solidity",
}
PIXELS = ["mean_probability", "probability_margin"]


def nuclei_like(seed: int, shape: tuple[int, int] = (70, 60)) -> np.ndarray:
    """HW ids of blobs of many sizes, some with holes, some cut by the border; ids with gaps."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.standard_normal(shape), rng.uniform(1, 3))
    return ndimage.label(smooth > 0)[0] * 3


def speckled(seed: int) -> np.ndarray:
    """HW ids of scattered pixels: instances in many parts."""
    rng = np.random.default_rng(seed)
    return np.kron(rng.integers(0, 4, rng.integers(1, 12, 2)), np.ones((1 + seed % 3, 1 + seed % 2), int))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    "instances", [*map(nuclei_like, range(6)), *map(speckled, range(30)), nuclei_like(0, (600, 30))]
)
def test_shapes_are_scikit_images(instances):
    table = nuclei_table(instances)
    theirs = regionprops_table(instances, properties=[name.split("-")[0] for name in dict.fromkeys(SHAPE.values())])
    assert list(table) == list(SHAPE)
    for name, their_name in SHAPE.items():
        np.testing.assert_allclose(table[name], theirs[their_name], atol=1e-6, err_msg=name)


def test_by_hand():
    instances = np.zeros((6, 8), int)
    instances[1:3, 2:6] = 4
    instances[5, 7] = 9
    instances[0, 0] = 2
    table = nuclei_table(instances)
    assert table["id"].tolist() == [2, 4, 9]
    assert table["centroid_row"].tolist() == [0, 1.5, 5]
    assert table["centroid_column"].tolist() == [0, 3.5, 7]
    boxes = [table[name].tolist() for name in ("row_start", "column_start", "row_stop", "column_stop")]
    assert list(zip(*boxes, strict=True)) == [(0, 0, 1, 1), (1, 2, 3, 6), (5, 7, 6, 8)]
    assert table["area"].tolist() == [1, 8, 1]
    assert table["solidity"].tolist() == [1, 1, 1]
    assert table["eccentricity"].tolist() == pytest.approx([0, np.sqrt(1 - 3 / 15), 0])  # variances 1/4 and 5/4
    assert all(np.issubdtype(table[name].dtype, np.integer) for name in ("id", "row_start", "column_stop", "area"))


def test_probability_is_a_mean_and_the_weakest_tenth_over_the_threshold():
    rng = np.random.default_rng(0)
    instances = nuclei_like(0)
    probability = rng.random(instances.shape).astype(np.float32)
    table = nuclei_table(instances, probability, threshold=0.3)
    assert list(table) == [*SHAPE, *PIXELS]
    for number, mean, margin in zip(*(table[name] for name in ("id", *PIXELS)), strict=True):
        values = np.sort(probability[instances == number])
        assert mean == pytest.approx(values.mean(), abs=1e-6)
        assert margin == pytest.approx(np.percentile(values, 10, method="lower") - 0.3, abs=1 / 65535)


@pytest.mark.parametrize("value", [0, 1, 0.5])
def test_a_certain_network(value):
    table = nuclei_table(nuclei_like(1), np.full((70, 60), value))
    np.testing.assert_allclose(table["mean_probability"], value)
    np.testing.assert_allclose(table["probability_margin"], value - 0.5, atol=1 / 65535)


@pytest.mark.parametrize("seed", range(3))
def test_types_are_monais(seed):
    rng = np.random.default_rng(seed)
    instances = speckled(3 * seed + 12)
    scores = rng.integers(0, 3, (4, *instances.shape)).astype(np.float32)  # many ties
    scores[0] += seed
    table = nuclei_table(instances, type_probability=scores)
    kinds = scores.argmax(axis=0)[None]
    boxes = zip(*(table[name] for name in ("row_start", "row_stop", "column_start", "column_stop")), strict=True)
    for number, kind, share, box in zip(table["id"], table["type"], table["type_share"], boxes, strict=True):
        theirs = GenerateInstanceType()(kinds, instances[None], np.array(box), number)
        assert (kind, share) == (theirs[0], pytest.approx(theirs[1], abs=1e-4))


def test_background_is_a_type_only_where_there_is_no_other():
    instances = np.array([[1, 1, 1, 1, 0, 2, 2]])
    scores = np.zeros((3, 1, 7))
    scores[0] = 1
    scores[2, 0, [1, 6]] = 2
    scores[1, 0, 4] = 5  # outside of both
    table = nuclei_table(instances, type_probability=scores)
    assert (table["type"].tolist(), table["type_share"].tolist()) == ([2, 2], [0.25, 0.5])
    scores[2, 0, 6] = 0
    table = nuclei_table(instances, type_probability=scores)
    assert (table["type"].tolist(), table["type_share"].tolist()) == ([2, 0], [0.25, 1])
    assert nuclei_table(instances, type_probability=scores[:1])["type"].tolist() == [0, 0]


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (5, 7)])
def test_a_blank_map_has_empty_columns(shape):
    table = nuclei_table(np.zeros(shape, np.int32), np.zeros(shape), np.zeros((3, *shape)))
    assert list(table) == [*SHAPE, *PIXELS, "type", "type_share"]
    assert all(len(column) == 0 for column in table.values())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64])
def test_any_integer_type(dtype):
    instances = nuclei_like(2) % 200
    expected = nuclei_table(instances)
    for name, column in nuclei_table(instances.astype(dtype)).items():
        np.testing.assert_array_equal(column, expected[name])


def test_maps_are_checked():
    instances = np.zeros((4, 5), int)
    with pytest.raises(ValueError, match=r"instances must be HW integers, got float64 of shape \(4, 5\)"):
        nuclei_table(instances.astype(float))
    with pytest.raises(ValueError, match=r"probability must have instances' height and width \(4, 5\), got \(5, 4\)"):
        nuclei_table(instances, np.zeros((5, 4)))
    with pytest.raises(ValueError, match=r"type_probability must have instances' height and width"):
        nuclei_table(instances, type_probability=np.zeros((4, 5)))


def test_certainty_is_there_where_it_was_calibrated():
    instances, probability = np.array([[1, 1, 0, 2]]), np.array([[0.8, 0.8, 0.0, 0.5]])
    table = nuclei_table(instances, probability, temperature=2.0)
    np.testing.assert_allclose(table["certainty"], [2 / 3, 0.5])  # odds of 4 to 1 become 2 to 1
    table = nuclei_table(instances, probability, temperature=2.0, bias=-np.log(2))
    np.testing.assert_allclose(table["certainty"], [0.5, 1 / 3])
    assert "certainty" not in nuclei_table(instances, probability)
