"""Paul-style weak labels by hand, for where their gradients go and on two domains that differ."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from mani_monai.losses import DomainBatch, WeakLabelLoss
from mani_monai.losses.weak_labels import class_features, image_scores, make_discriminator, mean_cross_entropy

CHANNELS = 5


def domain(logits: torch.Tensor, features: torch.Tensor, label: torch.Tensor | None = None) -> DomainBatch:
    return DomainBatch(torch.zeros(len(logits), 3, *logits.shape[2:]), logits, features, logits, label=label)


def random_pair(seed: int = 0) -> tuple[DomainBatch, DomainBatch]:
    """Leaves that take gradients; three images a domain, both classes in each."""
    torch.manual_seed(seed)
    logits, features = torch.randn(2, 3, 2, 6, 7), torch.rand(2, 3, CHANNELS, 6, 7)
    leaves = [tensor.requires_grad_() for tensor in (*logits.unbind(), *features.unbind())]
    label = (torch.rand(3, 1, 6, 7) > 0.5).float()
    return domain(leaves[0], leaves[2], label), domain(leaves[1], leaves[3])


def sigmoid(value: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-value))


def test_image_scores_by_hand():
    """Two pixels of 0 and ln 3: the mean of their exponentials is 2."""
    logits = torch.tensor([[[[0.0, 0.0]], [[0.0, math.log(3)]]]])
    assert image_scores(logits).tolist() == [[0, pytest.approx(np.log(2))]]
    peak = torch.zeros(1, 2, 10, 10)
    peak[0, 1, 4, 4] = 50
    assert image_scores(peak)[0, 1].item() == pytest.approx(50 - np.log(100), abs=1e-4)


def test_class_features_by_hand():
    """Attention of a class of logits 0 and ln 3 is a quarter and three quarters."""
    logits = torch.tensor([[[[0.0, 0.0]], [[0.0, math.log(3)]]]])
    features = torch.tensor([[[[4.0, 8.0]], [[1.0, -1.0]], [[0.0, 2.0]]]])
    torch.testing.assert_close(class_features(logits, features), torch.tensor([[[6.0, 0.0, 1.0], [7.0, -0.5, 1.5]]]))


def test_present_classes_alone_count():
    scores = torch.tensor([[0.0, 2.0], [-1.0, 5.0]])
    present = torch.tensor([[1.0, 1.0], [1.0, 0.0]])
    expected = -np.log(sigmoid(np.array([0.0, 2.0, -1.0]))).mean()
    assert mean_cross_entropy(scores, 1.0, present).item() == pytest.approx(expected)
    assert mean_cross_entropy(scores, 0.0, torch.zeros(2, 2)).item() == 0


def test_the_discriminator_is_f_f_f_1():
    layers = list(make_discriminator(7))
    assert [tuple(layer.weight.shape) for layer in layers if isinstance(layer, nn.Linear)] == [(7, 7), (7, 7), (1, 7)]
    assert [type(layer) for layer in layers[1::2]] == [nn.ReLU, nn.ReLU]


def by_hand(loss: WeakLabelLoss, source: DomainBatch, target: DomainBatch) -> dict[str, float]:
    """The three terms in numpy, image by image and class by class; without dropout."""
    weak, fooling, of_source, of_target = [], [], [], []
    for index in range(len(target.logits)):
        for class_index in range(2):
            score = {}
            for name, batch in (("source", source), ("target", target)):
                logits = batch.logits[index, class_index].detach().double().numpy()
                attention = np.exp(logits) / np.exp(logits).sum()
                vector = (attention * batch.features[index].detach().double().numpy()).sum(axis=(1, 2))
                score[name] = loss.discriminators[class_index].double()(torch.tensor(vector)).item()
            logits = target.logits[index, class_index].detach().double().numpy()
            p = sigmoid(np.log(np.exp(logits).mean()))
            present = p > loss.threshold
            weak.append(-np.log(p if present else 1 - p))
            if present:
                fooling.append(-np.log(sigmoid(score["target"])))
                of_target.append(-np.log(1 - sigmoid(score["target"])))
            if (source.label[index, 0] == class_index).any():
                of_source.append(-np.log(sigmoid(score["source"])))
    loss.float()
    discrimination = (np.mean(of_source or [0]) + np.mean(of_target or [0])) / 2
    return {"weak": np.mean(weak), "fooling": np.mean(fooling or [0]), "discrimination": discrimination}


@pytest.mark.parametrize(("weak", "alignment"), [(0.01, 0.001), (2.0, 0.0), (0.0, 3.0)])
@pytest.mark.parametrize("nuclei", ["everywhere", "not in target image 0", "not in source image 1", "nowhere"])
def test_value_by_hand(nuclei, weak, alignment):
    source, target = random_pair()
    with torch.no_grad():
        if nuclei in {"not in target image 0", "nowhere"}:
            target.logits[0 if nuclei != "nowhere" else slice(None), 1] -= 4
        if nuclei in {"not in source image 1", "nowhere"}:
            source.label[1 if nuclei != "nowhere" else slice(None)] = 0
    loss = WeakLabelLoss(CHANNELS, weak_weight=weak, alignment_weight=alignment, dropout=0)
    terms = by_hand(loss, source, target)
    expected = weak * terms["weak"] + alignment * terms["fooling"] + terms["discrimination"]
    assert loss(source, target).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("score", "threshold", "there"), [(0.19, 0.2, False), (0.21, 0.2, True), (0.21, 0.4, False)])
def test_what_is_taken_to_be_there(score, threshold, there):
    """A class above the threshold is pushed up, another down."""
    source, target = random_pair()
    logits = torch.full_like(target.logits, math.log(score / (1 - score))).requires_grad_()
    loss = WeakLabelLoss(CHANNELS, weak_weight=1, threshold=threshold, dropout=0)
    loss(source, domain(logits, target.features)).backward()
    assert ((logits.grad < 0) == there).all()
    assert logits.grad.all()


def test_dropout_is_of_the_scores_and_not_of_the_labels():
    """With a tenth of the logits gone the value moves, but not what is taken to be there."""
    source, target = random_pair()
    weak = WeakLabelLoss(CHANNELS, weak_weight=1, alignment_weight=0)
    whole = WeakLabelLoss(CHANNELS, weak_weight=1, alignment_weight=0, dropout=0)
    whole.load_state_dict(weak.state_dict())
    torch.manual_seed(3)
    kept = torch.nn.functional.dropout(target.logits, 0.1).detach()
    torch.manual_seed(3)
    moved = weak(source, target).item() - whole(source, target).item()
    labels = (image_scores(target.logits).sigmoid() > 0.2).float()
    values = [
        torch.nn.functional.binary_cross_entropy_with_logits(image_scores(logits), labels).item()
        for logits in (kept, target.logits)
    ]
    assert moved == pytest.approx(values[0] - values[1], abs=1e-5)
    assert moved != pytest.approx(0, abs=1e-4)


def gradients(weak: float, alignment: float) -> dict[str, torch.Tensor | None]:
    source, target = random_pair()
    torch.manual_seed(1)
    loss = WeakLabelLoss(CHANNELS, weak_weight=weak, alignment_weight=alignment)
    loss(source, target).backward()
    batches = {"source": source, "target": target}
    taken = {
        f"{name} {part}": getattr(batch, part).grad
        for name, batch in batches.items()
        for part in ("logits", "features")
    }
    return {**taken, **{name: parameter.grad for name, parameter in loss.named_parameters()}}


def test_who_receives_a_gradient():
    """Target features and discriminators; target logits from the weak labels; nothing of the source."""
    taken = gradients(weak=0.0, alignment=1.0)
    assert taken["source logits"] is None
    assert taken["source features"] is None
    assert taken["target features"].any()
    assert not taken["target logits"].any(), "attention is detached"
    assert all(value.any() for name, value in taken.items() if name.startswith("discriminators"))
    assert gradients(weak=1.0, alignment=0.0)["target logits"].any()


def test_the_target_features_learn_nothing_from_the_discriminators_own_term():
    assert not gradients(weak=1.0, alignment=0.0)["target features"].any()


def test_the_discriminators_learn_from_their_own_term_alone():
    """Fooling pulls at them in the other direction: whatever its weight, their gradient is the same."""
    without, with_fooling = (gradients(weak=0.0, alignment=weight) for weight in (0.0, 100.0))
    for name in (name for name in without if name.startswith("discriminators")):
        assert torch.equal(without[name], with_fooling[name]), name
    loss = WeakLabelLoss(CHANNELS)
    loss(*random_pair())
    assert all(parameter.requires_grad for parameter in loss.parameters()), "it is left switched off"


def test_fooling_makes_the_target_look_like_the_source():
    """One step against the gradient raises the score of the target, which is high for source."""
    source, target = random_pair()
    loss = WeakLabelLoss(CHANNELS, weak_weight=0, alignment_weight=1)
    loss(source, target).backward()
    moved = target.features.detach() - 10 * target.features.grad
    before, after = (
        loss.discriminators(class_features(target.logits, features)) for features in (target.features, moved)
    )
    assert (after > before).all()


def test_classes_have_a_discriminator_each():
    loss = WeakLabelLoss(CHANNELS)
    vectors = torch.rand(3, 2, CHANNELS)
    scores = loss.discriminators(vectors)
    assert scores.shape == (3, 2)
    for class_index in range(2):
        expected = loss.discriminators[class_index](vectors[:, class_index])
        torch.testing.assert_close(scores[:, [class_index]], expected)


@pytest.mark.parametrize(("alignment", "left"), [(1.0, 0.3), (0.0, 1.0)])
def test_two_domains_come_closer(alignment, left):
    """The target's features are the source's but for a shift, which is all that can be learned."""
    torch.manual_seed(0)
    shift = nn.Parameter(torch.tensor([2.0, -2.0] * 4))
    loss = WeakLabelLoss(8, weak_weight=0, alignment_weight=alignment)
    optimizer = torch.optim.Adam([shift, *loss.parameters()], lr=0.01)
    of_class, distances = torch.randn(2, 8), []
    for _ in range(300):
        label = (torch.rand(4, 1, 8, 8) > 0.6).float()
        logits = 4 * torch.cat([1 - label, label], dim=1)
        clean = [torch.einsum("bchw,ck->bkhw", logits / 4, of_class) + 0.3 * torch.randn(4, 8, 8, 8) for _ in range(2)]
        source, target = domain(logits, clean[0], label), domain(logits, clean[1] + shift[:, None, None])
        optimizer.zero_grad()
        loss(source, target).backward()
        optimizer.step()
        distances.append(shift.detach().norm().item())
    remaining = np.mean(distances[-100:]) / 32**0.5
    assert remaining <= left if alignment else remaining == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weight", -1.0),
        ("weak_weight", -0.01),
        ("alignment_weight", -0.001),
        ("threshold", 0.0),
        ("threshold", 1.0),
        ("dropout", 1.0),
        ("dropout", -0.1),
    ],
)
def test_options_are_checked(name, value):
    with pytest.raises(ValueError, match=f"{name} must be .*got {value}"):
        WeakLabelLoss(CHANNELS, **{name: value})
