"""What the 3x3 median of HoVer-Net's augmentation costs, beside MONAI's."""

from __future__ import annotations

import time
from statistics import median

import fire
import monai.transforms
import torch

from mani_monai.transforms.median_smooth import median_3x3


def main(size: int = 256, rounds: int = 15) -> None:
    """Prints medians of the processor's time, both measured in turn on one thread, and how many times faster ours is.

    Args:
        size: edge of the RGB image in pixels.
        rounds: how many times each is measured; one more goes before.
    """
    torch.set_num_threads(1)
    image = torch.randint(0, 256, (3, size, size), generator=torch.Generator().manual_seed(0)).float()
    theirs = monai.transforms.MedianSmooth(radius=1)
    if not torch.equal(median_3x3(image), theirs(image)):
        raise SystemExit("the two medians differ")
    times = []
    for _ in range(rounds + 1):
        clocks = [time.process_time()]
        for smooth in (median_3x3, theirs):
            smooth(image)
            clocks.append(time.process_time())
        times.append((1000 * (clocks[1] - clocks[0]), 1000 * (clocks[2] - clocks[1])))
    ours_ms, theirs_ms = (median(column) for column in zip(*times[1:], strict=True))
    ratio = median(second / first for first, second in times[1:])
    print(f"{size}x{size}: median_3x3 {ours_ms:.1f} ms, MONAI's MedianSmooth {theirs_ms:.1f} ms, ratio {ratio:.0f}")


if __name__ == "__main__":
    fire.Fire(main)
