"""HoVer-Net's targets by hand, against a loop over nuclei, and beside MONAI's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import ComputeHoVerMaps

from mani_monai.transforms import HoVerTargetsd, hover_maps


def disks(size: int, seed: int = 0, step: int = 20) -> np.ndarray:
    """HW ids of ellipses on a jittered grid, some of which overlap or are cut by the border."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size]
    instances = np.zeros((size, size), np.int32)
    for number, (row, column) in enumerate(np.ndindex(size // step, size // step), start=1):
        y, x = (np.array([row, column]) + rng.uniform(0.2, 0.8, 2)) * step
        a, b = rng.uniform(2, 0.6 * step, 2)
        instances[((rows - y) / a) ** 2 + ((columns - x) / b) ** 2 <= 1] = number
    return instances


def one_by_one(instances: np.ndarray) -> np.ndarray:
    """The definition, a nucleus at a time."""
    maps = np.zeros((2, *instances.shape))
    for number in np.unique(instances[instances > 0]):
        mask = instances == number
        for channel, positions in enumerate(np.nonzero(mask)[::-1]):
            offsets = positions - np.floor(positions.mean() + 0.5)
            offsets[offsets < 0] /= max(-offsets.min(), 1)
            offsets[offsets > 0] /= max(offsets.max(), 1)
            maps[channel][mask] = offsets
    return maps


def targets(instances: np.ndarray, output_size: int, **options) -> dict:
    return HoVerTargetsd("label", output_size, **options)({"label": instances[None]})


def test_offsets_by_hand():
    instances = np.zeros((4, 7), int)
    instances[1, 1:6] = 3  # centroid 3: -2 -1 0 1 2
    instances[2:4, 0] = 9  # centroid 2.5, rounded to 3: -1 0
    instances[3, 3:5] = 4
    instances[3, 6] = 4  # centroid 13 / 3, rounded to 4: -1 0 2
    horizontal, vertical = hover_maps(instances)
    np.testing.assert_array_equal(horizontal[1], [0, -1, -0.5, 0, 0.5, 1, 0])
    np.testing.assert_array_equal(horizontal[3], [0, 0, 0, -1, 0, 0, 1])
    np.testing.assert_array_equal(vertical[:, 0], [0, 0, -1, 0])
    assert not horizontal[:, 0].any()
    assert not vertical[:, 1:].any()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64])
def test_equals_a_loop_over_nuclei(dtype):
    instances = disks(130)[:, :110].astype(dtype)
    maps = hover_maps(instances)
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps, one_by_one(instances), atol=1e-6)


def test_range_is_exact_on_both_sides_of_the_centre():
    instances = disks(130)
    maps = hover_maps(instances)
    for number in np.unique(instances[instances > 0]):
        for values, positions in zip(maps, np.nonzero(instances == number)[::-1], strict=True):
            inside = values[instances == number]
            if np.ptp(positions) > 1:
                assert (inside.min(), inside.max()) == (-1, 1)
            assert abs(inside).max() <= 1
    assert not maps[:, instances == 0].any()


def test_ids_are_names_only():
    instances = disks(60)
    far = np.where(instances > 0, instances.astype(np.int64) * 10**9, 0)
    np.testing.assert_array_equal(hover_maps(far), hover_maps(instances))


def test_differences_from_monai():
    """Its centroid is not rounded: with the centroid on a pixel both agree, else its centre pixel is not 0."""
    odd, even = np.zeros((2, 9, 9), int)
    odd[2:7, 1:6] = 1
    even[2:8, 2:8] = 1
    np.testing.assert_allclose(hover_maps(odd), ComputeHoVerMaps()(odd[None]), atol=1e-6)
    np.testing.assert_allclose(hover_maps(even)[0, 4, 2:8], [-1, -2 / 3, -1 / 3, 0, 0.5, 1], atol=1e-6)
    np.testing.assert_allclose(ComputeHoVerMaps()(even[None])[0, 4, 2:8], [-1, -0.6, -0.2, 0.2, 0.6, 1], atol=1e-6)
    tiny = np.zeros((9, 9), int)
    tiny[4, 3:6] = 1
    assert not targets(tiny, 9)["hover_map"].any()  # no filter in MONAI
    np.testing.assert_array_equal(ComputeHoVerMaps()(tiny[None])[0, 4, 3:6], [-1, 0, 1])
    torn = np.zeros((20, 20), int)
    torn[2:9, 2:9] = torn[12:19, 12:19] = 1
    assert targets(torn, 20)["hover_map"][0, 5, 5] == 0  # no pieces in MONAI: the centre of both lies between them
    assert ComputeHoVerMaps()(torn[None])[0, 5, 5] < -0.3


def test_targets_are_those_of_the_whole_patch_cut_to_its_middle():
    instances = disks(101)[:, :90]
    item = targets(instances, 40, min_size=0)
    top, left = 30, 25
    np.testing.assert_allclose(item["hover_map"], hover_maps(instances)[:, top : top + 40, left : left + 40])
    nuclei = instances[top : top + 40, left : left + 40] > 0
    np.testing.assert_array_equal(item["label"], [~nuclei, nuclei])
    assert {value.dtype for value in item.values()} == {torch.float32}
    # a nucleus that the edge cuts keeps its centre: its own crop would have another
    assert abs(hover_maps(instances[top : top + 40, left : left + 40]) - item["hover_map"].numpy()).max() > 0.5


