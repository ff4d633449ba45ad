"""Batch statistics by hand, and the crops that they come from."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mani_monai.evaluation.statistics_candidates import candidate_states, crop_batches
from mani_monai.utils import InputError


@pytest.fixture
def network():
    network = nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 1, 1))
    network[0].running_mean.fill_(4.0)
    network[0].running_var.fill_(9.0)
    return network.eval()


def test_statistics_go_from_the_source_to_the_mean_of_the_batches(network):
    """Two batches of means 1 and 5; their unbiased variances are 4/3 and 0."""
    batches = [torch.tensor([0.0, 2.0, 0.0, 2.0]).reshape(2, 1, 1, 2), torch.full((1, 1, 2, 2), 5.0)]
    before = {name: value.clone() for name, value in network.state_dict().items()}
    states = candidate_states(network, [(batch, None) for batch in batches])
    assert list(states) == ["source", "half", "target"]
    means = {name: state["0.running_mean"].item() for name, state in states.items()}
    assert means == pytest.approx({"source": 4.0, "half": 3.5, "target": 3.0})
    variances = {name: state["0.running_var"].item() for name, state in states.items()}
    assert variances == pytest.approx({"source": 9.0, "half": (9 + 2 / 3) / 2, "target": 2 / 3})
    others = [name for name in before if "running" not in name]
    assert all(torch.equal(state[name], before[name]) for state in states.values() for name in others)
    assert all(torch.equal(network.state_dict()[name], value) for name, value in before.items()), "it is left as it was"
    assert not network.training


def test_what_is_no_tissue_takes_no_part(network):
    images = torch.tensor([0.0, 2.0, 90.0, 90.0]).reshape(1, 1, 2, 2)
    tissue = torch.tensor([True, True, False, False]).reshape(1, 1, 2, 2)
    state = candidate_states(network, [(images, tissue)])["target"]
    assert state["0.running_mean"].item() == pytest.approx(1.0)
    assert state["0.running_var"].item() == pytest.approx(2.0)


def test_a_network_without_batch_statistics_is_refused():
    with pytest.raises(InputError, match="has no batch statistics; adapt it with --source"):
        candidate_states(nn.Conv2d(1, 1, 1), [(torch.zeros(1, 1, 2, 2), None)])


def test_crops_cover_the_images_and_every_batch_is_of_several():
    images = [torch.full((3, 64, 96), float(number)) for number in range(4)]
    batches = crop_batches(images, crop=32, size=8)
    assert [batch.shape for batch in batches] == [(8, 3, 32, 32)] * 3
    assert all(set(batch[:, 0, 0, 0].tolist()) == {0.0, 1.0, 2.0, 3.0} for batch in batches)
    masks = crop_batches([image[:1] > 1 for image in images], crop=32, size=8)
    assert all(torch.equal(mask, batch[:, :1] > 1) for mask, batch in zip(masks, batches, strict=True))


def test_crops_are_as_small_as_the_smallest_image_asks():
    ramp = torch.arange(50 * 70.0).reshape(1, 50, 70)
    (batch,) = crop_batches([ramp, torch.full((1, 40, 33), -1.0)], crop=256)
    assert batch.shape == (5, 1, 32, 32), "four of the first image and one of the second"
    assert batch[:, 0, 0, 0].tolist() == [0.0, -1.0, 38.0, 18 * 70.0, 18 * 70 + 38.0]


@pytest.mark.parametrize(("edge", "starts"), [(512, [0, 256]), (1000, [0, 248, 496, 744]), (271, [0]), (272, [0, 16])])
def test_crops_reach_the_right_and_the_bottom(edge, starts):
    """Of 1000 pixels a side, crops side by side would leave out 41 % of the image."""
    ramp = torch.arange(edge * edge).reshape(1, edge, edge)
    corners = [int(crop[0, 0, 0]) for batch in crop_batches([ramp]) for crop in batch]
    assert corners == [row * edge + column for row in starts for column in starts]
    assert edge - (starts[-1] + 256) < 16


@pytest.mark.parametrize(("height", "width"), [(528, 272), (300, 1000), (512, 256), (100, 77)])
def test_every_pixel_counts_once(height, width):
    """The masks' crops, laid where the images' crops come from, add up to one, but for a rest of less than 16."""
    places = torch.arange(height * width).reshape(1, height, width)
    crops = torch.cat(crop_batches([places]))
    masks = torch.cat(crop_batches([torch.ones(1, height, width, dtype=torch.bool)], once=True))
    counts = torch.zeros(height * width, dtype=torch.long).index_add(0, crops.flatten(), masks.flatten().long())
    counts = counts.reshape(height, width)
    seen = counts[: int(crops.max()) // width + 1, : int(crops.max()) % width + 1]
    assert (seen == 1).all()
    assert counts.sum() == seen.numel()
    assert height - seen.shape[0] < 16
    assert width - seen.shape[1] < 16


def test_a_pixel_of_two_crops_is_of_the_nearer_middle():
    """Of 48 pixels and crops of 32, the second one begins at 16: their middles are 16 and 32, and between them 24."""
    masks = crop_batches([torch.ones(1, 32, 48)], crop=32, once=True)[0]
    assert masks[0, 0, 0].tolist() == [1.0] * 24 + [0.0] * 8
    assert masks[1, 0, 0].tolist() == [0.0] * 8 + [1.0] * 24


def test_statistics_of_crops_that_overlap_are_those_of_the_image(network):
    """Of 48 columns of which the last 16 are 9: a third of the image, and a half of the last crop."""
    image = torch.zeros(1, 32, 48)
    image[..., 32:] = 9
    masks = crop_batches([torch.ones_like(image)], crop=32, once=True)
    state = candidate_states(network, list(zip(crop_batches([image], crop=32), masks, strict=True)))["target"]
    assert state["0.running_mean"].item() == pytest.approx(3.0)


def test_images_too_small_for_a_crop_are_refused():
    with pytest.raises(ValueError, match="16 pixels high and wide at least, got one of 15"):
        crop_batches([torch.zeros(3, 40, 40), torch.zeros(3, 40, 15)])
