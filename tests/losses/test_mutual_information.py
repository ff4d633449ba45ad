"""The mutual information loss against published values, by hand and for where its gradient goes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from domain_batches import domain, emptied, random_pair, unet_domains

from mani_monai.losses import DomainBatch, MutualInformationLoss, jensen_shannon_mi, usable_pairs

REFERENCE = Path(__file__).parent / "reference"


def test_bound_by_hand():
    positive, negative = torch.tensor([0.0, 2.0]), torch.tensor([-1.0])
    expected = -(math.log(2) + math.log1p(math.exp(-2))) / 2 - math.log1p(math.exp(-1))
    assert jensen_shannon_mi(positive, negative).item() == pytest.approx(expected, abs=1e-6)
    assert jensen_shannon_mi(torch.zeros(3), torch.zeros(3)).item() == pytest.approx(-2 * math.log(2), abs=1e-6)
    assert jensen_shannon_mi(torch.full((2,), 30.0), torch.full((2,), -30.0)).item() == pytest.approx(0, abs=1e-6)


def test_equals_the_authors_code():
    values = np.load(REFERENCE / "mutual_information.npz", allow_pickle=False)
    recorded = {name: torch.from_numpy(values[name]).float() for name in values.files if values[name].ndim}
    source_features = recorded["source_features"].requires_grad_()
    target_features = recorded["target_features"].requires_grad_()
    loss = MutualInformationLoss(channels=source_features.shape[1], projection=False)
    state = {
        f"layers.{2 * i}.{kind}": recorded[f"discriminator_l{i}_{kind}"]
        for i in range(3)
        for kind in ("weight", "bias")
    }
    loss.discriminator.load_state_dict(state)

    source = domain(source_features, recorded["source_nuclei"], labelled=True)
    target = domain(target_features, recorded["target_nuclei"], labelled=False)
    value = loss(source, target)
    value.backward()

    assert value.item() == pytest.approx(float(values["loss"]), abs=1e-5)
    torch.testing.assert_close(source_features.grad, recorded["source_features_grad"], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(target_features.grad, recorded["target_features_grad"], atol=1e-5, rtol=1e-4)
    pooled = loss.pool(target_features, target.nuclei[:, 0])[:, 0]
    torch.testing.assert_close(pooled, recorded["target_nuclei_mean"], atol=1e-5, rtol=1e-5)


def test_value_by_hand_through_projection_and_pooling():
    source, target = random_pair()
    loss = MutualInformationLoss(channels=8)
    positive = loss.discriminator(
        pooled(loss.projection(target.features), target.nuclei), pooled(loss.projection(source.features), source.nuclei)
    )
    negative = loss.discriminator(
        pooled(loss.projection(target.features), target.nuclei),
        pooled(loss.projection(source.features), 1 - source.nuclei),
    )
    positive, negative = positive.detach().double().numpy(), negative.detach().double().numpy()
    expected = np.log1p(np.exp(-positive)).mean() + np.log1p(np.exp(negative)).mean()
    assert loss(source, target).item() == pytest.approx(expected, abs=1e-5)


def pooled(features: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    vectors = [image.detach()[:, where[0] > 0].mean(dim=1) for image, where in zip(features, mask, strict=True)]
    return torch.stack(vectors)


@pytest.mark.parametrize(("pooling", "vectors"), [("mean", 1), ("max", 1), ("random", 3)])
def test_every_pooling_trains_projection_and_discriminator(pooling, vectors):
    source, target = random_pair()
    loss = MutualInformationLoss(channels=8, pooling=pooling, samples=3)
    assert loss.pool(source.features, source.nuclei[:, 0]).shape == (3, vectors, 8)
    loss(source, target).backward()
    for name, parameter in loss.named_parameters():
        assert parameter.grad is not None, name
    assert loss.projection[0].weight.grad.any()
    assert loss.discriminator.layers[0].weight.grad.any()


def test_random_scores_one_pixel_a_pair():
    """Each drawn target pixel meets one drawn source pixel; pixels are not averaged before they are scored."""
    source, target = random_pair()
    loss = MutualInformationLoss(channels=8, pooling="random", samples=5, projection=False)
    torch.manual_seed(7)
    value = loss(source, target)
    torch.manual_seed(7)
    nuclei = loss.pool(source.features, source.nuclei[:, 0])
    background = loss.pool(source.features, 1 - source.nuclei[:, 0])
    target_nuclei = loss.pool(target.features, target.nuclei[:, 0])
    scores = [
        [loss.discriminator(target_nuclei[i, j], vectors[i, j]).item() for i in range(3) for j in range(5)]
        for vectors in (nuclei, background)
    ]
    expected = -jensen_shannon_mi(torch.tensor(scores[0]), torch.tensor(scores[1])).item()
    assert value.item() == pytest.approx(expected, abs=1e-5)


EMPTY = ["source nuclei", "source background", "target nuclei"]


@pytest.mark.parametrize("pooling", ["mean", "max", "random"])
@pytest.mark.parametrize("where", EMPTY)
def test_a_pair_with_an_empty_mask_is_left_out(where, pooling):
    source, target = emptied(*random_pair(), where)
    assert usable_pairs(source, target).tolist() == [False, True, True]
    loss = MutualInformationLoss(channels=8, pooling=pooling, projection=False)
    value = loss(source, target)
    value.backward(inputs=[source.features, target.features])
    assert torch.isfinite(value)
    assert not source.features.grad[0].any()
    assert not target.features.grad[0].any()
    assert source.features.grad[1].any()
    if pooling != "random":
        rest = [
            domain(batch.features[1:], batch.nuclei[1:], labelled=batch.label is not None) for batch in (source, target)
        ]
        assert value.item() == pytest.approx(loss(*rest).item(), abs=1e-6)


@pytest.mark.parametrize("where", EMPTY)
def test_a_zero_vector_stands_for_an_empty_mask_on_demand(where):
    source, target = emptied(*random_pair(), where)
    loss = MutualInformationLoss(channels=8, projection=False, skip_empty=False)
    vectors = {
        "source nuclei": loss.pool(source.features, source.nuclei[:, 0])[:, 0],
        "source background": loss.pool(source.features, 1 - source.nuclei[:, 0])[:, 0],
        "target nuclei": loss.pool(target.features, target.nuclei[:, 0])[:, 0],
    }
    assert not vectors[where][0].any()
    expected = -jensen_shannon_mi(
        loss.discriminator(vectors["target nuclei"], vectors["source nuclei"]),
        loss.discriminator(vectors["target nuclei"], vectors["source background"]),
    )
    assert loss(source, target).item() == pytest.approx(expected.item(), abs=1e-6)
    loss.skip_empty = True
    assert loss(source, target).item() != pytest.approx(expected.item(), abs=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "max", "random"])
def test_zero_that_can_be_differentiated_where_every_pair_is_left_out(pooling):
    source, target = random_pair()
    target = domain(target.features, torch.zeros_like(target.nuclei), labelled=False)
    value = MutualInformationLoss(channels=8, pooling=pooling)(source, target)
    assert value.item() == 0
    value.backward()
    leaf = source.features._base
    assert leaf.grad is not None
    assert not leaf.grad.any()


@pytest.mark.parametrize(("name", "value"), [("pooling", "median"), ("samples", 0), ("weight", -0.1)])
def test_options_are_checked(name, value):
    with pytest.raises(ValueError, match=f"{name} must be .*got {value!r}"):
        MutualInformationLoss(channels=8, **{name: value})


@pytest.mark.parametrize("detach", [None, "source", "target"])
def test_gradient_reaches_all_but_the_head_from_either_domain(detach):
    network, source, target = unet_domains(detach)
    loss = MutualInformationLoss(channels=4)
    loss(source, target).backward()
    for part in (network.conv_0, network.down_4, network.upcat_4, network.upcat_1, loss):
        assert any(parameter.grad.any() for parameter in part.parameters()), part
    assert all(parameter.grad is None for parameter in network.final_conv.parameters())


def test_no_gradient_where_both_domains_are_detached():
    """The counterpart of the test above: the gradient does come through the features."""
    network, source, target = unet_domains("source")
    target = DomainBatch(target.image, target.logits, target.features.detach(), target.logits)
    MutualInformationLoss(channels=4)(source, target).backward()
    assert all(parameter.grad is None for parameter in network.parameters())