@pytest.mark.parametrize("size", [256, 164])
def test_output_as_large_as_the_patch(size):
    item = targets(disks(size), size, min_size=0)
    np.testing.assert_allclose(item["hover_map"], hover_maps(disks(size)))


@pytest.mark.parametrize(("columns", "kept"), [(5, False), (6, True)])
def test_what_is_small_after_the_crop_has_no_offsets_but_stays_a_nucleus(columns, kept):
    """Of a nucleus of 6 x 12 pixels the output, columns 10 to 29, holds the first 5 or 6 columns: 30 or 36 pixels."""
    instances = np.zeros((40, 40), np.uint16)
    instances[15:21, 30 - columns : 42 - columns] = 7
    item = targets(instances, 20, min_size=31)
    assert item["label"][1].sum() == 6 * columns
    assert bool(item["hover_map"].any()) == kept
    assert targets(instances, 20, min_size=30)["hover_map"].any()  # as many as min_size are enough


def test_a_torn_or_mirrored_nucleus_becomes_several():
    instances = np.zeros((30, 30), int)
    instances[2:10, 2:10] = 5
    instances[20:28, 2:10] = 5
    instances[2:10, 20:28], instances[10:18, 12:20] = 6, 6  # touch at a corner
    item = targets(instances, 30)
    apart = np.where(instances > 0, 1, 0)
    apart[20:28, 2:10], apart[2:10, 20:28], apart[10:18, 12:20] = 2, 3, 4
    np.testing.assert_array_equal(item["hover_map"], hover_maps(apart))
    # neighbours with ids of their own stay apart
    side_by_side = np.zeros((16, 16), int)
    side_by_side[:, :8], side_by_side[:, 8:] = 1, 2
    assert targets(side_by_side, 16)["hover_map"][0, 0].tolist().count(-1) == 2


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy, lambda values: MetaTensor(torch.from_numpy(values))])
@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_types_and_kinds_of_input(kind, dtype):
    instances = disks(60)[None]
    types = np.where(instances > 0, instances % 3 + 1, 0)
    transform = HoVerTargetsd("label", 40, types_key="types", num_types=4)
    item = transform({"label": kind(instances.astype(dtype)), "types": kind(types.astype(dtype)), "image": 1})
    assert item["type_map"].shape == (4, 40, 40)
    assert item["type_map"].dtype == torch.float32
    np.testing.assert_array_equal(item["type_map"].argmax(dim=0), types[0, 10:50, 10:50])
    np.testing.assert_array_equal(item["type_map"].sum(dim=0), 1)
    assert item["image"] == 1
    assert all(type(item[key]) is torch.Tensor for key in ("label", "hover_map", "type_map"))


def test_blank_patch():
    item = targets(np.zeros((50, 50), int), 30)
    np.testing.assert_array_equal(item["label"][0], 1)
    assert not item["hover_map"].any()


def test_the_item_that_came_in_stays_as_it_was():
    source = {"label": disks(40)[None]}
    before = source["label"].copy()
    HoVerTargetsd("label", 20)(source)
    assert list(source) == ["label"]
    np.testing.assert_array_equal(source["label"], before)


def test_missing_keys():
    typed = {"types_key": "types", "num_types": 3}
    with pytest.raises(KeyError):
        HoVerTargetsd("label", 8)({"image": 0})
    assert HoVerTargetsd("label", 8, allow_missing_keys=True, **typed)({"image": 0}) == {"image": 0}
    with pytest.raises(KeyError):
        targets(disks(20), 8, **typed)
    assert "type_map" not in targets(disks(20), 8, allow_missing_keys=True, **typed)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keys": ["a", "b"]}, "keys must be a single key"),
        ({"output_size": 0}, "output_size must be >= 1, got 0"),
        ({"num_types": 1, "types_key": "types"}, "num_types must be 0 or >= 2, got 1"),
        ({"num_types": 5}, "types_key must be given"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        HoVerTargetsd(**{"keys": "label", "output_size": 8, **options})


@pytest.mark.parametrize(
    ("label", "types", "message"),
    [
        (np.zeros((1, 7, 20)), None, r"label must be 1HW, H and W >= 8, got \(1, 7, 20\)"),
        (np.zeros((2, 20, 20)), None, "label must be 1HW"),
        (np.full((1, 20, 20), 0.5), None, "label must hold whole numbers"),
        (np.full((1, 20, 20), np.nan), None, "label must hold whole numbers"),
        (np.full((1, 20, 20), -1), None, "label must hold whole numbers"),
        (np.zeros((1, 20, 20)), np.full((1, 20, 20), 3), "types must hold types < 3, got 3"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_maps_are_checked(label, types, message):
    with pytest.raises(ValueError, match=message):
        HoVerTargetsd("label", 8, types_key="types", num_types=3)({"label": label, "types": types})
