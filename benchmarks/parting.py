"""What parting of touching nuclei costs: beside scikit-image's watershed, the network's bare pass and a larger map."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import fire
import numpy as np
import torch
from monai.networks.nets import BasicUNet
from numpy.typing import NDArray
from post_processing import made_nuclei, made_output, probability_of
from scipy import ndimage
from skimage.morphology import h_maxima
from skimage.segmentation import watershed

from mani_monai.transforms import part_nuclei
from mani_monai.transforms.part_nuclei import RULE
from mani_monai.utils.memory import keep_freed_memory

FEATURES = (16, 16, 32, 64, 128, 16)  # of the weights that come along
PITCH = 32.0  # pixels from nucleus to nucleus: 961 in 1000x1000, many of which touch


def main(sizes: Sequence[int] = (1000, 3000), pairs: int = 5) -> None:
    """Prints the cost of parting over the network's bare pass and over scikit-image's steps, and how it grows.

    Seconds are the processor's, on one thread, so that other processes count less.

    Args:
        sizes: edges of the maps in pixels.
        pairs: how many times each is measured, in turn; the fastest counts.
    """
    keep_freed_memory()
    torch.set_num_threads(1)
    sizes = [sizes] if isinstance(sizes, int) else sizes
    seconds = {size: _measure(size, pairs) for size in sizes}
    small, large = min(sizes), max(sizes)
    print(f"{(large / small) ** 2:.2f} times the area takes {seconds[large] / seconds[small]:.2f} times the time")


def stock_parting(probability: NDArray[np.float32]) -> NDArray[np.int32]:
    """The same rule by scikit-image: h-maxima of the blurred distance, and the watershed from them."""
    mask = probability > 0.5
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), RULE.blur)
    markers, _ = ndimage.label(h_maxima(depth, RULE.depth))
    return watershed(-depth, markers, mask=mask)


def _measure(size: int, pairs: int) -> float:
    """Least seconds of parting a map of this size."""
    probability = probability_of(made_output(made_nuclei(size, PITCH)))
    runs: dict[str, Callable[[], object]] = {"parting": lambda: part_nuclei(probability)}
    if size <= 1000:
        network = BasicUNet(2, 3, 2, FEATURES, act="RELU", norm="BATCH").eval()
        picture = torch.rand(1, 3, size, size)
        runs |= {"scikit-image": lambda: stock_parting(probability), "bare pass": lambda: network(picture)}
    seconds = {name: [] for name in runs}
    with torch.inference_mode():
        for _ in range(pairs):
            for name, run in runs.items():
                start = time.process_time()
                run()
                seconds[name].append(time.process_time() - start)
    least = {name: min(values) for name, values in seconds.items()}
    parts = ", ".join(f"{name} {value:.3f} s ({value / least['parting']:.1f})" for name, value in least.items())
    print(f"{size}x{size}, {part_nuclei(probability).max()} nuclei: {parts}", flush=True)
    return least["parting"]


if __name__ == "__main__":
    fire.Fire(main)
