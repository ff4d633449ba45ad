"""The features of a pass through a stock network, and what else a domain brings to an adaptation loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from mani_monai.losses.adaptation_loss import DomainBatch, nuclei_logits


class DomainReader:
    """Keeps what a network's layers give in training mode, by hooks, and makes a ``DomainBatch`` of each pass.

    Args:
        head: name of the layer whose input are the features, e.g. "final_conv".
        taps: names of further layers, whose outputs are kept.
        branch: key of the nuclei logits where the network's output and label are dictionaries.

    Raises:
        ValueError: when ``head`` is one of the taps.
    """

    def __init__(self, head: str, taps: Sequence[str] = (), branch: str | None = None) -> None:
        if head in taps:
            raise ValueError(f"taps must be other layers than the head, got {head}.")
        self.head = head
        self.taps = tuple(dict.fromkeys(taps))  # two overlays may ask for the same
        self.branch = branch
        self._kept: dict[str, Tensor] = {}
        self._hooks: list[Any] = []

    def open(self, network: nn.Module) -> None:
        """Hooks the layers of a network, which may be wrapped (``DistributedDataParallel``); those before are freed.

        Raises:
            ValueError: when the network lacks ``head`` or a tap.
        """
        self.close()
        layers = dict(getattr(network, "module", network).named_modules())
        missing = [name for name in (self.head, *self.taps) if name not in layers]
        if missing:
            raise ValueError(f"the network has no layer {', '.join(missing)}; its last ones: {list(layers)[-5:]}.")
        self._hooks.append(layers[self.head].register_forward_pre_hook(self._keep_input))
        for name in self.taps:
            self._hooks.append(layers[name].register_forward_hook(self._keep_output(name)))

    def close(self) -> None:
        """Takes the hooks away."""
        while self._hooks:
            self._hooks.pop().remove()
        self.clear()

    def clear(self) -> None:
        """Forgets the last pass."""
        self._kept.clear()

    def read(self, image: Tensor, prediction: Any, label: Any = None) -> DomainBatch:
        """The domain's batch of the last pass, which is handed on and forgotten.

        Args:
            image: B3HW, what the network was given.
            prediction: what it gave back.
            label: the source's, a dictionary where the network has branches; None in the target domain.
        """
        return DomainBatch(
            image=image,
            logits=nuclei_logits(prediction, self.branch).float(),
            features=self._kept.pop(self.head).float(),
            prediction=prediction,
            taps={name: self._kept.pop(name).float() for name in self.taps},
            label=label[self.branch] if isinstance(label, Mapping) else label,
        )

    def _keep_input(self, module: nn.Module, args: tuple[Tensor, ...]) -> None:
        if module.training:
            self._kept[self.head] = args[0]

    def _keep_output(self, name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def keep(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
            if module.training:
                self._kept[name] = output

        return keep
