"""The mutual information loss against published values, by hand and for where its gradient goes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.networks.nets import BasicUNet

from mani_monai.losses import DomainBatch, MutualInformationLoss, jensen_shannon_mi, usable_pairs

REFERENCE = Path(__file__).parent / "reference"


def domain(features: torch.Tensor, nuclei: torch.Tensor, labelled: bool) -> DomainBatch:
    """A batch whose nuclei are the given B1HW mask: as a label, or as what the logits say."""
    logits = torch.cat([1 - nuclei, nuclei], dim=1)
    image = torch.zeros(len(features), 3, *features.shape[2:])
    return DomainBatch(image, logits, features, logits, label=nuclei if labelled else None)


def random_pair(size: int = 12, channels: int = 8) -> tuple[DomainBatch, DomainBatch]:
    torch.manual_seed(0)
    features = torch.rand(2, 3, channels, size, size, requires_grad=True)
    nuclei = (torch.rand(2, 3, 1, size, size) > 0.6).float()
    return domain(features[0], nuclei[0], labelled=True), domain(features[1], nuclei[1], labelled=False)


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
