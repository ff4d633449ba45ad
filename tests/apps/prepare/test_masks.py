import numpy as np
import pytest

from mani_monai.apps.prepare.masks import count_types, renumber, to_instances
from mani_monai.data.readers.records import RawMask

TWO_BLOBS = np.array([[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [1, 0, 0, 0]])  # the first two touch at a corner
AS_COMPONENTS = np.array([[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [2, 0, 0, 0]])


@pytest.mark.parametrize("high", [1, 255, 65535])
def test_binary_mask_gives_connected_components(high):
    mask = to_instances(RawMask(TWO_BLOBS * high))
    np.testing.assert_array_equal(mask.values, AS_COMPONENTS)
    assert mask.values.dtype == np.uint16
    assert mask.kind == "ids"
    assert mask.notes == (("binary mask to connected components", 1),)


def test_ids_are_renumbered_in_their_order_and_not_split():
    mask = to_instances(RawMask(np.array([[70000, 0, 5], [9, 0, 70000]])))
    np.testing.assert_array_equal(mask.values, [[3, 0, 1], [2, 0, 3]])
    assert mask.notes == ()


def test_a_single_id_in_two_pieces_stays_one_nucleus_where_ids_are_known():
    np.testing.assert_array_equal(to_instances(RawMask(TWO_BLOBS * 4, "ids")).values, TWO_BLOBS)


def test_types_count_as_foreground_where_the_mask_is_said_to_be_binary():
    types = np.array([[2, 3, 0, 0, 7]])
    np.testing.assert_array_equal(to_instances(RawMask(types, "binary")).values, [[1, 1, 0, 0, 2]])


@pytest.mark.parametrize("kind", ["auto", "binary", "ids"])
def test_empty_mask(kind):
    mask = to_instances(RawMask(np.zeros((3, 5), bool), kind))
    assert mask.values.shape == (3, 5)
    assert not mask.values.any()
    assert mask.notes == ()


def test_soft_edges_are_refused():
    soft = np.full((6, 6), 255)
    soft[0], soft[1, 0], soft[1, 1] = 0, 90, 130
    with pytest.raises(ValueError, match="mostly 255 with 2 other values"):
        to_instances(RawMask(soft))
    assert to_instances(RawMask(soft, "ids")).values.max() == 3


def test_cell_types_are_refused_as_ids():
    types = np.zeros((9, 9), int)
    types[::2, ::2] = 1
    types[::2, ::4] = 2
    with pytest.raises(ValueError, match="its 2 ids lie in 25 pieces"):
        to_instances(RawMask(types))
    assert to_instances(RawMask(types, "binary")).values.max() == 25


def test_more_nuclei_than_16_bits_hold():
    with pytest.raises(ValueError, match="70000 nuclei"):
        to_instances(RawMask(np.arange(70001).reshape(1, -1), "ids"))


def test_three_dimensions():
    with pytest.raises(ValueError, match="3 dimensions"):
        to_instances(RawMask(np.zeros((2, 2, 2), int)))


def test_types_stay_with_their_nuclei():
    types = np.array([[2, 2, 0], [0, 1, 4]], np.uint8)
    mask = to_instances(RawMask(np.array([[70, 70, 0], [0, 5, 5]]), "ids", types=types))
    np.testing.assert_array_equal(mask.types, types)
    assert mask.notes == ()


def test_types_outside_of_nuclei_are_dropped_and_counted():
    mask = to_instances(RawMask(np.array([[7, 0, 0]]), "ids", types=np.array([[3, 3, 0]], np.uint8)))
    assert mask.types.tolist() == [[3, 0, 0]]
    assert mask.types.dtype == np.uint8
    assert mask.notes == (("cell types outside of nuclei dropped", 1),)


def test_renumber():
    ids = np.array([[0, 9, 4], [4, 0, 65535]], np.uint16)
    np.testing.assert_array_equal(renumber(ids), [[0, 2, 1], [1, 0, 3]])
    assert renumber(ids).dtype == np.uint16
    assert renumber(np.full((2, 3), 8, np.uint16)).tolist() == [[1] * 3] * 2
    assert not renumber(np.zeros((2, 3), np.uint16)).any()


def test_a_nucleus_counts_for_the_type_of_most_of_its_typed_pixels():
    ids = np.array([[1, 1, 1, 1], [2, 2, 2, 0], [3, 3, 4, 5]])
    types = np.array([[3, 3, 1, 0], [0, 0, 1, 0], [0, 0, 3, 3]])
    assert count_types(ids, types, 3) == (1, 1, 0, 3)
    assert count_types(np.zeros((2, 2), int), np.zeros((2, 2), int), 3) == (0, 0, 0, 0)
