"""What HoVer-Net's post-processing costs: ours, the watershed that it cannot do without, and MONAI's."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import fire
import numpy as np
import torch
from monai.apps.pathology.transforms.post.array import (
    GenerateDistanceMap,
    GenerateInstanceBorder,
    GenerateWatershedMarkers,
    GenerateWatershedMask,
    HoVerNetInstanceMapPostProcessing,
    HoVerNetNuclearTypePostProcessing,
)
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.segmentation import watershed

from mani_monai.transforms import (
    HoVerNetInstancesd,
    hover_instances,
    hover_maps,
    instance_polygons,
    nuclei_table,
)

KERNEL_SIZE = 21
PITCH = 40.5  # pixels from nucleus to nucleus, at least: 576 in 1000x1000, 5,476 in 3000x3000


def made_nuclei(size: int, pitch: float = PITCH, seed: int = 0) -> NDArray[np.int32]:
    """HW ids of ellipses on a shaken grid, about a quarter of the map; some touch and some are cut by the border."""
    rng = np.random.default_rng(seed)
    per_side = int(size / pitch)
    pitch = size / per_side
    shape = (per_side, per_side)
    middle = (np.indices(shape) + rng.uniform(0.2, 0.8, (2, *shape))) * pitch
    angle, axes = rng.uniform(0, np.pi, shape), rng.uniform(0.2, 0.4, (2, *shape)) * pitch
    cells = (np.arange(size) // pitch).astype(int)
    instances, nearest = np.zeros((size, size), np.int32), np.ones((size, size))
    for down, right in np.ndindex(3, 3):
        near = np.ix_(np.clip(cells + down - 1, 0, per_side - 1), np.clip(cells + right - 1, 0, per_side - 1))
        y, x = np.arange(size)[:, None] - middle[0][near], np.arange(size) - middle[1][near]
        cos, sin = np.cos(angle)[near], np.sin(angle)[near]
        distance = ((x * cos + y * sin) / axes[0][near]) ** 2 + ((y * cos - x * sin) / axes[1][near]) ** 2
        closer = distance < nearest
        nearest[closer] = distance[closer]
        instances[closer] = (near[0] * per_side + near[1] + 1)[closer]
    return instances


def made_output(instances: NDArray[np.int32], noise: float = 0.05, classes: int = 5, seed: int = 0) -> NDArray:
    """What a network would put out for these instances, but for smooth noise: (4 + classes)HW, logits and distances."""
    rng = np.random.default_rng(seed)

    def smooth() -> NDArray[np.float32]:
        return 7 * gaussian_filter(rng.standard_normal(instances.shape, dtype=np.float32), 2)  # deviation about 1

    kinds = np.append(0, rng.integers(1, classes, instances.max(initial=0)))[instances]
    nuclei = gaussian_filter((instances > 0).astype(np.float32), 1)
    distances = hover_maps(instances) + noise * np.stack([smooth(), smooth()])
    types = [3 * (kinds == kind) + smooth() for kind in range(classes)]
    return np.stack([np.zeros_like(nuclei), 12 * nuclei - 6 + noise * smooth(), *distances, *types]).astype(np.float32)


def probability_of(output: NDArray[np.float32]) -> NDArray[np.float32]:
    """HW, of being a nucleus."""
    return 1 / (1 + np.exp(output[0] - output[1]))


@dataclass(frozen=True)
class Floor:
    """The watershed alone, on what MONAI's steps give to it."""

    height: NDArray
    markers: NDArray
    mask: NDArray

    @classmethod
    def of(cls, output: NDArray[np.float32], kernel_size: int = KERNEL_SIZE) -> Floor:
        """MONAI's own steps up to its watershed."""
        mask = GenerateWatershedMask()(output[:2])
        border = GenerateInstanceBorder(kernel_size)(mask, output[2:4])
        markers = GenerateWatershedMarkers()(mask, border)
        return cls(*(np.asarray(maps)[0] for maps in (GenerateDistanceMap()(mask, border), markers, mask)))

    def flood(self) -> NDArray:
        """Runs it; MONAI's instances."""
        return watershed(self.height, self.markers, mask=self.mask)


def main(sizes: Sequence[int] = (1000, 2000, 3000), monai_sizes: Sequence[int] | None = None, repeats: int = 5) -> None:
    """Prints the cost of instances, outlines, table and types over that of the watershed alone, and MONAI's over it.

    Seconds are the processor's, on one thread, so that other processes count less. MONAI's instances, contours and
    types (it makes no table) take minutes at 3000.

    Args:
        sizes: edges of the maps in pixels.
        monai_sizes: those at which MONAI's is run too, once; all by default, none where empty.
        repeats: how many times the watershed and ours are run, in turn; the fastest counts.
    """
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", FutureWarning)  # of MONAI's calls of scikit-image
    sizes = [sizes] if isinstance(sizes, int) else sizes
    monai_sizes = sizes if monai_sizes is None else np.atleast_1d(monai_sizes)
    totals = {}
    for size in sizes:
        output = made_output(made_nuclei(size))
        floor, ours, pieces = _times(output, repeats)
        totals[output[0].size] = ours
        nuclei = len(np.unique(Floor.of(output).flood())) - 1
        parts = ", ".join(f"{name} {seconds:.3f}" for name, seconds in pieces.items())
        print(
            f"{size}x{size}, {nuclei} nuclei: watershed {floor:.3f} s, ours {ours:.3f} s ({parts}), "
            f"{ours / floor:.2f} times the watershed",
            flush=True,
        )
        if size in monai_sizes:
            seconds = _time(lambda output=output: monai_instances(output))
            print(f"    MONAI {seconds:.1f} s, {seconds / ours:.0f} times ours", flush=True)
    (area, first), (largest, last) = min(totals.items()), max(totals.items())
    print(f"{largest / area:.2f} times the area takes {last / first:.2f} times the time")


def monai_instances(output: NDArray[np.float32], kernel_size: int = KERNEL_SIZE) -> NDArray:
    """MONAI's instances, with its contours, centroids and types."""
    find, classify = (
        HoVerNetInstanceMapPostProcessing(sobel_kernel_size=kernel_size),
        HoVerNetNuclearTypePostProcessing(),
    )
    information, instances = find(output[:2], output[2:4])
    classify(output[4:], information, instances)
    return np.asarray(instances)[0]


def _times(output: NDArray[np.float32], repeats: int) -> tuple[float, float, dict[str, float]]:
    """Least seconds of the watershed, of ours, and of ours piece by piece."""
    floor = Floor.of(output)
    whole = HoVerNetInstancesd(kernel_size=KERNEL_SIZE, polygons_key="polygons")
    probability = probability_of(output)
    instances = hover_instances(probability, output[2:4])
    runs: dict[str, Callable[[], object]] = {
        "watershed": floor.flood,
        "ours": lambda: whole({"pred": output}),
        "instances": lambda: hover_instances(probability, output[2:4]),
        "outlines": lambda: instance_polygons(instances),
        "table": lambda: nuclei_table(instances, probability),
        "table with types": lambda: nuclei_table(instances, probability, output[4:]),
    }
    seconds = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            seconds[name].append(_time(run))
    least = {name: min(values) for name, values in seconds.items()}
    return least.pop("watershed"), least.pop("ours"), least


def _time(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


if __name__ == "__main__":
    fire.Fire(main)
