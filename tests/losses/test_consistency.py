"""Consistency losses by hand: what is compared, who learns, what stays as it was, and that they help."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from functools import partial

import pytest
import torch
from monai.inferers import SimpleInferer
from torch import nn
from torch.nn.functional import cross_entropy

from mani_monai.losses import ConsistencyLoss, DomainBatch, MaskedConsistencyLoss
from mani_monai.transforms import BlockMask, NoisePerturbation, Symmetry

MASKED = partial(MaskedConsistencyLoss, confidence=0.0)
"""By default no pixel of these networks is sure: all terms would be 0, and equal."""
BOTH = [ConsistencyLoss, MASKED]


def network(seed: int = 0) -> nn.Sequential:
    """3x3 convolutions, so that a turned image has another answer than the turned answer."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 3, padding=1))


def domain(seed: int = 0, height: int = 8, width: int = 8) -> DomainBatch:
    image = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(seed))
    logits = torch.zeros(2, 2, height, width)
    return DomainBatch(image, logits, image, logits)


def state(module: nn.Module) -> dict:
    modes = {name: (part.training, getattr(part, "track_running_stats", None)) for name, part in module.named_modules()}
    return {"modes": modes, **{name: value.clone() for name, value in module.state_dict().items()}}


def same(one: dict, other: dict) -> bool:
    return one["modes"] == other["modes"] and all(torch.equal(one[key], other[key]) for key in one if key != "modes")


# values


def test_squared_error_by_hand():
    """Nuclei probabilities .5 and .75 against .9 and .2; background's errors are the same."""
    loss = ConsistencyLoss(network())
    logits = torch.tensor([0.0, torch.log(torch.tensor(3.0))]).view(1, 1, 1, 2)
    logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
    nuclei = torch.tensor([0.9, 0.2]).view(1, 1, 1, 2)
    value = loss.compare(logits, torch.cat([1 - nuclei, nuclei], dim=1))
    assert value.item() == pytest.approx((0.4**2 + 0.55**2) / 2, abs=1e-6)


@pytest.mark.parametrize(("confidence", "fraction"), [(0.5, 1.0), (0.85, 0.75), (0.968, 0.25), (0.99, 0.0)])
def test_hard_labels_by_hand(confidence, fraction):
    """One weight for all pixels: the fraction with a sure teacher; unsure pixels count by it too."""
    nuclei = torch.tensor([[0.9, 0.2], [0.98, 0.1]]).view(1, 1, 2, 2)
    logits = torch.randn(1, 2, 2, 2, generator=torch.Generator().manual_seed(0))
    label = torch.tensor([[[1, 0], [1, 0]]])
    value = MaskedConsistencyLoss(network(), confidence=confidence).compare(logits, torch.cat([1 - nuclei, nuclei], 1))
    assert value.item() == pytest.approx(fraction * cross_entropy(logits, label).item(), abs=1e-6)


@pytest.mark.parametrize("batch_statistics", [True, False])
def test_teacher_on_the_clean_image_against_student_on_the_perturbed_one(batch_statistics):
    student, teacher, target = network(0), network(1), domain()
    teacher[1].running_mean += 0.3
    value = ConsistencyLoss(
        teacher, [lambda x: 0.5 * x, lambda x: x + 0.1], rotate=False, batch_statistics=batch_statistics
    )(None, target, student)
    with torch.no_grad():
        expected = deepcopy(teacher).train(batch_statistics)(target.image).softmax(1)
        answer = deepcopy(student)(0.5 * target.image + 0.1).softmax(1)
    assert value.item() == pytest.approx((answer - expected).square().mean().item(), abs=1e-7)


@pytest.mark.parametrize("loss", BOTH)
def test_images_are_compared_as_they_were_before_the_networks_own_pass_perturbed_them(loss):
    clean, values = domain(), []
    perturbed = replace(clean, image=1 - clean.image, unperturbed=clean.image)
    for target in (clean, perturbed):
        torch.manual_seed(0)
        values.append(loss(network(1))(None, target, network(0)).item())
    assert values[0] == values[1]


