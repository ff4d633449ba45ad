"""Scores without labels, by hand and by networks whose prediction is known, and what they choose."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from monai.inferers import SimpleInferer
from torch import nn

from mani_monai.evaluation.label_free_criteria import CRITERIA, PLAUSIBLE_SHARES, SHARE, best_weights
from mani_monai.evaluation.label_free_scorer import (
    LabelFreeScorer,
    binary_entropy,
    evenly_taken,
    mask_agreement,
    neighbourhood_density,
    prediction_information,
)


class Network(nn.Module):
    """Logit of nuclei: a function of the image; it notes how often and in which mode it was run."""

    def __init__(self, logit, branch=None):
        super().__init__()
        self.logit, self.branch, self.modes = logit, branch, []

    def forward(self, images):
        assert not torch.is_grad_enabled()
        self.modes.append(self.training)
        nuclei = self.logit(images).expand(len(images), 1, *images.shape[-2:])
        logits = torch.cat([torch.zeros_like(nuclei), nuclei], dim=1)
        return logits if self.branch is None else {self.branch: logits, "other": images}


def dark(images):
    """Sure of nuclei where the image is dark: a pixel's own matter, so that it turns with the image."""
    return 200 * (0.55 - images.mean(dim=1, keepdim=True))


def left(images):
    """Sure of nuclei in the left half, whatever the image."""
    columns = torch.arange(images.shape[-1]) < images.shape[-1] // 2
    return torch.where(columns, 100.0, -100.0)


def nowhere(images):
    return torch.tensor(-100.0)


def unsure(images):
    return torch.tensor(0.0)


def pale(images):
    """Nuclei where red absorbs much: haematoxylin, whose strength the stainings change."""
    return 200 * (0.7 - images[:, :1])


@pytest.fixture
def items():
    """Two images of 24 x 32 pixels: a bright ground with a dark quarter, and a dark half."""
    images = torch.full((2, 3, 24, 32), 0.99)
    images[0, :, :12, :16] = 0.05
    images[1, :, :12] = 0.05
    return [{"image": image} for image in images]


def score(logit, items, **options):
    return LabelFreeScorer(Network(logit), SimpleInferer(), items, **options)()


def test_a_sure_network_that_looks_at_pixels(items):
    found = score(dark, items)
    assert list(found) == [*CRITERIA, SHARE]
    assert found["entropy"] == pytest.approx(0, abs=1e-6)
    quarter = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert found["information"] == pytest.approx((quarter + math.log(2)) / 2, abs=1e-5)
    assert (found["symmetry"], found["stain"]) == (1, 1)
    assert found[SHARE] == pytest.approx(3 / 8)


def test_density_is_of_a_grid_of_all_images(items):
    """16 x 16 pixels of each image: 64 + 128 of nuclei, 192 + 128 of background, each near its own kind alone."""
    nuclei, ground = 64 + 128, 192 + 128
    expected = (nuclei * math.log(nuclei - 1) + ground * math.log(ground - 1)) / (nuclei + ground)
    assert score(dark, items)["density"] == pytest.approx(expected, abs=1e-4)


def test_what_does_not_turn_with_the_image_is_inconsistent(items):
    """The left half of the turned image, turned back, is the upper or lower half: a quarter in common of two halves."""
    assert score(left, items)["symmetry"] == pytest.approx(0.5)
    assert score(left, items)["stain"] == 1


def test_what_depends_on_the_stain_is_inconsistent(items):
    images = torch.stack([item["image"] for item in items])
    images[:, 0] = torch.linspace(0.3, 0.95, 32)  # red between faintly and strongly stained
    found = score(pale, [{"image": image} for image in images])
    assert found["symmetry"] == 1
    assert 0.5 < found["stain"] < 0.95


def test_collapse_earns_nothing_but_certainty(items):
    found = score(nowhere, items)
    assert (found["symmetry"], found["stain"], found[SHARE]) == (0, 0, 0)
    assert (found["entropy"], found["information"]) == pytest.approx((0, 0), abs=1e-6)
    assert found["density"] == pytest.approx(math.log(2 * 256 - 1), abs=1e-4), "its largest value"


def test_an_unsure_network_has_all_the_entropy(items):
    found = score(unsure, items)
    assert found["entropy"] == pytest.approx(math.log(2))
    assert found["information"] == pytest.approx(0, abs=1e-6)


def test_four_passes_an_image_in_evaluation_mode_and_then_as_before(items):
    network = Network(dark).train()
    LabelFreeScorer(network, SimpleInferer(), items)()
    assert network.modes == [False] * 8
    assert network.training


def test_batch_statistics_stay(items):
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 2, 1))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    scorer = LabelFreeScorer(network, SimpleInferer(), items)
    assert scorer() == scorer(), "nothing is drawn at random"
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_branch_of_a_dictionary(items):
    network = Network(dark, branch="nucleus_prediction")
    assert LabelFreeScorer(network, SimpleInferer(), items, branch="nucleus_prediction")() == score(dark, items)


def test_labels_are_not_read(items):
    labelled = [{**item, "label": None} for item in items]
    assert score(dark, labelled) == score(dark, items)


GOOD = {"entropy": 0.2, "information": 0.4, "symmetry": 0.9, "stain": 0.8, "density": 7.0, SHARE: 0.2}
POOR = {"entropy": 0.3, "information": 0.1, "symmetry": 0.5, "stain": 0.3, "density": 5.0, SHARE: 0.1}


