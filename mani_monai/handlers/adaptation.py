"""Adaptation of a stock trainer to an unlabelled target."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.engines.utils import IterationEvents
from monai.utils.enums import CommonKeys as Keys
from torch import Tensor, nn

from ..losses.adaptation import DomainBatch, usable_pairs


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

    Raises:
        ValueError: when ``warmup`` is negative; when the run starts, if the network lacks ``head`` or a tap.
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
    ) -> None:
        if warmup < 0:
            raise ValueError(f"warmup must be >= 0, got {warmup}.")
        self.losses = losses
        self.head = head
        self.warmup = warmup
        self.epoch_level = epoch_level
        self.branch = branch
        self.taps = tuple(dict.fromkeys(taps))  # two overlays may ask for the same
        self.target_key = target_key
        self.observe_target = observe_target
        self._kept: dict[str, Tensor] = {}
        self._hooks: list[Any] = []

    def attach(self, engine: Engine) -> None:
        """
        Args:
            engine: a stock ``SupervisedTrainer``.
        """
        engine.add_event_handler(Events.STARTED, self._open_hooks)
        engine.add_event_handler(IterationEvents.LOSS_COMPLETED, self)
        engine.add_event_handler(Events.COMPLETED, self._close_hooks)

    def __call__(self, engine: Engine) -> None:
        passed = engine.state.epoch if self.epoch_level else engine.state.iteration
        if passed <= self.warmup or not (len(self.losses) or self.observe_target):
            self._kept.clear()
            return
        output = engine.state.output
        source = self._domain(output[Keys.IMAGE], output[Keys.PRED], output[Keys.LABEL])
        image = engine.state.batch[self.target_key].to(engine.state.device, non_blocking=engine.non_blocking)
        with torch.set_grad_enabled(len(self.losses) > 0):
            target = self._domain(image, engine.inferer(image, engine.network))

        output["segmentation"] = output[Keys.LOSS].detach()
        output["empty_pairs"] = (~usable_pairs(source, target)).sum()
        for name, loss in self.losses.items():
            term = loss(source, target, engine.network)
            output[name] = term.detach()
            output[Keys.LOSS] = output[Keys.LOSS] + loss.weight * term
        self._kept.clear()  # a loss that ran the network again left features here

    def _domain(self, image: Tensor, prediction: Any, label: Any = None) -> DomainBatch:
        features = self._kept.pop(self.head)
        return DomainBatch(
            image=image,
            logits=prediction if self.branch is None else prediction[self.branch],
            features=features.float(),
            prediction=prediction,
            taps={name: self._kept.pop(name).float() for name in self.taps},
            label=label[self.branch] if isinstance(label, Mapping) else label,
        )

    def _open_hooks(self, engine: Engine) -> None:
        self._close_hooks()
        length = engine.state.max_epochs * (1 if self.epoch_level else engine.state.epoch_length)
        if len(self.losses) and self.warmup >= length:
            warnings.warn(f"the warm-up of {self.warmup} takes all of this training: nothing adapts.", stacklevel=2)
        layers = dict(getattr(engine.network, "module", engine.network).named_modules())
        missing = [name for name in (self.head, *self.taps) if name not in layers]
        if missing:
            raise ValueError(f"the network has no layer {', '.join(missing)}; its last ones: {list(layers)[-5:]}.")
        self._hooks.append(layers[self.head].register_forward_pre_hook(self._keep_input))
        for name in self.taps:
            self._hooks.append(layers[name].register_forward_hook(self._keep_output(name)))

    def _close_hooks(self) -> None:
        while self._hooks:
            self._hooks.pop().remove()
        self._kept.clear()

    def _keep_input(self, module: nn.Module, args: tuple[Tensor, ...]) -> None:
        if module.training:
            self._kept[self.head] = args[0]

    def _keep_output(self, name: str) -> Any:
        def keep(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
            if module.training:
                self._kept[name] = output

        return keep
