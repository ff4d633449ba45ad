"""What of the mutual information loss is beyond the paper: pairs, negatives, confidence, cells, layers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from domain_batches import domain, emptied, random_pair, unet_domains
from monai.networks.nets import BasicUNet
from torch import nn

from mani_monai.handlers.domain_reader import DomainReader
from mani_monai.losses import DomainBatch, MutualInformationLoss, usable_pairs


class Recorder(nn.Module):
    """Scores pairs by 10 x the target's first channel + the source's, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[torch.Tensor, torch.Tensor]] = []

    def forward(self, target, source):
        self.calls.append((target, source))
        return 10 * target[..., :1] + source[..., :1]


def two_images(target_probability: float = 1.0) -> tuple[DomainBatch, DomainBatch]:
    """Two images of two pixels, nuclei then background, with one channel: source .1 .2 | .3 .4, target .5 .6 | .7 .8.

    The target's first pixel is of nuclei with the given probability, its second of background with the same.
    """
    nuclei = torch.tensor([1.0, 0.0]).expand(2, 1, 1, 2)
    source = domain(torch.tensor([0.1, 0.2, 0.3, 0.4]).view(2, 1, 1, 2), nuclei, labelled=True)
    features = torch.tensor([0.5, 0.6, 0.7, 0.8]).view(2, 1, 1, 2)
    margin = math.log(target_probability / (1 - target_probability)) if target_probability < 1 else 50.0
    logits = torch.cat([-(2 * nuclei - 1) * margin / 2, (2 * nuclei - 1) * margin / 2], dim=1)
    return source, DomainBatch(torch.zeros(2, 3, 1, 2), logits, features, logits)


def asked(**options) -> list[float]:
    """The scores that a loss asks for on ``two_images``, rounded; calls follow each other."""
    recorder = Recorder()
    MutualInformationLoss(1, projection=False, discriminator=recorder, **options)(*two_images())
    scores = [10 * target + source for target, source in recorder.calls]
    return [round(value, 3) for part in scores for value in part.flatten().tolist()]


PAPER = [5.1, 7.3, 5.2, 7.4]
BACKGROUND = [6.2, 8.4, 6.1, 8.3]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, PAPER),
        ({"pairs": "both_classes"}, PAPER + BACKGROUND),
        ({"bound": "info_nce"}, [5.1, 7.3, 5.2, 5.4, 7.2, 7.4]),
        (
            {"bound": "info_nce", "pairs": "both_classes"},
            [5.1, 7.3, 5.2, 5.4, 7.2, 7.4, 6.2, 8.4, 6.1, 6.3, 8.1, 8.3],
        ),
        ({"bound": "donsker_varadhan"}, PAPER),
    ],
)
def test_which_pairs_are_scored(options, expected):
    assert asked(**options) == expected


def test_values_of_the_forms_by_hand():
    positive, negative = np.array([5.1, 7.3, 6.2, 8.4]), np.array([5.2, 7.4, 6.1, 8.3])
    expected = {
        "jensen_shannon": np.log1p(np.exp(-positive)).mean() + np.log1p(np.exp(negative)).mean(),
        "donsker_varadhan": -positive.mean() + np.log(np.exp(negative).mean()),
        "info_nce": np.mean(
            [
                -p + np.log((np.exp(p) + np.exp(n).sum()) / 3)
                for p, n in zip(positive, np.array([[5.2, 5.4], [7.2, 7.4], [6.1, 6.3], [8.1, 8.3]]), strict=True)
            ]
        ),
    }
    for bound, value in expected.items():
        loss = MutualInformationLoss(1, projection=False, discriminator=Recorder(), bound=bound, pairs="both_classes")
        assert loss(*two_images()).item() == pytest.approx(value, abs=1e-4), bound


def test_every_vector_is_as_often_in_a_positive_as_in_a_negative():
    recorder = Recorder()
    loss = MutualInformationLoss(8, projection=False, discriminator=recorder, pairs="both_classes")
    loss(*random_pair())
    positives, negatives = recorder.calls[0::2], recorder.calls[1::2]
    for side in (0, 1):
        vectors = [
            sorted(torch.cat([call[side] for call in part]).flatten(0, 1).tolist()) for part in (positives, negatives)
        ]
        assert vectors[0] == vectors[1]


# empty masks


def without_target_background() -> tuple[DomainBatch, DomainBatch]:
    source, target = random_pair()
    nuclei = target.nuclei.clone()
    nuclei[0] = 1
    return source, domain(target.features, nuclei, labelled=False)


def test_target_background_is_needed_by_both_classes_alone():
    source, target = without_target_background()
    assert usable_pairs(source, target).tolist() == [True, True, True]
    assert usable_pairs(source, target, target_background=True).tolist() == [False, True, True]
    rest = [domain(batch.features[1:], batch.nuclei[1:], batch.label is not None) for batch in (source, target)]
    for pairs, left_out in (("paper", False), ("both_classes", True)):
        loss = MutualInformationLoss(8, projection=False, pairs=pairs)
        assert (loss(source, target).item() == pytest.approx(loss(*rest).item(), abs=1e-6)) is left_out