@pytest.mark.parametrize("symmetry", [Symmetry(1, False), Symmetry(3, True), Symmetry(2, False)])
def test_the_answer_is_turned_back(monkeypatch, symmetry):
    monkeypatch.setattr(Symmetry, "random", classmethod(lambda cls, height, width: symmetry))
    student, teacher, target = network(0), network(1), domain()
    value = ConsistencyLoss(teacher)(None, target, student)
    with torch.no_grad():
        expected = deepcopy(teacher)(target.image).softmax(1)
        answer = symmetry.undo(deepcopy(student)(symmetry.apply(target.image)).softmax(1))
        not_turned = deepcopy(student)(target.image).softmax(1)
    assert value.item() == pytest.approx((answer - expected).square().mean().item(), abs=1e-7)
    assert value.item() != pytest.approx((not_turned - expected).square().mean().item(), abs=1e-5)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (8, 12)])
def test_zero_where_turning_makes_no_difference(height, width):
    """A student of 1x1 convolutions that equals its teacher; one that is not turned back would differ."""
    torch.manual_seed(0)
    student = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))
    for _ in range(6):
        value = ConsistencyLoss(deepcopy(student))(None, domain(0, height, width), student)
        assert value.item() == pytest.approx(0, abs=1e-10)


def test_source_images_too_on_demand():
    student, teacher, source, target = network(0), network(1), domain(1), domain(2)
    on_one = [ConsistencyLoss(teacher, rotate=False)(None, batch, student).item() for batch in (source, target)]
    both = ConsistencyLoss(teacher, rotate=False, source=True)(source, target, student)
    assert both.item() == pytest.approx(sum(on_one) / 2, abs=1e-7)
    assert on_one[0] != pytest.approx(on_one[1], abs=1e-6)


@pytest.mark.parametrize("loss", BOTH)
def test_branch_of_a_network_with_several(loss):
    class Branches(nn.Module):
        def __init__(self, part: nn.Module) -> None:
            super().__init__()
            self.part = part

        def forward(self, images):
            return {"hv": images, "nucleus_prediction": self.part(images)}

    values = []
    for wrap, branch in ((nn.Identity, None), (Branches, "nucleus_prediction")):
        wrapped = [nn.Sequential(part) if wrap is nn.Identity else wrap(part) for part in (network(0), network(1))]
        torch.manual_seed(3)
        values.append(loss(wrapped[1], [NoisePerturbation()], branch=branch)(None, domain(), wrapped[0]).item())
    assert values[0] == values[1]


@pytest.mark.parametrize("loss", BOTH)
def test_both_networks_run_through_the_inferer(loss):
    class Recording(SimpleInferer):
        def __init__(self):
            super().__init__()
            self.seen = []

        def __call__(self, inputs, network, *args, **kwargs):
            self.seen.append(network)
            return super().__call__(inputs, network)

    student, teacher, inferer = network(0), network(1), Recording()
    loss(teacher, inferer=inferer)(None, domain(), student)
    assert [id(one) for one in inferer.seen] == [id(teacher), id(student)]


# who learns, what stays


@pytest.mark.parametrize("loss", BOTH)
@pytest.mark.parametrize("mode", [True, False])
@pytest.mark.parametrize("batch_statistics", [True, False])
def test_the_student_learns_and_the_teacher_never_moves(loss, mode, batch_statistics):
    student, teacher = network(0), network(1).train(mode)
    term = loss(teacher, [BlockMask(0.3, 2)], batch_statistics=batch_statistics, **sure(loss))
    optimizer = torch.optim.SGD([*student.parameters(), *term.parameters()], lr=0.1, weight_decay=0.1)
    before, of_student = state(teacher), state(student)
    value = term(None, domain(), student)
    assert same(state(student), of_student), "its running statistics are those of images as they are"
    value.backward()
    optimizer.step()
    assert same(state(teacher), before)
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in teacher.parameters())
    assert all(parameter.grad.any() for name, parameter in student.named_parameters() if name != "0.bias")


