"""Turns and reflections of the pixel grid that can be undone without loss."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Symmetry:
    """A reflection of the columns, where ``reflected``, after some quarter turns.

    Args:
        quarter_turns: how often the image is turned by 90 degrees, anticlockwise.
        reflected: whether it is then reflected left to right.
    """

    quarter_turns: int = 0
    reflected: bool = False

    @classmethod
    def random(cls, height: int, width: int) -> Symmetry:
        """One of those that keep the size, drawn from torch's global generator: eight of a square, four else."""
        turns, reflected = torch.randint(4, (2,)).tolist()
        return cls(turns if height == width else turns // 2 * 2, reflected >= 2)

    def apply(self, images: Tensor) -> Tensor:
        """...HW images turned and reflected."""
        turned = torch.rot90(images, self.quarter_turns, (-2, -1))
        return turned.flip(-1) if self.reflected else turned

    def undo(self, images: Tensor) -> Tensor:
        """...HW images back as they were before ``apply``."""
        turned = images.flip(-1) if self.reflected else images
        return torch.rot90(turned, -self.quarter_turns, (-2, -1))
