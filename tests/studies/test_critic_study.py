"""The study of a run's discriminator: critics made by hand that look at the target and that do not, and a tiny run."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from torch import nn
from trainings import run

from mani_monai.handlers.domain_reader import DomainReader
from mani_monai.losses import DomainBatch, MutualInformationLoss
from mani_monai.networks.blocks import ConcatDiscriminator
from mani_monai.utils import InputError
from studies.critic_report import FIGURES, bound_over_training, study_tables
from studies.critic_study import BatchVectors, batch_vectors, critic_figures, domain_batches, study_run

OVERLAYS = ("both_classes", "cell_pooling")


class Critic(nn.Module):
    """Scores by a formula of the first channels."""

    def __init__(self, formula):
        super().__init__()
        self.formula = formula

    def forward(self, target, source):
        return self.formula(target[..., :1], source[..., :1])


CRITICS = {
    "blind": lambda target, source: 2 * source,
    "looking": lambda target, source: 2 * target * source,
    "wrong": lambda target, source: -2 * target * source,
}


def vectors() -> BatchVectors:
    """Three images of one vector and channel: 1 for nuclei, -1 for background."""
    nuclei, background = torch.ones(3, 1, 1), -torch.ones(3, 1, 1)
    return BatchVectors(nuclei, background, nuclei, background)


@pytest.mark.parametrize(
    ("critic", "pairs", "own", "other"),
    [
        ("blind", "paper", 1, 1),
        ("looking", "paper", 1, 0),
        ("looking", "both_classes", 1, 0),
        ("blind", "both_classes", 0.5, 0.5),
        ("wrong", "both_classes", 0, 1),
    ],
)
def test_a_critic_that_looks_fails_on_the_other_class(critic, pairs, own, other):
    loss = MutualInformationLoss(1, pairs=pairs, discriminator=Critic(CRITICS[critic]))
    found = critic_figures(loss, [vectors()] * 2)
    assert [found[name]["accuracy"] for name in found] == [own, own, other]
    assert list(found) == ["own", "another image's", "other class's"]
    perfect = -2 * math.log1p(math.exp(-2))
    if own in (0, 1):
        assert found["own"]["bound"] == pytest.approx(perfect if own else perfect - 4, abs=1e-5)
        assert found["other class's"]["bound"] == pytest.approx(perfect if other else perfect - 4, abs=1e-5)


def test_figures_of_uneven_scores_by_hand():
    """Target 1, 2, 3 meets nuclei -1 and background -1.5, of scores target + source."""
    target = torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1)
    batch = BatchVectors(torch.full_like(target, -1), torch.full_like(target, -1.5), target, -target)
    loss = MutualInformationLoss(1, discriminator=Critic(lambda target, source: target + source))
    found = critic_figures(loss, [batch])
    assert found["own"]["positives"] == pytest.approx(2 / 3)  # 0, 1, 2
    assert found["own"]["negatives"] == pytest.approx(1 / 3)  # -0.5, 0.5, 1.5
    assert found["own"]["accuracy"] == pytest.approx(1 / 2)
    assert found["own"]["ranked"] == 1
    assert found["other class's"]["positives"] == 0  # -2, -3, -4


def test_another_images_vector_is_that_of_the_image_before():
    target = torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1)
    batch = BatchVectors(target, -target, target, -target)
    for lag, own, another in ((0, 1, 0), (1, 0, 2 / 3)):
        critic = Critic(lambda target, source, lag=lag: 0.5 - (source - target - lag).abs())
        found = critic_figures(MutualInformationLoss(1, discriminator=critic), [batch])
        assert found["own"]["positives"] == own
        assert found["another image's"]["positives"] == pytest.approx(another)


def test_nothing_is_dropped_in_a_study():
    torch.manual_seed(0)
    loss = MutualInformationLoss(1, discriminator=ConcatDiscriminator(1, dropout=0.5))
    assert critic_figures(loss, [vectors()]) == critic_figures(loss, [vectors()])


def test_batches_are_pooled_as_in_training_and_useless_ones_left_out():
    torch.manual_seed(0)
    nuclei = (torch.rand(2, 3, 1, 6, 6) > 0.5).float()
    features = torch.rand(2, 3, 4, 6, 6)
    source, target = (
        DomainBatch(image, torch.cat([1 - mask, mask], 1), image, None, label=mask if labelled else None)
        for image, mask, labelled in zip(features, nuclei, (True, False), strict=True)
    )
    loss = MutualInformationLoss(4, discriminator=Critic(CRITICS["looking"]), pairs="both_classes")
    figures = critic_figures(loss, [batch_vectors(loss, source, target)])
    assert figures["own"]["bound"] == pytest.approx(-loss(source, target).item(), abs=1e-6)

    for image, kept in ((0, 2), (1, None)):
        nuclei[1, image] = 1
        target = DomainBatch(features[1], torch.cat([1 - nuclei[1], nuclei[1]], 1), features[1], None)
        pooled = batch_vectors(loss, source, target)
        assert (None if pooled is None else len(pooled.target_nuclei)) == kept


def test_domains_are_what_enters_the_head():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1)).eval()
    batch = {"image": torch.rand(2, 3, 4, 4), "target_image": torch.rand(2, 3, 4, 4), "label": torch.ones(2, 1, 4, 4)}
    infer, device = (lambda image, run: run(image)), torch.device("cpu")
    ((source, target),) = domain_batches(network, [batch], infer, device, DomainReader("2", ["1"]))
    for domain, key in ((source, "image"), (target, "target_image")):
        torch.testing.assert_close(network[2](domain.features), domain.logits)
        torch.testing.assert_close(domain.features.mean(dim=(0, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)
        assert torch.equal(domain.taps["1"], domain.features)
        assert torch.equal(domain.image, batch[key])
    assert source.label is not None
    assert target.label is None
    assert not network[2]._forward_pre_hooks
    assert not network[1]._forward_hooks


# a run


@pytest.fixture(scope="module")
def finished(make_workflow, tmp_path_factory) -> Path:
    """A run long enough to predict nuclei and background."""
    folder = tmp_path_factory.mktemp("finished")
    run(make_workflow(folder, *OVERLAYS, iterations=14, warmup=4, crop_size=64, learning_rate=0.02))
    return folder


def test_a_run_is_studied(finished):
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    found = study_run(finished, batches=3)
    assert {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()} == before
    study = found["mutual_information"]
    assert (study["pairs"], study["bound"]) == ("both_classes", "jensen_shannon")
    assert all(set(figures) == set(FIGURES) for figures in study["conditions"].values())
    assert sum(part["last"] - part["first"] + 1 for part in study["training"]) == 10
    torch.manual_seed(5)  # cells are drawn at random, alike in every study
    assert study_run(finished, batches=3) == found
    assert json.loads(json.dumps(found)) == found

    text = study_tables(found)
    own = study["conditions"]["own"]
    assert f"| own | {own['positives']:.3f} | {own['negatives']:.3f} | {own['accuracy']:.3f} |" in text
    assert f"| 5 to 5 | {study['training'][0]['bound']:.4f} |" in text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"adaptation_losses": {}}, "trained without mutual information"),
        ({"features": [8, 8, 8, 8, 8, 8]}, "holds another network"),
        ({"warm_up": 3}, "--warm_up: no such option"),
        ({"batch_size": 1}, "in no batch do two images"),
    ],
)
def test_what_does_not_fit_is_named(finished, changes, message):
    with pytest.raises(InputError, match=message):
        study_run(finished, changes, batches=1)


def test_the_bound_over_training_is_the_mean_of_stretches(tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    assert bound_over_training(tmp_path, "mi") == []
    with SummaryWriter(str(tmp_path / "tensorboard")) as writer:
        for step, value in enumerate([4.0, 2.0, 1.0, 0.5], start=11):
            writer.add_scalar("mi", value, step)
    assert bound_over_training(tmp_path, "mi", parts=2) == [
        {"first": 11, "last": 12, "bound": -3.0},
        {"first": 13, "last": 14, "bound": -0.75},
    ]
    assert len(bound_over_training(tmp_path, "mi")) == 4
    assert bound_over_training(tmp_path, "other") == []
