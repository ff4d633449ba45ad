"""The adaptation handler on a stock trainer: when losses act, and what becomes of their terms."""

from __future__ import annotations

import warnings
from contextlib import nullcontext

import pytest
import torch
from spied_trainer import Network, Spy, batch, make_trainer, outputs_of
from torch import nn

from mani_monai.handlers import AdaptationHandler


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
    with nullcontext() if active else pytest.warns(UserWarning, match=f"the warm-up of {warmup} takes all"):
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


def test_losses_are_spared_the_trainers_autocast():
    """MONAI's ``amp=True`` is float16 by default, in which a sum over a map's pixels overflows."""
    seen = []

    class Watch(Spy):
        def forward(self, source, target, network):
            seen.append((torch.is_autocast_enabled("cpu"), target.features.dtype, target.logits.dtype))
            return super().forward(source, target, network)

    trainer = make_trainer(AdaptationHandler(nn.ModuleDict({"watch": Watch()}), "final_conv"), batches=[batch(0)])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        (output,) = outputs_of(trainer)
    assert output["pred"].dtype == torch.bfloat16
    assert seen == [(False, torch.float32, torch.float32)]


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


def test_the_network_sees_perturbed_target_images_and_losses_find_the_clean_ones():
    losses = nn.ModuleDict({"spy": Spy()})
    given = batch(0)
    handler = AdaptationHandler(losses, "final_conv", perturbations=[lambda x: x + 0.5, lambda x: 2 * x])
    outputs_of(make_trainer(handler, batches=[given]))
    source, target = losses["spy"].calls[0][:2]
    torch.testing.assert_close(target.image, 2 * (given["target_image"] + 0.5))
    torch.testing.assert_close(target.clean, given["target_image"])
    torch.testing.assert_close(source.clean, given["image"])
