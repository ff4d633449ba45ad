"""The adaptation handler on a stock trainer: what losses are given, when, and what becomes of their terms."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import pytest
import torch
from ignite.engine import Events
from monai.engines import SupervisedTrainer
from monai.engines.utils import IterationEvents
from monai.inferers import SimpleInferer
from torch import nn

from mani_monai.handlers import AdaptationHandler
from mani_monai.losses import AdaptationLoss


class Network(nn.Module):
    """A convolution with BatchNorm, and a segmentation head."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.final_conv = nn.Conv2d(4, 2, 1)

    def forward(self, image):
        return self.final_conv(self.body(image))


class TwoBranches(Network):
    """The same with its output in a dictionary, beside another branch's."""

    def forward(self, image):
        features = self.body(image)
        return {"nucleus": self.final_conv(features), "map": features[:, :2]}


class Spy(AdaptationLoss):
    """A loss that keeps what it is given. Its value: how far apart the mean features of the domains are."""

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__(weight)
        self.scale = nn.Parameter(torch.ones(()))
        self.calls: list = []

    def forward(self, source, target, network):
        self.calls.append((source, target, network))
        return self.scale * (source.features.mean() - target.features.mean()).square()


def batch(seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    image, target_image = torch.rand(2, 2, 3, 8, 8, generator=generator)
    label = (torch.rand(2, 1, 8, 8, generator=generator) > 0.5).float()
    return {"image": image, "label": label, "target_image": target_image}


def make_trainer(
    handler: AdaptationHandler, network: nn.Module | None = None, batches: Sequence[dict] | None = None, **options
) -> SupervisedTrainer:
    """A stock trainer of three iterations an epoch, whose learning rate leaves the weights as they are."""
    torch.manual_seed(0)
    network = Network() if network is None else network
    options = {"loss_function": lambda logits, label: (logits[:, 1:] - label).square().mean(), **options}
    return SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=options.pop("max_epochs", 1),
        train_data_loader=[batch(seed) for seed in range(3)] if batches is None else batches,
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), lr=0),
        train_handlers=[handler],
        decollate=False,
        **options,
    )


def outputs_of(trainer: SupervisedTrainer) -> list[dict]:
    """Runs the trainer and gives its output of every iteration."""
    outputs = []
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: outputs.append(dict(engine.state.output)))
    trainer.run()
    return outputs


@pytest.mark.parametrize(
    ("warmup", "epoch_level", "active"),
    [
        (0, False, [1, 2, 3, 4, 5, 6]),
        (2, False, [3, 4, 5, 6]),
        (6, False, []),
        (0, True, [1, 2, 3, 4, 5, 6]),
        (1, True, [4, 5, 6]),
        (2, True, []),
    ],
)
def test_losses_act_after_the_warmup(warmup, epoch_level, active):
    losses = nn.ModuleDict({"spy": Spy()})
    trainer = make_trainer(AdaptationHandler(losses, "final_conv", warmup, epoch_level), max_epochs=2)
    outputs = outputs_of(trainer)
    assert [number for number, output in enumerate(outputs, start=1) if "spy" in output] == active
    assert len(losses["spy"].calls) == len(active)
    passes = 6 + len(active)
    assert trainer.network.body[1].num_batches_tracked == passes, "no target pass before the warm-up is over"


def test_terms_are_weighted_added_and_reported():
    losses = nn.ModuleDict({"light": Spy(0.5), "heavy": Spy(2.0)})
    outputs = outputs_of(make_trainer(AdaptationHandler(losses, "final_conv")))
    stock = outputs_of(make_trainer(AdaptationHandler(nn.ModuleDict(), "final_conv")))
    for output, alone in zip(outputs, stock, strict=True):
        assert output["light"] == output["heavy"] > 0
        assert output["segmentation"] == alone["loss"]
        torch.testing.assert_close(output["loss"], alone["loss"] + 2.5 * output["light"])
        assert output["empty_pairs"].shape == ()
        assert not any(output[name].requires_grad for name in ("light", "heavy", "segmentation", "empty_pairs"))
        assert set(output) == {"image", "label", "pred", "loss", "segmentation", "empty_pairs", "light", "heavy"}


def test_gradient_is_that_of_the_weighted_sum():
    losses = nn.ModuleDict({"spy": Spy(0.25)})
    trainer = make_trainer(AdaptationHandler(losses, "final_conv"), batches=[batch(0)])
    output = outputs_of(trainer)[0]
    torch.testing.assert_close(losses["spy"].scale.grad, 0.25 * output["spy"])


