"""The mutual information loss by its parts: discriminators, poolings, the paper's defaults, and what is refused."""

from __future__ import annotations

import pytest
import torch
from domain_batches import random_pair
from torch import nn

from mani_monai.losses import MutualInformationLoss
from mani_monai.networks.blocks import BilinearDiscriminator, ConcatDiscriminator, CosineDiscriminator
from mani_monai.networks.layers import CellPooling


@pytest.mark.parametrize("bound", ["jensen_shannon", "info_nce"])
@pytest.mark.parametrize(
    "discriminator",
    [
        lambda: BilinearDiscriminator(8, hidden=6),
        lambda: CosineDiscriminator(8, hidden=6),
        lambda: ConcatDiscriminator(8, hidden=6, dropout=0.5, spectral_norm=True),
    ],
)
def test_any_discriminator_and_pooling_train(discriminator, bound):
    source, target = random_pair()
    loss = MutualInformationLoss(
        8, pooling=CellPooling(2, 5), pairs="both_classes", bound=bound, discriminator=discriminator()
    )
    assert loss.pool(source.features, source.nuclei[:, 0]).shape == (3, 5, 8)
    loss(source, target).backward()
    for name, parameter in loss.named_parameters():
        assert parameter.grad is not None, name
    assert loss.projection[0].weight.grad.any()
    assert source.features._base.grad[0].any()
    assert source.features._base.grad[1].any()


def test_the_default_is_the_papers_in_weights_and_names():
    """Older checkpoints load, and a seed gives the weights that it gave."""
    torch.manual_seed(5)
    loss = MutualInformationLoss(8, hidden=6)
    torch.manual_seed(5)
    parts = [nn.Conv2d(8, 8, 1), nn.Linear(16, 6), nn.Linear(6, 6), nn.Linear(6, 1)]
    expected = [tensor for part in parts for tensor in (part.weight, part.bias)]
    names = [
        f"{part}.{kind}"
        for part in ("projection.0", *(f"discriminator.layers.{i}" for i in (0, 2, 4)))
        for kind in ("weight", "bias")
    ]
    state = loss.state_dict()
    assert [name for name in state if not name.startswith("projection.1.")] == names
    assert all(torch.equal(state[name], tensor) for name, tensor in zip(names, expected, strict=True))


@pytest.mark.parametrize(("name", "value"), [("pairs", "all"), ("bound", "nwj")])
def test_options_are_checked(name, value):
    with pytest.raises(ValueError, match=f"{name} must be one of .*, got {value!r}"):
        MutualInformationLoss(8, **{name: value})


def test_the_largest_value_knows_no_confidence():
    with pytest.raises(ValueError, match="confident must be False where pooling is 'max', got True"):
        MutualInformationLoss(8, pooling="max", confident=True)
