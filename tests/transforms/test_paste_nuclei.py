"""Copies of nuclei beside others: what is pasted, where it may lie, and what stays as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from mani_monai.transforms import RandPasteNucleid
from mani_monai.transforms.paste_nuclei import MARGIN, MOST_COVERED

DARK, LIGHT = 60, 220
ONE = 1 / 9
"""Share that asks for one copy at most."""


def tissue(edge: int = 96, space: int = 24) -> dict[str, torch.Tensor]:
    """Rectangles of 9 x 6 pixels, each dark on light and far from the next; one lies at the edge."""
    instances = np.zeros((edge, edge), np.int32)
    for number, (row, column) in enumerate(np.ndindex(3, 3), 1):
        top, left = 10 + space * row, 10 + space * column
        instances[top : top + 9, left : left + 6] = number
    instances[90:96, 90:96] = 10
    image = np.where(instances > 0, DARK, LIGHT)[None].repeat(3, 0).astype(np.uint8)
    types = np.where(instances > 5, 2, instances > 0).astype(np.int32)
    return {name: torch.from_numpy(array) for name, array in image_and(instances, types, image).items()}


def image_and(instances: np.ndarray, types: np.ndarray, image: np.ndarray) -> dict[str, np.ndarray]:
    return {"image": image, "label": instances[None], "types": types[None]}


def pasted(seed: int, **settings) -> dict[str, torch.Tensor]:
    return RandPasteNucleid("image", **settings).set_random_state(seed)(tissue())


def test_a_copy_is_a_whole_nucleus_that_touches_another():
    old, copies = tissue()["label"][0].numpy(), 0
    for seed in range(30):
        new = pasted(seed, share=ONE, overlap=0)["label"][0].numpy()
        np.testing.assert_array_equal(new[old > 0], old[old > 0])  # without overlap nothing is covered
        copy = new == 11
        copies += int(copy.any())
        if copy.any():
            box = ndimage.find_objects(copy.astype(int))[0]
            assert sorted(side.stop - side.start for side in box) == [6, 9]  # turned by quarters alone
            assert (old[ndimage.binary_dilation(copy, np.ones((3, 3)))] > 0).any()
    assert 8 <= copies <= 22  # none or one, evenly


def test_the_number_of_copies_is_at_most_the_share_of_whole_nuclei():
    added = [len(np.unique(pasted(seed, share=0.5)["label"])) - 11 for seed in range(40)]
    assert min(added) == 0
    assert max(added) == 4  # half of the nine that lie within the image with their margin
    assert len(np.unique(pasted(3, share=0)["label"])) == 11


def test_a_copy_looks_like_its_nucleus_and_ends_softly():
    copies = 0
    for seed in range(10):
        after = pasted(seed, share=ONE, overlap=0)
        image, instances = after["image"][0].numpy(), after["label"][0].numpy()
        copy = instances == 11
        copies += int(copy.any())
        core = ndimage.binary_erosion(copy, np.ones((5, 5)))
        assert (image[core] <= DARK + 8).all()
        rim = copy & ~ndimage.binary_erosion(copy, np.ones((3, 3)))
        assert not copy.any() or ((image[rim] > DARK) & (image[rim] < LIGHT)).any()
        far = ndimage.binary_dilation(instances > 0, np.ones((3, 3)), MARGIN + 1)
        assert (image[~far] == LIGHT).all()
        assert after["image"].dtype == torch.uint8
    assert copies > 0


def test_a_nucleus_is_hidden_by_a_part_at_most():
    hidden = []
    for seed in range(30):
        old, new = tissue()["label"][0].numpy(), pasted(seed, overlap=4, share=1)["label"][0].numpy()
        hidden += [1 - (new[old == number] == number).mean() for number in range(1, 11)]
    assert max(hidden) > 0
    assert np.quantile(hidden, 0.9) <= MOST_COVERED


@pytest.mark.parametrize("seed", range(4))
def test_a_copy_has_its_nucleus_type(seed):
    after = pasted(seed, types_key="types", share=1)
    instances, types = after["label"][0].numpy(), after["types"][0].numpy()
    assert ((types > 0) == (instances > 0)).all()
    for number in np.unique(instances)[1:]:
        assert len(np.unique(types[instances == number])) == 1
    assert set(np.unique(types)) == {0, 1, 2}


def test_one_seed_gives_one_picture_and_the_item_given_stays():
    given = tissue()
    transform = RandPasteNucleid("image", share=1).set_random_state(1)
    first, again = transform(given), pasted(1, share=1)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert all(torch.equal(given[key], value) for key, value in tissue().items())
    assert not torch.equal(first["label"], given["label"])


def test_floats_stay_floats():
    item = {key: value.float() if key == "image" else value for key, value in tissue().items()}
    after = RandPasteNucleid("image", share=1).set_random_state(1)(item)
    assert after["image"].dtype == torch.float32
    assert (after["image"] != after["image"].round()).any()


@pytest.mark.parametrize("instances", [np.zeros((1, 20, 20), np.int32), np.ones((1, 20, 20), np.int32)])
def test_without_a_whole_nucleus_nothing_changes(instances):
    item = {"image": torch.full((3, 20, 20), 9, dtype=torch.uint8), "label": torch.from_numpy(instances)}
    after = RandPasteNucleid("image", share=5).set_random_state(0)(item)
    assert all(torch.equal(after[key], item[key]) for key in item)


def test_a_target_has_no_instances():
    item = {"image": torch.zeros(3, 8, 8)}
    assert RandPasteNucleid("image", allow_missing_keys=True)(item)["image"] is item["image"]
    with pytest.raises(KeyError, match="label"):
        RandPasteNucleid("image")(item)


def test_refusals():
    with pytest.raises(ValueError, match="share must be >= 0, got -1"):
        RandPasteNucleid("image", share=-1)
    with pytest.raises(ValueError, match="overlap must be >= 0, got -1"):
        RandPasteNucleid("image", overlap=-1)
    with pytest.raises(ValueError, match="label must be 1HW"):
        RandPasteNucleid("image")({"image": torch.zeros(3, 8, 8), "label": torch.zeros(2, 8, 8)})
    with pytest.raises(ValueError, match="image must be as large as label"):
        RandPasteNucleid("image")({"image": torch.zeros(3, 9, 8), "label": torch.zeros(1, 8, 8)})


@pytest.mark.parametrize(("dtype", "most"), [(torch.uint8, 255), (torch.float16, 2048)])
def test_ids_that_the_data_type_does_not_hold_are_refused(dtype, most):
    item = tissue()
    item["label"] = torch.where(item["label"] == 10, most, item["label"]).to(dtype)
    with pytest.raises(ValueError, match=r"label must hold ids up to \d+, got (uint8|float16); cast it"):
        RandPasteNucleid("image", share=1).set_random_state(1)(item)
