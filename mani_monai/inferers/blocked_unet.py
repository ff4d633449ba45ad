"""A U-Net at inference, level by level and strip by strip, so that few maps of all channels are held at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional

from .folded_unet import FoldedUNet

STRIP = 3 << 16
"""Pixels of a strip of the finest level, about: 32 channels of them are 24 MiB in float32. Malloc reuses up to 32."""
WIDEST = 3072
"""Pixels of a strip's width, even: rows of a wider image are in several."""
LEAST = 32
"""Pixels of the smallest edge of a strip; a smaller rest at the far edges goes with the strip before."""
MOST_KEPT = 1280**2
"""Pixels of the largest image whose finest level is kept: 16 channels of it are 100 MiB in float32."""
_REACH = 2  # pixels that two convolutions of 3 x 3 look at


@dataclass(frozen=True)
class _Block:
    """A rectangle of a map, stops excluded."""

    top: int
    left: int
    bottom: int
    right: int

    def grown(self, height: int, width: int) -> _Block:
        """With what two convolutions look at, within a map."""
        bottom, right = min(self.bottom + _REACH, height), min(self.right + _REACH, width)
        return _Block(max(self.top - _REACH, 0), max(self.left - _REACH, 0), bottom, right)

    def within(self, outer: _Block) -> _Block:
        """This block, counted from the corner of one that holds it."""
        rows, columns = outer.top, outer.left
        return _Block(self.top - rows, self.left - columns, self.bottom - rows, self.right - columns)

    def halved(self, height: int, width: int) -> _Block:
        """Where it lies on the next level, of this size."""
        bottom, right = min(-(-self.bottom // 2), height), min(-(-self.right // 2), width)
        return _Block(self.top // 2, self.left // 2, bottom, right)

    def of(self, maps: Tensor) -> Tensor:
        """The view of a map."""
        return maps[..., self.top : self.bottom, self.left : self.right]


def blocked_unet(unet: FoldedUNet, images: Tensor) -> Tensor:
    """The answer of a U-Net to images on a CPU.

    Every level is computed in strips of as many rows, with the two pixels around them that its convolutions look at.
    Values do not depend on where strips end. So those of a part of an image are the whole's, beyond the network's
    reach.

    Of a large image the encoder's finest level is computed twice rather than kept: it would take most of the memory.

    Args:
        unet: the network.
        images: BCHW, 16 pixels of an edge or more.

    Returns:
        BKHW logits in the network's data type, channels last.
    """
    with torch.autocast("cpu", enabled=False):
        rows = max(STRIP // min(images.shape[-1], WIDEST) // 2 * 2, LEAST)
        return _answer(unet, 0, images.to(unet.dtype).contiguous(memory_format=torch.channels_last), rows)


def _answer(unet: FoldedUNet, level: int, source: Tensor, rows: int) -> Tensor:
    """What a level makes of its input, the levels below included, in strips of so many rows."""
    height, width = source.shape[-2:]

    def encoded(block: _Block) -> Tensor:
        seen = block.grown(height, width)
        return block.within(seen).of(unet.encoders[level](seen.of(source)))

    if level == len(unet.decoders):
        return _joined(height, width, rows, encoded)
    kept: list[Tensor] = []

    def pooled(block: _Block) -> Tensor:
        maps = encoded(block)
        if level or height * width <= MOST_KEPT:
            _put(kept, maps, block, height, width)
        return functional.max_pool2d(maps, 2)

    below = _answer(unet, level + 1, _joined(height, width, rows, pooled, halved=True), rows)

    def decoded(block: _Block) -> Tensor:
        seen = block.grown(height, width)
        beside = seen.of(kept[0]) if kept else encoded(seen)
        both = torch.cat([beside, _risen(below, *unet.rising[level], seen)], dim=1)
        maps = block.within(seen).of(unet.decoders[level](both))
        return maps if level else unet.last(maps)

    return _joined(height, width, rows, decoded)


def _risen(below: Tensor, weight: Tensor, bias: Tensor, block: _Block) -> Tensor:
    """A block of the level below at twice its size; an odd last row or column repeats the one before it."""
    part = block.halved(*below.shape[-2:])
    height, width = block.bottom - block.top, block.right - block.left
    maps = functional.conv_transpose2d(part.of(below), weight, bias, stride=2)[..., :height, :width]
    lacking = (0, width - maps.shape[-1], 0, height - maps.shape[-2])
    return functional.pad(maps, lacking, "replicate") if any(lacking) else maps


def _joined(height: int, width: int, rows: int, compute: Callable[[_Block], Tensor], halved: bool = False) -> Tensor:
    """A map of what is computed of each strip, at half the size where that halves it."""
    joined: list[Tensor] = []
    size = (height // 2, width // 2) if halved else (height, width)
    for block in _strips(height, width, rows):
        _put(joined, compute(block), block.halved(*size) if halved else block, *size)
    return joined[0]


def _put(joined: list[Tensor], maps: Tensor, block: _Block, height: int, width: int) -> None:
    """Writes a block's values into a map, which is made for the first of them."""
    if not joined:
        full = (*maps.shape[:2], height, width)
        joined.append(torch.empty(full, dtype=maps.dtype, memory_format=torch.channels_last))
    block.of(joined[0]).copy_(maps)


def _strips(height: int, width: int, rows: int) -> Iterator[_Block]:
    for (top, bottom), (left, right) in product(_spans(height, rows), _spans(width, WIDEST)):
        yield _Block(top, left, bottom, right)


def _spans(size: int, step: int) -> list[tuple[int, int]]:
    starts = [start for start in range(0, size, step) if not start or size - start >= LEAST]
    return list(zip(starts, [*starts[1:], size], strict=True))