def sure(loss) -> dict[str, float]:
    return {"confidence": 0.5} if loss is MaskedConsistencyLoss else {}


def test_the_teachers_answer_is_a_constant():
    """What reaches the images is the student's gradient alone."""
    student, teacher, target = network(0), network(1), domain()
    target.image.requires_grad_()
    (gradient,) = torch.autograd.grad(ConsistencyLoss(teacher, rotate=False)(None, target, student), target.image)
    with torch.no_grad():
        constant = deepcopy(teacher)(target.image).softmax(1)
    expected = (deepcopy(student)(target.image).softmax(1) - constant).square().mean()
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, target.image)[0])


@pytest.mark.parametrize("loss", BOTH)
def test_the_teacher_is_saved_with_the_loss(loss):
    teacher = network(1)
    assert set(loss(teacher).state_dict()) == {f"teacher.{name}" for name in teacher.state_dict()}


@pytest.mark.parametrize(
    ("loss", "name", "value"), [(ConsistencyLoss, "weight", -1), (MaskedConsistencyLoss, "confidence", 1.5)]
)
def test_options_are_checked(loss, name, value):
    with pytest.raises(ValueError, match=f"{name} must be .*got {value}"):
        loss(network(), **{name: value})


@pytest.mark.parametrize("loss", BOTH)
def test_the_global_generator_decides(loss):
    student, teacher = network(0), network(1)
    term = loss(teacher, [NoisePerturbation()], **sure(loss))
    values = []
    for seed in (4, 4, 5):
        torch.manual_seed(seed)
        values.append(term(None, domain(), student).item())
    assert values[0] == values[1] != values[2]


# it helps where it should


def toy(domain: str, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels whose first channel tells a little of the class in both domains, the second all of it in the source and
    nothing in the target."""
    generator = torch.Generator().manual_seed(seed)
    label = (torch.rand(4, 1, 16, 16, generator=generator) > 0.5).long()
    sign = 2.0 * label - 1
    noise = torch.randn(4, 3, 16, 16, generator=generator)
    second = sign if domain == "source" else noise[:, 1:2]
    return torch.cat([sign + 0.7 * noise[:, :1], second, 0 * sign], dim=1), label


def blur_second_channel(images: torch.Tensor) -> torch.Tensor:
    return images + torch.tensor([0.0, 2.0, 0.0]).view(3, 1, 1) * torch.randn_like(images)


def accuracy(weight: float, loss) -> float:
    """On the target, of the teacher after a short training on both domains."""
    torch.manual_seed(0)
    student = nn.Conv2d(3, 2, 1)
    teacher = deepcopy(student)
    term = loss(teacher, [blur_second_channel], **({"confidence": 0.8} if loss is MaskedConsistencyLoss else {}))
    optimizer = torch.optim.Adam(student.parameters(), lr=0.05)
    for step in range(150):
        images, label = toy("source", step)
        target = toy("target", 1000 + step)[0]
        logits = student(target)
        value = cross_entropy(student(images), label[:, 0])
        value = value + weight * term(None, DomainBatch(target, logits, target, logits), student)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        with torch.no_grad():
            for averaged, parameter in zip(teacher.parameters(), student.parameters(), strict=True):
                averaged.lerp_(parameter, 0.05)
    images, label = toy("target", 5000)
    with torch.no_grad():
        return (teacher(images).argmax(1, keepdim=True) == label).float().mean().item()


@pytest.mark.parametrize(("loss", "weight"), [(ConsistencyLoss, 10.0), (MaskedConsistencyLoss, 3.0)])
def test_what_the_perturbation_changes_is_relied_on_less(loss, weight):
    without, with_it = accuracy(0.0, loss), accuracy(weight, loss)
    assert without < 0.75
    assert with_it > 0.85