@pytest.mark.parametrize("where", ["source nuclei", "source background", "target nuclei"])
@pytest.mark.parametrize("options", [{"pairs": "both_classes"}, {"bound": "info_nce"}, {"confident": True}])
def test_images_with_an_empty_mask_are_left_out_of_every_form(where, options):
    source, target = emptied(*random_pair(), where)
    loss = MutualInformationLoss(8, projection=False, **options)
    loss(source, target).backward(inputs=[source.features, target.features])
    for batch in (source, target):
        assert not batch.features.grad[0].any()
        assert batch.features.grad[1].any()


@pytest.mark.parametrize("bound", ["jensen_shannon", "donsker_varadhan", "info_nce"])
def test_zero_that_can_be_differentiated_where_no_pair_is_left(bound):
    source, target = random_pair()
    target = domain(target.features, torch.ones_like(target.nuclei), labelled=False)
    value = MutualInformationLoss(8, pairs="both_classes", bound=bound)(source, target)
    assert value.item() == 0
    value.backward()


# confidence


def test_confident_pooling_weights_by_probability():
    loss = MutualInformationLoss(1, projection=False, confident=True)
    source, target = two_images(target_probability=0.75)
    mask = loss.target_mask(target)
    assert mask.flatten().tolist() == pytest.approx([0.75, 0.25] * 2)
    expected = [0.75 * 0.5 + 0.25 * 0.6, 0.75 * 0.7 + 0.25 * 0.8]
    assert loss.pool(target.features, mask).flatten().tolist() == pytest.approx(expected, abs=1e-5)
    recorder = loss.discriminator = Recorder()
    loss.pairs = "both_classes"
    loss(source, target)
    background = recorder.calls[2][0].flatten().tolist()
    assert background == pytest.approx([0.25 * 0.5 + 0.75 * 0.6, 0.25 * 0.7 + 0.75 * 0.8], abs=1e-5)
    assert recorder.calls[0][1].flatten().tolist() == pytest.approx([0.1, 0.3], abs=1e-5)  # the source's is its label


def test_a_sure_prediction_is_pooled_as_its_hard_mask():
    hard, soft = (
        MutualInformationLoss(1, projection=False, discriminator=Recorder(), confident=c) for c in (False, True)
    )
    assert soft(*two_images()).item() == pytest.approx(hard(*two_images()).item(), abs=1e-5)


@pytest.mark.parametrize("options", [{"confident": True}, {"pairs": "both_classes"}, {"bound": "info_nce"}])
def test_the_head_gets_no_gradient_and_all_else_does(options):
    network, source, target = unet_domains(None)
    loss = MutualInformationLoss(channels=4, **options)
    loss(source, target).backward()
    for part in (network.conv_0, network.down_4, network.upcat_1, loss.projection, loss.discriminator):
        assert any(parameter.grad.any() for parameter in part.parameters()), part
    assert all(parameter.grad is None for parameter in network.final_conv.parameters())


# other layers


def coarse(pooling: str, **options) -> MutualInformationLoss:
    return MutualInformationLoss(1, projection=False, pooling=pooling, tap="deep", **options)


def test_a_coarse_pixel_counts_by_the_share_that_the_mask_covers():
    features = torch.tensor([1.0, 2.0, 4.0, 8.0]).view(1, 1, 2, 2)
    mask = torch.zeros(1, 4, 4)
    mask[0, :2, :2] = 1  # all of the first pixel
    mask[0, 0, 2] = 1  # a quarter of the second
    assert coarse("mean").pool(features, mask).item() == pytest.approx((1 * 1 + 0.25 * 2) / 1.25, abs=1e-5)
    background = (0.75 * 2 + 4 + 8) / 2.75
    assert coarse("mean").pool(features, 1 - mask).item() == pytest.approx(background, abs=1e-5)
    assert coarse("max").pool(features, mask).item() == 2
    drawn = coarse("random", samples=4000).pool(features, mask)
    assert (drawn == 1).float().mean().item() == pytest.approx(0.8, abs=0.03)
    assert (drawn == 2).float().mean().item() == pytest.approx(0.2, abs=0.03)


def test_the_layer_named_is_compared_and_the_masks_stay():
    batches = [
        replace(batch, features=torch.full_like(batch.features, float("nan")), taps={"deep": batch.features})
        for batch in two_images()
    ]
    loss, tapped = (
        MutualInformationLoss(1, projection=False, discriminator=Recorder(), tap=tap) for tap in (None, "deep")
    )
    assert tapped(*batches).item() == loss(*two_images()).item()


def test_what_lies_behind_the_layer_gets_no_gradient():
    torch.manual_seed(0)
    network, reader = (
        BasicUNet(2, 3, 2, features=[4] * 6, act="RELU", norm="BATCH"),
        DomainReader("final_conv", ["upcat_3"]),
    )
    reader.open(network)
    batches = []
    for label in ((torch.rand(2, 1, 32, 32) > 0.7).float(), None):
        image = torch.rand(2, 3, 32, 32)
        batch = reader.read(image, network(image), label)
        batches.append(replace(batch, logits=batch.logits - batch.logits.detach().mean(dim=(0, 2, 3), keepdim=True)))
    loss = MutualInformationLoss(channels=4, tap="upcat_3")
    loss(*batches).backward()
    for part in (network.conv_0, network.down_4, network.upcat_4, network.upcat_3, loss.projection, loss.discriminator):
        assert any(parameter.grad.any() for parameter in part.parameters()), part
    for part in (network.upcat_2, network.upcat_1, network.final_conv):
        assert all(parameter.grad is None for parameter in part.parameters())
