"""Adaptation of a stock trainer to an unlabelled target."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import torch
from ignite.engine import Engine, Events
from monai.engines.utils import IterationEvents
from monai.utils.enums import CommonKeys as Keys
from torch import Tensor, nn

from mani_monai.handlers.domain_reader import DomainReader
from mani_monai.losses.adaptation_loss import usable_pairs

if TYPE_CHECKING:
    from monai.engines import SupervisedTrainer


class AdaptationHandler:
    """Adds adaptation losses to the loss of a stock trainer once the warm-up is over.

    On ``LOSS_COMPLETED`` it runs the target images of the batch through the engine's inferer and network, hands a
    source and a target ``DomainBatch`` to each loss, adds ``weight x term`` to ``output["loss"]`` and leaves each
    term, detached, in ``output`` under its name. During the warm-up the target never touches the network, nor its
    batch statistics. Further entries of ``output``: ``segmentation``, the stock loss alone; ``empty_pairs``, how
    many pairs of this iteration had an empty mask.

    Args:
        losses: the ``AdaptationLoss`` modules by name; none is source-only training.
        head: name of the layer whose input are the features, e.g. "final_conv".
        warmup: iterations (epochs where ``epoch_level``) on the stock loss alone.
        epoch_level: whether ``warmup`` counts epochs.
        branch: key of the nuclei logits where the network's output and label are dictionaries.
        taps: names of layers whose outputs the losses ask for.
        target_key: key of the target images in the batch.
        observe_target: run the target pass after the warm-up even with no loss, without gradient: what adaptation
            does to the batch statistics without its loss.
        perturbations: called in turn with the target's B3HW images before the network sees them; a loss finds the
            images as they were in ``DomainBatch.clean``.

    Raises:
        ValueError: when ``warmup`` is negative or ``head`` is a tap; when the run starts, if the network lacks one.
    """

    def __init__(
        self,
        losses: nn.ModuleDict,
        head: str,
        warmup: int = 0,
        epoch_level: bool = False,
        branch: str | None = None,
        taps: Sequence[str] = (),
        target_key: str = "target_image",
        observe_target: bool = False,
        perturbations: Sequence[Callable[[Tensor], Tensor]] = (),
    ) -> None:
        if warmup < 0:
            raise ValueError(f"warmup must be >= 0, got {warmup}.")
        self.losses = losses
        self.reader = DomainReader(head, taps, branch)
        self.warmup = warmup
        self.epoch_level = epoch_level
        self.target_key = target_key
        self.observe_target = observe_target
        self.perturbations = tuple(perturbations)

    def attach(self, engine: Engine) -> None:
        """
        Args:
            engine: a stock ``SupervisedTrainer``.
        """
        engine.add_event_handler(Events.STARTED, self._open)
        engine.add_event_handler(IterationEvents.LOSS_COMPLETED, self)
        engine.add_event_handler(Events.COMPLETED, self.reader.close)

    def __call__(self, engine: SupervisedTrainer) -> None:
        state = cast("Any", engine.state)
        passed = state.epoch if self.epoch_level else state.iteration
        if passed <= self.warmup or not (len(self.losses) or self.observe_target):
            self.reader.clear()
            return
        output = state.output
        source = self.reader.read(output[Keys.IMAGE], output[Keys.PRED], output[Keys.LABEL])
        image = state.batch[self.target_key].to(state.device, non_blocking=engine.non_blocking)
        seen = image
        for perturb in self.perturbations:
            seen = perturb(seen)
        with torch.set_grad_enabled(len(self.losses) > 0):
            target = self.reader.read(seen, engine.inferer(seen, engine.network))
        if self.perturbations:
            target = replace(target, unperturbed=image)

        output["segmentation"] = output[Keys.LOSS].detach()
        output["empty_pairs"] = (~usable_pairs(source, target)).sum()
        for name, loss in self.losses.items():
            with torch.autocast(image.device.type, enabled=False):  # sums over pixels overflow in a trainer's float16
                term = loss(source, target, engine.network)
            output[name] = term.detach()
            output[Keys.LOSS] = output[Keys.LOSS] + loss.weight * term
        self.reader.clear()  # a loss that ran the network again left features here

    def _open(self, engine: SupervisedTrainer) -> None:
        state = cast("Any", engine.state)
        length = state.max_epochs * (1 if self.epoch_level else state.epoch_length)
        if len(self.losses) and self.warmup >= length:
            warnings.warn(f"the warm-up of {self.warmup} takes all of this training: nothing adapts.", stacklevel=2)
        self.reader.open(engine.network)
