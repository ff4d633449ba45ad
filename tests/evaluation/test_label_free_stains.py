"""How an image is stained anew for its score, before and after the steps that a network wants."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.inferers import SimpleInferer
from torch import nn

from mani_monai.evaluation import label_free_scorer
from mani_monai.evaluation.label_free_scorer import STAINS, LabelFreeScorer
from mani_monai.transforms.colour_jitter import jitter_stains
from mani_monai.transforms.stain_normalisation import NormaliseStainsd, normalise_stains

STEPS = [NormaliseStainsd("image")]


@pytest.fixture
def decoded():
    """A picture of 32 x 32 pixels whose upper half is paler than the rest."""
    picture = np.random.default_rng(0).uniform(50, 180, (3, 32, 32))
    picture[:, :16] += 60
    return torch.from_numpy(picture.astype(np.uint8))


def shown(decoded, part=slice(None)):
    return torch.from_numpy(normalise_stains(decoded.numpy() / np.float32(255)) * 255).round()[:, part, part] / 255


class Watcher(nn.Module):
    """Keeps the images that it is shown, and calls nothing a nucleus."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, images):
        self.seen += images.clone()
        return torch.zeros(len(images), 2, *images.shape[2:])


def seen_by(item, steps):
    network = Watcher()
    LabelFreeScorer(network, SimpleInferer(), [item], preprocessing=steps)()
    return network.seen[2:]


@pytest.mark.parametrize("part", [slice(None), slice(8, 24)], ids=["whole", "middle"])
def test_decoded_pictures_are_stained_and_then_normalised_once(decoded, part):
    """Another laboratory stains before anybody normalises, and the tissue is the whole picture's."""
    copies = seen_by({"image": shown(decoded, part), "decoded": decoded}, STEPS)
    for copy, scale in zip(copies, STAINS, strict=True):
        stained = jitter_stains(decoded / 255, torch.tensor(scale), torch.zeros(3)) * 255
        assert torch.equal(copy, shown(stained.round().to(torch.uint8), part))


def test_what_normalisation_takes_away_is_no_inconsistency(decoded, monkeypatch):
    """The same staining again gives what the network was shown, to the last bit."""
    monkeypatch.setattr(label_free_scorer, "STAINS", ((1.0, 1.0, 1.0),))
    (copy,) = seen_by({"image": shown(decoded), "decoded": decoded}, STEPS)
    assert torch.equal(copy, shown(decoded))


def test_without_preprocessing_the_image_itself_is_stained(decoded):
    copies = seen_by({"image": decoded / 255}, ())
    for copy, scale in zip(copies, STAINS, strict=True):
        assert torch.equal(copy, jitter_stains(decoded / 255, torch.tensor(scale), torch.zeros(3)))


def test_preprocessing_asks_for_decoded_pictures(decoded):
    with pytest.raises(ValueError, match='images must hold "decoded" where there is preprocessing'):
        seen_by({"image": decoded / 255}, STEPS)
