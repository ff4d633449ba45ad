"""Yang-style pseudo-labels by hand, for where their gradient goes, what the teacher never does, and on two domains."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from monai.inferers import SimpleInferer
from skimage.draw import disk
from tiny_hovernet import TinyHoVerNet
from torch import nn

from mani_monai.losses import CyclicPseudoLabelLoss, DomainBatch
from mani_monai.losses.pseudo_labels import confident_labels, instance_offsets
from mani_monai.transforms import hover_maps

BRANCHES = {"branch": "nucleus_prediction", "hover_branch": "horizontal_vertical"}
SIZE = 48


class Answer(nn.Module):
    """A teacher that says the same of every image."""

    def __init__(self, answer: torch.Tensor | dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, image: torch.Tensor) -> torch.Tensor | dict[str, torch.Tensor]:
        return self.answer


def logits_of(probability: torch.Tensor) -> torch.Tensor:
    """B2HW logits of a BHW probability of nuclei."""
    return torch.stack([(1 - probability).log(), probability.log()], dim=1)


def domain(logits: torch.Tensor, prediction: object = None, image: torch.Tensor | None = None) -> DomainBatch:
    image = torch.zeros(len(logits), 3, *logits.shape[2:]) if image is None else image
    return DomainBatch(image, logits, logits, logits if prediction is None else prediction)


def nuclei(*centres: tuple[int, int], radius: int = 6) -> np.ndarray:
    """Instances, a disc at each centre."""
    instances = np.zeros((SIZE, SIZE), dtype=int)
    for number, centre in enumerate(centres, 1):
        instances[disk(centre, radius, shape=instances.shape)] = number
    return instances


def test_certain_labels_by_hand():
    probability = torch.tensor([[[0.0, 0.09, 0.11, 0.5], [0.89, 0.91, 1.0, 0.7]]])
    assert confident_labels(probability, 0.9).tolist() == [[[0, 0, -1, -1], [-1, 1, 1, -1]]]
    assert confident_labels(probability, 0.6).tolist() == [[[0, 0, 0, -1], [1, 1, 1, 1]]]


def test_offsets_are_those_of_the_instances():
    """Touching nuclei are parted by blurred distances, and each gets the offsets of a nucleus of its own."""
    instances = nuclei((20, 15), (20, 27), (36, 30))
    probability = torch.tensor(np.where(instances > 0, 0.95, 0.02))[None].float()
    blurred = torch.tensor(hover_maps(instances))[None] * 0.7
    offsets, inside = instance_offsets(probability, blurred)
    assert torch.equal(inside[0], torch.tensor(instances > 0))
    np.testing.assert_allclose(offsets[0], hover_maps(instances), atol=0.2)
    assert (np.abs(offsets[0].numpy() - hover_maps(instances)) < 1e-6).mean() > 0.98
    assert offsets.abs().max() == 1


def test_instances_at_the_edge_are_left_out():
    instances = nuclei((3, 20), (30, 30), (30, 44))
    probability = torch.tensor(instances > 0)[None].float()
    offsets, inside = instance_offsets(probability, torch.tensor(hover_maps(instances))[None])
    assert torch.equal(inside[0], torch.tensor(instances == 2))
    assert not offsets[:, :, ~inside[0]].any()


def test_every_image_has_offsets_of_its_own():
    instances = [nuclei((20, 20)), nuclei((25, 12), (30, 33)), nuclei()]
    probability = torch.tensor(np.stack(instances) > 0).float()
    offsets, inside = instance_offsets(probability, torch.tensor(np.stack([hover_maps(image) for image in instances])))
    for index, image in enumerate(instances):
        assert torch.equal(inside[index], torch.tensor(image > 0))
        np.testing.assert_array_equal(offsets[index], hover_maps(image))


def test_cross_entropy_by_hand():
    probability = torch.tensor([[[0.95, 0.5], [0.05, 0.8]]])
    target = domain(logits_of(torch.tensor([[[0.7, 0.3], [0.4, 0.9]]])))
    loss = CyclicPseudoLabelLoss(Answer(logits_of(probability)))
    assert loss(None, target).item() == pytest.approx(-(np.log(0.7) + np.log(0.6)) / 2, abs=1e-6)
    loss.threshold = 0.7
    assert loss(None, target).item() == pytest.approx(-(np.log(0.7) + np.log(0.6) + np.log(0.9)) / 3, abs=1e-6)


def hover_case() -> tuple[CyclicPseudoLabelLoss, DomainBatch, np.ndarray, np.ndarray]:
    """One nucleus inside, one at the edge, a doubtful rim; and which of it is background, which the inner nucleus."""
    instances, rng = nuclei((24, 24), (24, 45)), np.random.default_rng(0)
    probability = np.where(instances > 0, 0.95, 0.02)
    probability[20:29, 24] = 0.6  # in doubt, through the inner nucleus
    probability[5, 3:9] = 0.3  # and in the background
    answer = {
        "nucleus_prediction": logits_of(torch.tensor(probability)[None].float()),
        "horizontal_vertical": torch.tensor(hover_maps(instances))[None],
    }
    doubtful = (probability > 0.1) & (probability < 0.9)
    prediction = {
        "nucleus_prediction": torch.tensor(rng.standard_normal((1, 2, SIZE, SIZE))).float().requires_grad_(),
        "horizontal_vertical": torch.tensor(rng.standard_normal((1, 2, SIZE, SIZE))).float().requires_grad_(),
    }
    loss = CyclicPseudoLabelLoss(Answer(answer), **BRANCHES, hover_weight=3.0)
    target = domain(prediction["nucleus_prediction"], prediction)
    return loss, target, (instances == 0) & ~doubtful, (instances == 1) & ~doubtful


def test_distances_by_hand():
    """Mean squared error over certain background (0 there) and the certain part of the inner nucleus."""
    loss, target, background, inner = hover_case()
    probability = loss.teacher.answer["nucleus_prediction"].softmax(dim=1)[:, 1]
    offsets = instance_offsets(probability, loss.teacher.answer["horizontal_vertical"])[0][0].numpy()
    assert np.abs(offsets[:, inner]).max() == 1
    predicted = target.prediction["horizontal_vertical"][0].detach().numpy()
    squares = np.concatenate([(predicted - offsets)[:, inner].ravel() ** 2, predicted[:, background].ravel() ** 2])
    value = loss(None, target).item()
    loss.hover_branch = None
    assert value - loss(None, target).item() == pytest.approx(3 * squares.mean(), rel=1e-4)


def test_where_the_gradient_goes():
    """Certain pixels alone; distances neither of the nucleus at the edge nor in doubt."""
    loss, target, background, inner = hover_case()
    loss(None, target).backward()
    reached = {name: value.grad[0].abs().amax(dim=0).numpy() > 0 for name, value in target.prediction.items()}
    labelled = loss.label(target.image).nuclei[0].numpy() >= 0
    assert 0 < labelled.mean() < 1
    np.testing.assert_array_equal(reached["nucleus_prediction"], labelled)
    np.testing.assert_array_equal(reached["horizontal_vertical"], background | inner)


@pytest.mark.parametrize("hover", [True, False])
def test_zero_that_can_be_differentiated_where_nothing_is_certain(hover):
    loss, target, *_ = hover_case()
    loss.teacher.answer["nucleus_prediction"] = torch.zeros(1, 2, SIZE, SIZE)
    loss.hover_branch = loss.hover_branch if hover else None
    value = loss(None, target)
    assert value.item() == 0
    value.backward()
    assert not target.prediction["nucleus_prediction"].grad.any()


def test_the_teacher_never_moves_by_the_loss():
    """No gradient, no batch statistics, no training mode, whoever asks for it; and it is in the checkpoint."""
    torch.manual_seed(0)
    network = TinyHoVerNet().train()
    loss = CyclicPseudoLabelLoss(deepcopy(network), **BRANCHES, threshold=0.5)
    before = deepcopy(loss.state_dict())
    assert {name for name in before if not name.startswith("teacher.")} == set()
    assert before.keys() == {f"teacher.{name}" for name in network.state_dict()}
    assert not any(module.training for module in loss.teacher.modules())
    assert not loss.eval().training
    nn.ModuleDict({"loss": loss}).train()
    assert loss.training
    optimizer = torch.optim.Adam([*network.parameters(), *loss.parameters()], lr=0.1)
    for _ in range(3):
        image = torch.rand(2, 3, 48, 48)
        prediction = network(image)
        loss(None, domain(prediction["nucleus_prediction"], prediction, image)).backward()
        optimizer.step()
    assert not any(module.training for module in loss.teacher.modules())
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in loss.teacher.parameters())
    assert all(torch.equal(value, before[name]) for name, value in loss.state_dict().items())
    assert any(parameter.grad.any() for parameter in network.bottleneck.parameters())
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_the_teacher_runs_through_the_inferer():
    class Halved(SimpleInferer):
        def __call__(self, inputs, network):
            return super().__call__(inputs / 2, network)

    teacher = nn.Conv2d(3, 2, 1)
    nn.init.constant_(teacher.weight[1], 1.0)
    image = torch.rand(1, 3, 8, 8)
    plain, halved = (CyclicPseudoLabelLoss(teacher, threshold=0.55, inferer=inferer) for inferer in (None, Halved()))
    assert torch.equal(halved.label(image).nuclei, plain.label(image / 2).nuclei)
    assert not torch.equal(halved.label(image).nuclei, plain.label(image).nuclei)


def test_the_teacher_labels_images_as_they_were_before_a_perturbation():
    teacher = nn.Conv2d(3, 2, 1)  # bright pixels are nuclei, so that an inverted image has the others
    teacher.load_state_dict(
        {"weight": torch.tensor([0.0, 4.0])[:, None, None, None].expand(2, 3, 1, 1), "bias": torch.tensor([0.0, -6.0])}
    )
    image, logits = torch.rand(1, 3, 8, 8), torch.randn(1, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    loss = CyclicPseudoLabelLoss(teacher, threshold=0.55)
    clean, perturbed = domain(logits, image=image), domain(logits, image=1 - image)
    assert loss(None, replace(perturbed, unperturbed=image)).item() == loss(None, clean).item()
    assert loss(None, perturbed).item() != loss(None, clean).item()


def target_batch(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images whose first channel tells nuclei poorly, which did on the source, and whose second tells them well."""
    label = (torch.rand(count, 12, 12) > 0.5).float()
    poor, well = (2 * label - 1 + spread * torch.randn(label.shape) for spread in (1.2, 0.2))
    return torch.stack([poor, well, torch.zeros_like(label)], dim=1), label


