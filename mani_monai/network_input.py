"""A picture as a network takes it: after the declared steps, in the order of the network's axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from monai.transforms import MapTransform
from numpy.typing import NDArray
from torch import Tensor

from mani_monai.transforms.tissue import shown_as_glass
from mani_monai.utils import InputError

if TYPE_CHECKING:
    from mani_monai.transforms.stain_normalisation import TissueColours

Whole: TypeAlias = "NDArray[np.uint8] | TissueColours | None"
"""What a picture is a part of, or what was measured of that one's tissue; None where it is all there is."""


@dataclass(frozen=True, eq=False)
class NetworkInput:
    """Makes a network's input of pictures.

    Attributes:
        steps: what is declared of an image before it is scaled to 0..1.
        columns: the network takes columns first.
        device: where the input is wanted.
    """

    steps: Sequence[MapTransform]
    columns: bool
    device: torch.device | str | None

    @property
    def takes_mask(self) -> bool:
        """Whether the first step measures tissue, and can be told where it is."""
        return hasattr(next(iter(self.steps), None), "mask_key")

    def turned(self, image: Tensor) -> Tensor:
        """From rows first to the network's axes, or back."""
        return image.transpose(1, 2) if self.columns else image

    def pixels(self, picture: NDArray[np.uint8]) -> Tensor:
        """An HW3 picture as the declared steps take it: 3HW, in the order of the network's axes."""
        return self.turned(torch.from_numpy(np.require(picture, requirements=["C", "W"])).permute(2, 0, 1))

    def image(self, picture: NDArray[np.uint8], whole: Whole = None) -> Tensor:
        """A picture after the declared steps, each of which sees the whole as it is by then.

        Args:
            picture: HW3 RGB, at the network's pixel size.
            whole: HW3 RGB that the picture is a part of, or what was measured of that one's tissue.

        Returns:
            3HW in 0..1, in the order of the network's axes.

        Raises:
            InputError: when a step changes the picture's shape.
        """
        return self.of_shown(shown_as_glass(picture), whole)

    def of_shown(self, shown: NDArray[np.uint8], whole: Whole, tissue: NDArray[np.bool_] | None = None) -> Tensor:
        """As :meth:`image`, of a picture as the network is shown it.

        Args:
            shown: HW3 RGB, what is no tissue as glass.
            whole: as of :meth:`image`.
            tissue: HW, where it is tissue; only where the first step :attr:`takes_mask`.
        """
        image, mask = self.pixels(shown), tissue
        seen = self.pixels(shown_as_glass(whole)) if isinstance(whole, np.ndarray) else whole
        shape = image.shape
        for step in self.steps:
            item: dict[str, Any] = {"image": image} if seen is None else {"image": image, "whole": seen}
            if mask is not None:
                item["mask_of_image"] = mask.T if self.columns else mask
            image, mask = step(item)["image"], None  # later steps see another picture
            seen = step({"image": seen})["image"] if isinstance(seen, Tensor) else seen
        if image.shape != shape:
            given = f"{tuple(image.shape)} of {tuple(shape)}"
            raise InputError(f"preprocessing: gives {given}; no step may change the shape.")
        image = image.to(self.device)
        return image.float().div_(255) if image.dtype == torch.uint8 else image.float() / 255