@pytest.mark.parametrize("network", [Network, TwoBranches])
def test_domains_hold_what_belongs_to_them(network):
    spy, network = Spy(), network()
    branch = "nucleus" if isinstance(network, TwoBranches) else None
    given = batch(0)
    # a label of the target in the batch is nobody's business
    given["target_label"] = torch.ones(2, 1, 8, 8)
    options = {}
    if branch:
        given["label"] = {"nucleus": given["label"], "map": torch.zeros(2, 2, 8, 8)}
        options["loss_function"] = lambda output, label: (output["nucleus"][:, 1:] - label["nucleus"]).square().mean()
        options["prepare_batch"] = lambda batch, *args, **kwargs: (batch["image"], batch["label"])
    handler = AdaptationHandler(nn.ModuleDict({"spy": spy}), "final_conv", branch=branch, taps=["body", "body.0"])
    make_trainer(handler, network, [given], **options).run()

    source, target, passed = spy.calls[0]
    assert passed is network
    assert torch.equal(source.image, given["image"])
    assert torch.equal(target.image, given["target_image"])
    assert torch.equal(source.label, given["label"]["nucleus"] if branch else given["label"])
    assert target.label is None
    for domain in (source, target):
        assert domain.logits is (domain.prediction[branch] if branch else domain.prediction)
        assert domain.features.shape == (2, 4, 8, 8)
        torch.testing.assert_close(network.final_conv(domain.features), domain.logits)
        torch.testing.assert_close(domain.taps["body"], domain.features)
        torch.testing.assert_close(domain.taps["body.0"], network.body[0](domain.image))
        assert set(domain.taps) == {"body", "body.0"}
        assert domain.features.requires_grad


def test_target_passes_the_trainers_inferer():
    class Keeper(SimpleInferer):
        def __init__(self):
            super().__init__()
            self.seen = []

        def __call__(self, inputs, network, *args, **kwargs):
            self.seen.append(inputs)
            return super().__call__(inputs, network, *args, **kwargs)

    inferer, given = Keeper(), batch(0)
    make_trainer(AdaptationHandler(nn.ModuleDict({"spy": Spy()}), "final_conv"), batches=[given], inferer=inferer).run()
    for seen, image in zip(inferer.seen, (given["image"], given["target_image"]), strict=True):
        assert torch.equal(seen, image)


def test_another_key_can_hold_the_target():
    given = batch(0)
    given["unlabelled"] = given.pop("target_image")
    spy = Spy()
    handler = AdaptationHandler(nn.ModuleDict({"spy": spy}), "final_conv", target_key="unlabelled")
    make_trainer(handler, batches=[given]).run()
    assert torch.equal(spy.calls[0][1].image, given["unlabelled"])


def test_empty_pairs_are_counted():
    class Predictor(Network):
        """Predicts nuclei where the red channel is above a half."""

        def forward(self, image):
            super().forward(image)
            return torch.cat([1 - image[:, :1], image[:, :1]], dim=1).requires_grad_()

    given = batch(0)
    given["label"][0] = 0
    handler = AdaptationHandler(nn.ModuleDict({"spy": Spy()}), "final_conv")
    assert outputs_of(make_trainer(handler, Predictor(), [given]))[0]["empty_pairs"] == 1
    given["target_image"][1] = 0
    assert outputs_of(make_trainer(handler, Predictor(), [given]))[0]["empty_pairs"] == 2
    given["label"][0] = batch(1)["label"][0]
    assert outputs_of(make_trainer(handler, Predictor(), [given]))[0]["empty_pairs"] == 1


def test_source_only_needs_no_target():
    given = batch(0)
    del given["target_image"]
    trainer = make_trainer(AdaptationHandler(nn.ModuleDict(), "final_conv"), batches=[given])
    output = outputs_of(trainer)[0]
    assert set(output) == {"image", "label", "pred", "loss"}
    assert trainer.network.body[1].num_batches_tracked == 1


def test_observed_target_moves_batch_statistics_alone():
    plain = make_trainer(AdaptationHandler(nn.ModuleDict(), "final_conv"))
    watched = make_trainer(AdaptationHandler(nn.ModuleDict(), "final_conv", warmup=1, observe_target=True))
    recording = []
    watched.network.body.register_forward_hook(lambda module, args, output: recording.append(output.requires_grad))
    for stock, output in zip(outputs_of(plain), outputs_of(watched), strict=True):
        assert torch.equal(stock["loss"], output["loss"])
    for one, other in zip(plain.network.parameters(), watched.network.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)
    assert recording == [True, True, False, True, False], "no graph is kept of a target pass that nothing learns from"
    assert watched.network.body[1].num_batches_tracked == 3 + 2
    assert not torch.equal(plain.network.body[1].running_mean, watched.network.body[1].running_mean)


