"""What the adaptation handler gives to a loss as source and target, and the hooks that its reader takes it with."""

from __future__ import annotations

import pytest
import torch
from ignite.engine import Events
from monai.engines.utils import IterationEvents
from monai.inferers import SimpleInferer
from spied_trainer import Network, Spy, TwoBranches, batch, make_trainer, outputs_of
from torch import nn

from mani_monai.handlers import AdaptationHandler
from mani_monai.losses import AdaptationLoss


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
    trainer.add_event_handler(IterationEvents.LOSS_COMPLETED, lambda: kept.append(dict(handler.reader._kept)))
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


def test_the_head_is_no_tap():
    with pytest.raises(ValueError, match="taps must be other layers than the head, got final_conv"):
        AdaptationHandler(nn.ModuleDict(), "final_conv", taps=["body", "final_conv"])