@pytest.mark.parametrize(("refreshed", "lowest", "highest"), [(True, 0.91, 1), (False, 0.83, 0.89)])
def test_it_learns_what_the_source_did_not_tell(refreshed, lowest, highest):
    """A network that knows the first channel alone learns from its sure answers to look at the second; in cycles of a
    refreshed teacher it learns more than from a first one, whose mistakes it learns too."""
    torch.manual_seed(0)
    network = nn.Conv2d(3, 2, 1)
    nn.init.zeros_(network.weight)
    nn.init.zeros_(network.bias)
    nn.init.ones_(network.weight.data[1, 0])
    loss = CyclicPseudoLabelLoss(deepcopy(network), threshold=0.8)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    image, label = target_batch(50)
    assert (network(image).argmax(dim=1) == label).float().mean() < 0.8
    for _ in range(3):
        if refreshed:
            loss.teacher.load_state_dict(network.state_dict())
        for _ in range(40):
            batch = target_batch(4)[0]
            optimizer.zero_grad()
            loss(None, domain(network(batch), image=batch)).backward()
            optimizer.step()
    assert lowest < (network(image).argmax(dim=1) == label).float().mean() < highest


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": 0.4}, "threshold must be .*got 0.4"),
        ({"threshold": 1.0}, "threshold must be .*got 1.0"),
        ({"hover_weight": -1.0}, "hover_weight must be .*got -1.0"),
        ({"weight": -1.0}, "weight must be .*got -1.0"),
        ({"hover_branch": "horizontal_vertical"}, "branch must be given .*got None"),
    ],
)
def test_options_are_checked(settings, message):
    with pytest.raises(ValueError, match=message):
        CyclicPseudoLabelLoss(nn.Conv2d(3, 2, 1), **settings)
