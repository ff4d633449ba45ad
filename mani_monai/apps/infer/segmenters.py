"""The two bundles' inference as two steps: a network's pass over a picture, and nuclei from what it gave."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from monai.inferers import Inferer, SimpleInferer, SlidingWindowInferer
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn

from mani_monai.inferers import AutocastInferer, TiledHoVerNetInferer
from mani_monai.transforms import HoVerNetInstancesd, normalise_stains, nuclei_table
from mani_monai.transforms.rescaling import nearest, smooth
from mani_monai.transforms.save_nuclei import OUTPUTS
from mani_monai.utils import InputError

MIN_SIZE = 10  # pixels, at the network's pixel size, of the smallest nucleus: HoVer-Net's
MASK = "mask"
MOST_WHOLE = 2048**2  # pixels that a U-Net which takes whole images gets at once
LARGE_WINDOW = 1024  # px, for images beyond that
LEAST_SIDE = 16  # px: what four poolings leave one pixel of


@dataclass(frozen=True)
class Nuclei:
    """What was found in an image, at its own size.

    Attributes:
        instances: HW int32 ids 1..N, 0 background.
        table: of :func:`mani_monai.transforms.nuclei_table`, lengths in the image's pixels.
        mask: HW bool, where the bundle gives one.
    """

    instances: NDArray[np.int32]
    table: dict[str, NDArray]
    mask: NDArray[np.bool_] | None = None


class Segmenter(ABC):
    """A trained network with the steps around it.

    Args:
        network: gives BKHW for B3HW.
        window: edge of its input in pixels.
        device: where it runs.
        precision: "float32" or "bfloat16".
        channels_last: the layout of what it is given.
        normalised: whether it was trained on images with normalised stains.
    """

    outputs: tuple[str, ...]
    """What is written of an image by default."""

    def __init__(
        self,
        network: nn.Module,
        window: int,
        device: torch.device,
        precision: str,
        channels_last: bool,
        normalised: bool = False,
    ) -> None:
        self.network = network.eval().to(device)
        self.window = window
        self.device = device
        self.precision = precision
        self.channels_last = channels_last
        self.normalised = normalised

    def maps(self, picture: NDArray[np.uint8], whole: NDArray[np.uint8] | None = None) -> NDArray[np.float32]:
        """The network's answer for a picture.

        Args:
            picture: HW3 RGB, at the network's pixel size.
            whole: HW3 RGB that the picture is a part of, by whose tissue stains are normalised; itself by default.

        Returns:
            KHW, what :meth:`nuclei` takes.
        """
        with torch.inference_mode():
            image = self._image(picture)
            if self.normalised:
                part = whole is not None and whole.shape != picture.shape
                seen = self._image(whole).cpu().numpy() if part else None
                image = torch.from_numpy(normalise_stains(image.cpu().numpy(), seen)).to(self.device)
            image = image.unsqueeze(0)
            inferer = AutocastInferer(self.precision, self.channels_last, self._inferer(*picture.shape[:2]))
            return self._answer(inferer(image, self.network)[0]).cpu().numpy()

    @abstractmethod
    def nuclei(self, maps: NDArray[np.float32], shape: tuple[int, int]) -> Nuclei:
        """Nuclei from the network's answer.

        Args:
            maps: as :meth:`maps` gives them.
            shape: height and width of the image that the nuclei are wanted in.

        Raises:
            InputError: when the answer is not finite.
        """

    def _image(self, picture: NDArray[np.uint8]) -> Tensor:
        pixels = torch.from_numpy(np.require(picture, requirements="W")).to(self.device)
        return self._oriented(pixels).float() / 255

    def _oriented(self, pixels: Tensor) -> Tensor:
        """3HW, or 3WH where the network sees the width first."""
        return pixels.permute(2, 0, 1)

    @abstractmethod
    def _inferer(self, height: int, width: int) -> Inferer:
        """What covers a picture with windows."""

    @abstractmethod
    def _answer(self, output: Tensor) -> Tensor:
        """What is wanted of the network's output, height first."""


