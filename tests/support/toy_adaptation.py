"""Two toy domains and a network, on which an adaptation loss can show within a second that it teaches.

An image's one channel is -3 on background and 3 on nuclei, give or take. The network is right and sure on the source;
on the target it adds to its features a shift, the one thing that it learns, by the adaptation loss alone.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mani_monai.losses import AdaptationLoss, DomainBatch

TAP = "features"


class ToySegmenter(nn.Module):
    """Two channels of features whose sum is the logit of nuclei.

    The shift starts at 3 in all: the target's background has a logit of 0, its nuclei one of 6.
    """

    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.full((2, 1, 1), 1.5))

    def batch(self, target: bool) -> DomainBatch:
        """Four images of 32 px, a quarter of them nuclei in blocks, as the adaptation handler hands them to a loss."""
        mask = (torch.rand(4, 1, 8, 8) > 0.75).float().repeat_interleave(4, 2).repeat_interleave(4, 3)
        image = 6 * mask - 3 + 0.3 * torch.randn_like(mask)
        features = torch.cat([image, torch.zeros_like(image)], dim=1) + self.shift * target
        half = features.sum(dim=1, keepdim=True) / 2
        logits = torch.cat([-half, half], dim=1)
        return DomainBatch(image, logits, features, logits, {TAP: features}, None if target else mask)


def adapt(loss: AdaptationLoss, steps: int = 60) -> ToySegmenter:
    """Trains a toy network, and the networks of an adaptation loss, by that loss."""
    torch.manual_seed(0)
    network = ToySegmenter()
    optimizer = torch.optim.Adam(loss.parameters(), lr=0.005)
    optimizer.add_param_group({"params": network.parameters(), "lr": 0.025})
    for _ in range(steps):
        term = loss.weight * loss(network.batch(target=False), network.batch(target=True), network)
        optimizer.zero_grad()
        term.backward()
        optimizer.step()
    return network


def gap(network: ToySegmenter, view: Callable[[DomainBatch], Tensor]) -> float:
    """How far apart the domains are in the mean of what ``view`` gives of a batch."""
    torch.manual_seed(1)
    with torch.no_grad():
        source, target = view(network.batch(target=False)), view(network.batch(target=True))
    return float((source.mean(dim=(0, 2, 3)) - target.mean(dim=(0, 2, 3))).abs().max())
