"""Target supports, source queries: values by hand, who learns, and that the loss cannot look away from the target."""

from __future__ import annotations

import math

import pytest
import torch
from domain_batches import domain, unet_domains
from torch import nn

from mani_monai.losses import DomainBatch, TargetSupportsLoss
from mani_monai.losses.class_pixels import ClassPixels


class Teacher(nn.Module):
    """Is sure of nuclei where the first channel of an image is above a half."""

    def forward(self, image):
        nuclei = (image[:, :1] - 0.5) * 40
        return torch.cat([-nuclei, nuclei], dim=1)


def two_classes(vectors: torch.Tensor, seed: int = 0, turned: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Features of an image whose left half is background and right half nuclei, with a little noise, and its mask."""
    generator = torch.Generator().manual_seed(seed)
    nuclei = torch.zeros(2, 1, 12, 12)
    nuclei[..., 6:] = 1
    classes = (1 - nuclei if turned else nuclei)[:, 0].long()
    features = vectors[classes].permute(0, 3, 1, 2) + 0.05 * torch.randn(
        2, vectors.shape[1], 12, 12, generator=generator
    )
    return features, nuclei


def pair(source_vectors, target_vectors, turned=False) -> tuple[DomainBatch, DomainBatch]:
    source = domain(*two_classes(source_vectors), labelled=True)
    features, nuclei = two_classes(target_vectors, 1, turned)
    image = nuclei.repeat(1, 3, 1, 1)
    logits = torch.cat([1 - nuclei, nuclei], dim=1)
    return source, DomainBatch(image, logits, features, logits)


def identity_loss(**options) -> TargetSupportsLoss:
    loss = TargetSupportsLoss(4, Teacher(), dimensions=4, **options)
    with torch.no_grad():
        loss.projection.weight.copy_(torch.eye(4)[:, :, None, None])
    return loss


CLASSES = torch.tensor([[1.0, 0, 0, 0], [0, 1.0, 0, 0]])


def test_cross_entropy_by_hand():
    """One background pixel on its prototype, one nuclei pixel half-way: log(1 + e^-10) and ln 2, averaged by class."""
    features = torch.tensor([[1.0, 0, 0, 0], [math.sqrt(0.5), math.sqrt(0.5), 0, 0]])
    value = identity_loss().cross_entropy(ClassPixels(features, torch.tensor([0, 1])), CLASSES)
    assert value.item() == pytest.approx((math.log1p(math.exp(-10)) + math.log(2)) / 2, abs=1e-6)


def test_classes_count_alike_however_many_pixels_they_have():
    features = torch.tensor([[1.0, 0, 0, 0]] * 9 + [[1.0, 0, 0, 0]])
    value = identity_loss().cross_entropy(ClassPixels(features, torch.tensor([0] * 9 + [1])), CLASSES)
    assert value.item() == pytest.approx((math.log1p(math.exp(-10)) + math.log1p(math.exp(10))) / 2, abs=1e-5)


def test_it_cannot_look_away_from_the_target():
    """Own prototypes: near 0. Classes exchanged in the target, or both in one place: dearer by far."""
    torch.manual_seed(0)
    own = identity_loss()(*pair(CLASSES, CLASSES)).item()
    exchanged = identity_loss()(*pair(CLASSES, CLASSES, turned=True)).item()
    foreign = identity_loss()(*pair(CLASSES, torch.tensor([[0, 0, 1.0, 0], [0, 0, 0.9, 0.1]]))).item()
    assert own < 0.02
    assert exchanged > 5
    assert foreign > own + 0.5


def test_the_teacher_sees_the_clean_image():
    source, target = pair(CLASSES, CLASSES)
    perturbed = DomainBatch(
        torch.zeros_like(target.image), target.logits, target.features, target.logits, unperturbed=target.image
    )
    torch.manual_seed(0)
    clean = identity_loss()(source, target)
    torch.manual_seed(0)
    torch.testing.assert_close(identity_loss()(source, perturbed), clean)


@pytest.mark.parametrize("detached", [None, "source", "target"])
def test_gradients_reach_both_domains_and_never_the_teacher(detached):
    teacher, *_ = unet_domains(None)
    network, source, target = unet_domains(detached)
    loss = TargetSupportsLoss(4, teacher, confidence=0.5, border=0)
    loss(source, target).backward()
    assert all(p.grad is None for p in teacher.parameters())
    assert loss.projection.weight.grad.abs().sum() > 0
    assert network.conv_0.conv_0.conv.weight.grad.abs().sum() > 0
    assert network.final_conv.weight.grad is None, "it acts on features; the head learns from labels"


def test_memory_holds_a_class_that_a_batch_lacks():
    loss = identity_loss()
    source, target = pair(CLASSES, CLASSES)
    loss(source, target)
    assert loss.filled.all()
    before = loss.means.clone()
    empty = DomainBatch(torch.zeros_like(target.image), target.logits, target.features, target.logits)
    value = loss(source, empty)
    assert torch.isfinite(value)
    torch.testing.assert_close(loss.means[1, 1], before[1, 1])
    assert not torch.equal(loss.means[1, 0], before[1, 0])
    torch.testing.assert_close(loss.means.norm(dim=2), torch.ones(2, 2))


def test_without_any_prototype_of_a_class_the_term_is_left_out():
    source, target = pair(CLASSES, CLASSES)
    empty = DomainBatch(torch.zeros_like(target.image), target.logits, target.features.requires_grad_(), target.logits)
    loss = identity_loss()
    value = loss(source, empty)
    value.backward()
    alone = loss.cross_entropy(loss.target_pixels(empty), loss.means[0])
    assert value.item() == pytest.approx(alone.item(), abs=1e-2)


def test_the_memory_is_saved():
    loss = identity_loss()
    loss(*pair(CLASSES, CLASSES))
    other = identity_loss()
    other.load_state_dict(loss.state_dict())
    torch.testing.assert_close(other.means, loss.means)
    assert other.filled.all()


@pytest.mark.parametrize(
    ("options", "message"),
    [({"temperature": 0}, "temperature"), ({"blend": 1.0}, "blend"), ({"confidence": 0.4}, "confidence")],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        TargetSupportsLoss(4, Teacher(), **options)