class UNetSegmenter(Segmenter):
    """mani_unet: masks, the very ones that its ``inference.json`` writes in float32, and their connected pieces.

    Args:
        network: gives logits of background and nuclei.
        device: where it runs.
        precision: "float32", in which sums are those of ``inference.json`` to the last bit, or "bfloat16".
        window: edge of the windows in pixels; below 1 it takes whole images, but for very large ones.
        normalised: whether it was trained on images with normalised stains.
    """

    outputs = (MASK, "geojson", "csv", "overlay")

    def __init__(
        self, network: nn.Module, device: torch.device, precision: str, window: int, normalised: bool = False
    ) -> None:
        super().__init__(network, window, device, precision, precision == "bfloat16", normalised)

    def nuclei(self, maps: NDArray[np.float32], shape: tuple[int, int]) -> Nuclei:
        """See :class:`Segmenter`. ``maps`` is 1HW: by how much the logit of nuclei exceeds that of the background.

        Pieces that touch at corners only are separate. Those smaller than ``MIN_SIZE`` pixels are no nuclei, but stay
        in the mask.
        """
        _check(maps)
        mask = nearest(maps[0] > 0, shape)
        instances, count = ndimage.label(mask, output=np.int32)
        if count:
            least = MIN_SIZE * mask.size / maps[0].size
            kept = np.bincount(instances.ravel()) >= least
            kept[0] = False
            instances = (np.cumsum(kept, dtype=np.int32) * kept)[instances]
        probability = smooth(1 / (1 + np.exp(-np.clip(maps, -80, 80))), shape)[0]
        return Nuclei(instances, nuclei_table(instances, probability), mask)

    def _oriented(self, pixels: Tensor) -> Tensor:
        return pixels.permute(2, 1, 0)  # as LoadImaged reads pictures: the network was trained on these

    def _inferer(self, height: int, width: int) -> Inferer:
        window = self.window
        if window < 1 and height * width <= MOST_WHOLE:
            if min(height, width) >= LEAST_SIDE:
                return SimpleInferer()  # one window: nothing to blend
            edges = (max(width, LEAST_SIDE), max(height, LEAST_SIDE))
        else:
            edges = (window, window) if window > 0 else (LARGE_WINDOW, LARGE_WINDOW)
        return SlidingWindowInferer(edges, sw_batch_size=4, overlap=0.25, mode="gaussian")

    def _answer(self, output: Tensor) -> Tensor:
        return (output[1:] - output[:1]).transpose(1, 2).contiguous()


class HoVerNetSegmenter(Segmenter):
    """mani_hovernet: every single nucleus, as its ``inference.json`` finds them.

    Args:
        network: gives logits of background and nuclei, distances, logits of types.
        device: where it runs.
        precision: "float32" or "bfloat16".
        window: height and width of the network's input, in pixels.
        output: those of its output.
        normalised: whether it was trained on images with normalised stains.
    """

    outputs = OUTPUTS

    def __init__(
        self,
        network: nn.Module,
        device: torch.device,
        precision: str,
        window: int,
        output: int,
        normalised: bool = False,
    ) -> None:
        super().__init__(network, window, device, precision, True, normalised)
        self.tiles = TiledHoVerNetInferer(window, output, batch_size=4)
        self.find = HoVerNetInstancesd(table_key=None, min_size=MIN_SIZE)

    def nuclei(self, maps: NDArray[np.float32], shape: tuple[int, int]) -> Nuclei:
        """See :class:`Segmenter`. ``maps`` are the network's own."""
        _check(maps)
        instances = nearest(self.find({"pred": maps})["instances"][0], shape)
        probability = smooth(1 / (1 + np.exp(np.clip(maps[:1] - maps[1:2], -80, 80))), shape)[0]
        types = smooth(maps[4:], shape) if len(maps) > 4 else None
        return Nuclei(instances, nuclei_table(instances, probability, types))

    def _inferer(self, height: int, width: int) -> Inferer:
        return self.tiles

    def _answer(self, output: Tensor) -> Tensor:
        return output


def _check(maps: NDArray[np.float32]) -> None:
    with np.errstate(invalid="ignore", over="ignore"):
        if not np.isfinite(maps.sum(dtype=np.float64)):
            raise InputError("the network's answer is not finite; export other weights, or try --precision float32.")
