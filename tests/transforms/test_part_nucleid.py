"""Parting as a step of a bundle: channels, axes, types and bad answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from scipy import ndimage
from scipy.special import expit

from mani_monai.transforms import PartNucleid, part_nuclei
from mani_monai.transforms.part_nucleid import share_of
from mani_monai.utils import InputError


@pytest.fixture
def logits() -> np.ndarray:
    """HW, of crowded nuclei."""
    noise = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((150, 200)), 4)
    return (3 * noise / noise.std()).astype(np.float32)


def test_channels_and_kinds_of_answers_give_the_same_nuclei(logits):
    probability = torch.from_numpy(logits).sigmoid().numpy()
    expected = part_nuclei(probability)[None]
    assert expected.max() > 20
    answers = {
        False: (logits[None], np.stack([np.zeros_like(logits), logits])),
        True: (probability[None], np.stack([1 - probability, probability])),
    }
    for probabilities, maps in answers.items():
        step = PartNucleid(probabilities=probabilities)
        for answer in maps:
            np.testing.assert_array_equal(step({"pred": answer})["instances"], expected)


def test_width_first_gives_the_transposed_nuclei_to_the_last_pixel(logits):
    expected = PartNucleid()({"pred": logits[None]})["instances"]
    turned = PartNucleid(width_first=True)({"pred": logits.T[None]})["instances"]
    assert turned.shape == (1, 200, 150)
    np.testing.assert_array_equal(turned[0].T, expected[0])


def test_a_tensor_gives_a_tensor_that_knows_its_image_and_an_array_an_array(logits):
    answer = MetaTensor(torch.from_numpy(logits)[None], meta={"filename_or_obj": "tissue.png"})
    nuclei = PartNucleid(instances_key="nuclei")({"pred": answer, "other": 1})
    assert nuclei["other"] == 1
    assert nuclei["pred"] is answer
    assert nuclei["nuclei"].meta["filename_or_obj"] == "tissue.png"
    assert nuclei["nuclei"].dtype == torch.int32
    array = PartNucleid()({"pred": logits[None]})["instances"]
    assert isinstance(array, np.ndarray)
    np.testing.assert_array_equal(array, nuclei["nuclei"].numpy())


def test_the_answer_itself_may_be_replaced_and_small_nuclei_kept(logits):
    all_sizes = PartNucleid(instances_key="pred", min_size=1)({"pred": logits[None]})["pred"]
    np.testing.assert_array_equal(all_sizes[0], part_nuclei(torch.from_numpy(logits).sigmoid(), 1))


def test_nuclei_are_parted_at_the_contour_which_leaves_the_answer(logits):
    contour = np.full_like(logits, -2)
    contour[:, 98:102] = 2
    answer = torch.from_numpy(np.stack([np.zeros_like(logits), logits, contour]))
    parted = PartNucleid()({"pred": answer})
    expected = part_nuclei(torch.from_numpy(logits).sigmoid(), contour=contour > 0)
    np.testing.assert_array_equal(parted["instances"][0], expected)
    assert torch.equal(parted["pred"], answer[:2])
    probability = torch.stack([1 - answer[1].sigmoid(), answer[1].sigmoid(), answer[2].sigmoid()])
    np.testing.assert_array_equal(PartNucleid(probabilities=True)({"pred": probability})["instances"][0], expected)
    turned = PartNucleid(width_first=True)({"pred": answer.transpose(1, 2)})["instances"]
    np.testing.assert_array_equal(turned[0].T, expected)


def test_nuclei_are_parted_by_the_distance_which_leaves_the_answer(logits):
    distance = np.random.default_rng(1).normal(size=logits.shape).astype(np.float32)
    distance = ndimage.gaussian_filter(distance, 2) * 10
    answer = torch.from_numpy(np.stack([np.zeros_like(logits), logits, distance]))
    parted = PartNucleid(third="distance")({"pred": answer})
    probability = torch.from_numpy(logits).sigmoid()
    expected = part_nuclei(probability, distance=expit(distance.astype(float)).astype(np.float32))
    np.testing.assert_array_equal(parted["instances"][0], expected)
    assert torch.equal(parted["pred"], answer[:2])
    assert not np.array_equal(PartNucleid()({"pred": answer})["instances"][0], expected), "no contour"
    shares = torch.stack([1 - probability, probability, share_of(answer[2])])
    step = PartNucleid(third="distance", probabilities=True)
    np.testing.assert_array_equal(step({"pred": shares})["instances"][0], expected)
    turned = PartNucleid(third="distance", width_first=True)({"pred": answer.transpose(1, 2)})["instances"]
    np.testing.assert_array_equal(turned[0].T, expected)


def test_the_share_of_a_pixel_is_the_same_in_every_window():
    """In float32 it is not: the end of a row is rounded by other instructions."""
    logits = torch.randn(60, 301, generator=torch.Generator().manual_seed(0)) * 4
    whole = share_of(logits)
    for left in range(40):
        window = logits[:, left : left + 5 * left + 3]
        assert torch.equal(share_of(window.contiguous()), whole[:, left : left + 5 * left + 3])
        assert torch.equal(share_of(window), whole[:, left : left + 5 * left + 3])
    torch.testing.assert_close(whole, logits.sigmoid())


def test_what_a_third_channel_tells_is_known():
    with pytest.raises(ValueError, match="third must be contour or distance, got 'offset'"):
        PartNucleid(third="offset")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_answer_that_is_not_finite_is_refused_by_the_images_name(value):
    answer = MetaTensor(torch.zeros(2, 20, 20), meta={"filename_or_obj": "tissue.png"})
    answer[:, 3, 4] = value
    with pytest.raises(InputError, match=r"^tissue\.png: the network's answer is not finite; use other weights"):
        PartNucleid()({"pred": answer})
    with pytest.raises(InputError, match=r"^pred: "):
        PartNucleid()({"pred": np.full((1, 9, 9), value)})


@pytest.mark.parametrize("shape", [(20, 20), (4, 20, 20), (0, 20, 20), (1, 2, 20, 20)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="CHW with 1 to 3 channels"):
        PartNucleid()({"pred": torch.zeros(shape)})


def test_one_key_alone():
    with pytest.raises(ValueError, match="one key"):
        PartNucleid(keys=["pred", "label"])