def test_an_evaluation_pass_is_not_mistaken_for_the_domain():
    spy = Spy()
    trainer = make_trainer(AdaptationHandler(nn.ModuleDict({"spy": spy}), "final_conv", taps=["body"]))

    def evaluate(engine):
        engine.network.eval()
        engine.network(torch.zeros(5, 3, 16, 16))
        engine.network.train()

    trainer.add_event_handler(IterationEvents.FORWARD_COMPLETED, evaluate)
    trainer.run()
    assert all(source.features.shape == source.taps["body"].shape == (2, 4, 8, 8) for source, _, _ in spy.calls)


def test_a_loss_may_run_the_network_again():
    """What its pass leaves in the hooks is neither kept alive nor mistaken for a domain's features."""

    class Student(AdaptationLoss):
        def forward(self, source, target, network):
            return network(target.image + 1).square().mean()

    handler = AdaptationHandler(
        nn.ModuleDict({"student": Student(), "spy": Spy()}), "final_conv", taps=["body", "body"]
    )
    trainer, kept = make_trainer(handler), []
    trainer.add_event_handler(IterationEvents.LOSS_COMPLETED, lambda: kept.append(dict(handler._kept)))
    outputs_of(trainer)
    assert kept == [{}, {}, {}]
    alone = nn.ModuleDict({"spy": Spy()})
    outputs_of(make_trainer(AdaptationHandler(alone, "final_conv")))
    for both, one in zip(handler.losses["spy"].calls, alone["spy"].calls, strict=True):
        assert torch.equal(both[0].features, one[0].features)
        assert torch.equal(both[1].features, one[1].features)


def test_hooks_are_there_during_the_run_alone():
    trainer = make_trainer(AdaptationHandler(nn.ModuleDict({"spy": Spy()}), "final_conv", taps=["body"]), max_epochs=2)
    hooks, counts = [trainer.network.final_conv._forward_pre_hooks, trainer.network.body._forward_hooks], []
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda: counts.append([len(held) for held in hooks]))
    for _ in range(2):
        counts.clear()
        trainer.state.epoch = trainer.state.iteration = 0
        trainer.run()
        assert counts == [[1, 1]] * 6
        assert not any(hooks)


def test_a_run_after_a_failed_one_has_one_hook():
    handler, network, counts = AdaptationHandler(nn.ModuleDict({"spy": Spy()}), "final_conv"), Network(), []
    failing, next_one = make_trainer(handler, network), make_trainer(handler, network)
    failing.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        failing.run()
    hooks = network.final_conv._forward_pre_hooks
    next_one.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: counts.append(len(hooks)))
    next_one.run()
    assert counts == [1, 1, 1]


def test_layers_are_found_behind_a_parallel_wrapper():
    class Parallel(nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

        def forward(self, image):
            return self.module(image)

    spy = Spy()
    make_trainer(AdaptationHandler(nn.ModuleDict({"spy": spy}), "final_conv"), Parallel(Network())).run()
    assert len(spy.calls) == 3


@pytest.mark.parametrize(("head", "taps", "missing"), [("head", [], "head"), ("final_conv", ["body", "neck"], "neck")])
def test_a_missing_layer_is_named_with_those_there_are(head, taps, missing):
    trainer = make_trainer(AdaptationHandler(nn.ModuleDict(), head, taps=taps))
    with pytest.raises(ValueError, match=f"the network has no layer {missing}; .*final_conv"):
        trainer.run()


def test_warmup_is_checked():
    with pytest.raises(ValueError, match=r"warmup must be >= 0, got -1\."):
        AdaptationHandler(nn.ModuleDict(), "final_conv", warmup=-1)


@pytest.mark.parametrize(("warmup", "warns"), [(3, True), (2, False)])
def test_a_warmup_that_takes_everything_is_told(warmup, warns):
    handler = AdaptationHandler(nn.ModuleDict({"spy": Spy()}), "final_conv", warmup=warmup)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make_trainer(handler).run()
    assert any("nothing adapts" in str(warning.message) for warning in caught) is warns
