"""Images of any size through a network that answers for the centre of its window only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import torch
from monai.data import MetaTensor
from monai.inferers import Inferer
from monai.utils import convert_to_dst_type
from torch import Tensor


class TiledHoVerNetInferer(Inferer):
    """Lays the network's output tiles side by side, so that every pixel comes from exactly one of them.

    Tile (i, j) answers for the ``output`` x ``output`` pixels from (i ``output``, j ``output``) on; its window reaches
    (``window`` - ``output``) / 2 pixels further on each side. What lies outside the image is its mirror image without
    the edge pixel repeated, mirrored again as often as a small image needs (one pixel is repeated), as numpy's
    "reflect" does. This is HoVer-Net's own tiling; MONAI's SlidingWindowHoVerNetInferer shifts the last tile back
    into the image and averages where it then overlaps, hence equals this one where sizes are multiples of ``output``.

    No padded copy of the image is made: windows are cut when their turn comes, a batch at a time.

    Args:
        window: height and width of the network's input, in pixels; 256 for HoVer-Net "fast", 270 for "original".
        output: height and width of its output, centred in the window; 164 and 80.
        batch_size: windows in one forward pass.

    Raises:
        ValueError: when a size is not positive, or output does not fit into the centre of window.
    """

    def __init__(self, window: int = 256, output: int = 164, batch_size: int = 4) -> None:
        super().__init__()
        if output < 1 or window < output or (window - output) % 2:
            raise ValueError(f"output must fit into window with an even rest, got {output} in {window}.")
        if batch_size < 1:
            raise ValueError(f"batch_size must be >= 1, got {batch_size}.")
        self.window = window
        self.output = output
        self.batch_size = batch_size

    def __call__(self, inputs: Tensor, network: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """
        Args:
            inputs: BCHW images.
            network: takes BC(window)(window), returns a BK(output)(output) tensor or a dictionary of such.
            args: further arguments of the network.
            kwargs: further keyword arguments of the network.

        Returns:
            BKHW in the network's data type, or a dictionary of such.

        Raises:
            ValueError: when the network's output has another size than ``output``.
        """
        images = inputs.as_tensor() if isinstance(inputs, MetaTensor) else inputs
        last = images.is_contiguous(memory_format=torch.channels_last)
        layout = torch.channels_last if last else torch.contiguous_format
        count, _, height, width = images.shape
        tiles = list(product(range(count), range(0, height, self.output), range(0, width, self.output)))
        stitched: dict[Any, Tensor] = {}
        answered = None
        for first in range(0, len(tiles), self.batch_size):
            batch = tiles[first : first + self.batch_size]
            windows = torch.stack([self._cut(images[number], top, left) for number, top, left in batch])
            answered = network(windows.contiguous(memory_format=layout), *args, **kwargs)
            for name, maps in (answered if isinstance(answered, Mapping) else {None: answered}).items():
                if maps.shape[-2:] != (self.output, self.output):
                    raise ValueError(f"output must be the network's, {tuple(maps.shape[-2:])}, got {self.output}.")
                if name not in stitched:
                    stitched[name] = maps.new_empty(count, maps.shape[1], height, width)
                for (number, top, left), tile in zip(batch, maps, strict=True):
                    place = stitched[name][number, :, top : top + self.output, left : left + self.output]
                    place.copy_(tile[:, : place.shape[1], : place.shape[2]])
        results = {name: convert_to_dst_type(maps, inputs, dtype=maps.dtype)[0] for name, maps in stitched.items()}
        return results if isinstance(answered, Mapping) else results[None]

    def _cut(self, image: Tensor, top: int, left: int) -> Tensor:
        """The CHW window of the tile that begins at (top, left)."""
        margin = (self.window - self.output) // 2
        return _taken(_taken(image, 1, top - margin, self.window), 2, left - margin, self.window)


def _taken(image: Tensor, axis: int, start: int, count: int) -> Tensor:
    """Pixels of an image along an axis, mirrored where they lie outside; a view where none does."""
    size = image.shape[axis]
    if 0 <= start <= size - count:
        return image.narrow(axis, start, count)
    return image.index_select(axis, mirrored(start, count, size).to(image.device))


def mirrored(start: int, count: int, size: int) -> Tensor:
    """Which of ``size`` pixels lie at ``start``, ``start`` + 1, ... when the axis is mirrored at both ends for ever.

    Args:
        start: the first position, which may lie outside.
        count: how many positions.
        size: pixels there are.

    Returns:
        ``count`` indices in 0..size - 1.
    """
    period = max(2 * (size - 1), 1)
    position = torch.arange(start, start + count) % period
    return torch.minimum(position, period - position)
