"""A stock trainer on a small network, and a loss that keeps what the adaptation handler gives it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from ignite.engine import Events
from monai.engines import SupervisedTrainer
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
