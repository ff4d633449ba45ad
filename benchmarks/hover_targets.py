"""What the offset maps of HoVer-Net cost, beside MONAI's."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import fire
import numpy as np
import torch
from monai.transforms import ComputeHoVerMaps

from mani_monai.transforms import HoVerTargetsd, hover_maps

PITCH = 37  # pixels from nucleus to nucleus: 729 in an image of 1000x1000, about as many as a dense tile of CoNSeP


def main(sizes: tuple[int, ...] = (256, 540, 1000), rounds: int = 9) -> None:
    """Prints medians in milliseconds, all three measured in turn, and how many times faster ours is.

    Args:
        sizes: edges of the images in pixels.
        rounds: how many times each is measured; one more goes before.
    """
    torch.set_num_threads(1)
    for size in sizes:
        instances = make_nuclei(size)
        item = {"label": instances[None]}
        targets, theirs = HoVerTargetsd("label", output_size=size - 92), ComputeHoVerMaps()
        ours_ms, all_ms, theirs_ms, ratio = _in_turn(
            lambda: hover_maps(instances),  # noqa: B023
            lambda: targets(item),  # noqa: B023
            lambda: theirs(item["label"]),  # noqa: B023
            rounds,
        )
        print(
            f"{size}x{size}, {instances.max()} nuclei: hover_maps {ours_ms:.1f} ms, MONAI's ComputeHoVerMaps "
            f"{theirs_ms:.1f} ms, ratio {ratio:.1f}; pieces, crop, filter and one-hot labels too: {all_ms:.1f} ms",
            flush=True,
        )


def make_nuclei(size: int, seed: int = 0) -> np.ndarray:
    """HW int32 ids of one ellipse of up to 32 pixels in every cell of a grid, where a whole one has room."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:PITCH, :PITCH] - PITCH // 2
    instances = np.zeros((size, size), np.int32)
    for number, (row, column) in enumerate(np.ndindex(size // PITCH, size // PITCH), start=1):
        a, b = rng.uniform(7, 16, 2)
        cell = instances[row * PITCH : (row + 1) * PITCH, column * PITCH : (column + 1) * PITCH]
        cell[(rows / a) ** 2 + (columns / b) ** 2 <= 1] = number
    return instances


def _in_turn(
    first: Callable[[], object], second: Callable[[], object], third: Callable[[], object], rounds: int
) -> tuple[float, float, float, float]:
    """Medians of the three and of the third over the first round by round."""
    times = []
    for _ in range(rounds + 1):
        clocks = [time.perf_counter()]
        for function in (first, second, third):
            function()
            clocks.append(time.perf_counter())
        times.append(np.diff(clocks) * 1000)
    first_ms, second_ms, third_ms = (median(column) for column in zip(*times[1:], strict=True))
    return first_ms, second_ms, third_ms, median(c / a for a, _, c in times[1:])


if __name__ == "__main__":
    fire.Fire(main)