@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_better_one_by_each_criterion(items, criterion):
    assert best_weights({"poor": POOR, "good": GOOD}, criterion) == "good"
    others = {"one": {**GOOD, criterion: POOR[criterion]}, "other": {**POOR, criterion: GOOD[criterion]}}
    assert best_weights(others, criterion) == "other"
    assert LabelFreeScorer(Network(dark), SimpleInferer(), items, criterion=criterion).best(others) == "other"


@pytest.mark.parametrize("share", [PLAUSIBLE_SHARES[0] * 0.9, PLAUSIBLE_SHARES[1] * 1.1])
def test_implausible_shares_are_chosen_where_there_are_no_others(share):
    collapsed = {**GOOD, SHARE: share}
    assert best_weights({"collapsed": collapsed, "poor": POOR}) == "poor"
    assert best_weights({"worse": {**POOR, SHARE: share}, "collapsed": collapsed}) == "collapsed"


@pytest.mark.parametrize("share", PLAUSIBLE_SHARES)
def test_bounds_are_plausible(share):
    assert best_weights({"poor": POOR, "good": {**GOOD, SHARE: share}}) == "good"


def test_the_first_of_equals():
    assert best_weights({"b": GOOD, "a": dict(GOOD)}) == "b"


@pytest.mark.parametrize(
    ("length", "count", "taken"),
    [(9, 3, [0, 4, 8]), (10, 4, [0, 3, 6, 9]), (3, 8, [0, 1, 2]), (5, 1, [0]), (4, 0, [])],
)
def test_evenly_taken(length, count, taken):
    assert evenly_taken(list(range(length)), count) == taken


def test_what_is_asked_for_is_checked_at_once(items):
    with pytest.raises(ValueError, match=r"criterion must be one of entropy, .*, got 'dice'"):
        LabelFreeScorer(Network(dark), SimpleInferer(), items, criterion="dice")
    with pytest.raises(ValueError, match="criterion must be one of"):
        best_weights({"a": GOOD}, "dice")
    with pytest.raises(ValueError, match="images must hold at least one image"):
        LabelFreeScorer(Network(dark), SimpleInferer(), [])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("criterion", CRITERIA)
def test_what_is_no_number_is_chosen_last(criterion, value):
    diverged = {**GOOD, criterion: value}
    assert best_weights({"diverged": diverged, "poor": {**POOR, SHARE: 0.0}}, criterion) == "poor"
    assert best_weights({"diverged": diverged}, criterion) == "diverged"


LOG2 = math.log(2)


def images(*rows):
    """B1HW probabilities, one row of pixels an image."""
    return torch.tensor(rows)[:, None, None]


@pytest.mark.parametrize(
    ("probability", "entropy"), [(0.0, 0), (1.0, 0), (0.5, LOG2), (0.2, 0.5004024), (0.8, 0.5004024)]
)
def test_entropy(probability, entropy):
    assert binary_entropy(torch.tensor([[probability]])).tolist() == [[pytest.approx(entropy)]]


@pytest.mark.parametrize(
    ("pixels", "information"),
    [
        ([0.0, 0.0, 0.0, 0.0], 0),  # collapsed
        ([1.0, 1.0, 1.0, 1.0], 0),
        ([0.5, 0.5, 0.5, 0.5], 0),  # unsure
        ([0.0, 0.0, 1.0, 1.0], LOG2),  # sure and divided
        ([0.0, 0.5], 0.5623351 - LOG2 / 2),
    ],
)
def test_information(pixels, information):
    found = prediction_information(torch.cat([images(pixels), images([0.5] * len(pixels))]))
    assert found.tolist() == pytest.approx([information, 0], abs=1e-6)


@pytest.mark.parametrize(
    ("one", "other", "dice"),
    [
        ([0.9, 0.6, 0.1, 0.2], [0.6, 0.9, 0.4, 0.0], 1),
        ([0.9, 0.6, 0.1, 0.2], [0.6, 0.1, 0.4, 0.0], 2 / 3),
        ([0.9, 0.1], [0.1, 0.9], 0),
        ([0.1, 0.2], [0.2, 0.1], 0),  # two empty masks are no evidence of anything
        ([0.1, 0.2], [0.2, 0.9], 0),
    ],
)
def test_agreement_is_the_dice_of_masks(one, other, dice):
    same = images([1.0] * len(one))
    found = mask_agreement(torch.cat([images(one), same]), torch.cat([images(other), same]))
    assert found.tolist() == pytest.approx([dice, 1])


def density_by_hand(vectors, temperature):
    total = 0
    for number, vector in enumerate(vectors):
        others = np.delete(vectors, number, axis=0)
        cosines = others @ vector / np.linalg.norm(others, axis=1) / np.linalg.norm(vector)
        share = np.exp(cosines / temperature) / np.exp(cosines / temperature).sum()
        total += -(share * np.log(share)).sum()
    return total / len(vectors)


@pytest.mark.parametrize("temperature", [0.05, 1.0])
def test_density_is_the_papers(temperature):
    vectors = np.random.default_rng(0).uniform(0.1, 1, (7, 2))
    found = neighbourhood_density(torch.tensor(vectors), temperature).item()
    assert found == pytest.approx(density_by_hand(vectors, temperature))


def test_density_grows_with_the_cluster_and_is_largest_where_all_are_alike():
    nuclei, background = torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.0])
    halves = neighbourhood_density(torch.stack([nuclei] * 4 + [background] * 4)).item()
    alike = neighbourhood_density(torch.stack([nuclei] * 8)).item()
    assert halves == pytest.approx(math.log(3), abs=1e-4)
    assert alike == pytest.approx(math.log(7))


def test_one_pixel_has_no_neighbours():
    with pytest.raises(ValueError, match="vectors must be >= 2 pixels, got 1"):
        neighbourhood_density(torch.ones(1, 2))
