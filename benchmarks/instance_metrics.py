"""What scoring instance maps costs, beside a loop over nuclei with full-image masks."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import fire
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from mani_monai.metrics import FIGURES, compute_instance_metrics

Map = NDArray[np.int32]


def synthetic_pair(size: int, nuclei: int, seed: int) -> tuple[Map, Map]:
    """Prediction and label of ellipses that touch, the prediction moved and resized, one nucleus of ten missed."""
    generator = np.random.default_rng(seed)
    columns = int(np.ceil(nuclei**0.5))
    cell = size / columns
    prediction, label = np.zeros((2, size, size), np.int32)
    for i in range(nuclei):
        centre = (np.array(divmod(i, columns)) + 0.5) * cell + generator.normal(0, 0.15 * cell, 2)
        radii = generator.uniform(0.3, 0.6, 2) * cell
        _draw(label, i + 1, centre, radii)
        moved, resized = generator.normal(0, 0.1 * cell, 2), generator.uniform(0.85, 1.15, 2)
        if generator.random() < 0.9:
            _draw(prediction, nuclei - i, centre + moved, radii * resized)
    return prediction, label


def _draw(instances: Map, number: int, centre: NDArray[np.float64], radii: NDArray[np.float64]) -> None:
    low = np.maximum(0, np.floor(centre - radii)).astype(int)
    high = np.minimum(instances.shape, np.ceil(centre + radii) + 1).astype(int)
    y, x = np.ogrid[low[0] : high[0], low[1] : high[1]]
    inside = ((y - centre[0]) / radii[0]) ** 2 + ((x - centre[1]) / radii[1]) ** 2 <= 1
    instances[low[0] : high[0], low[1] : high[1]][inside] = number


def loop_over_nuclei(prediction: Map, label: Map) -> dict[str, float]:
    """The six figures the plain way: one mask of the whole image a nucleus."""
    labels = [label == i for i in np.unique(label) if i]
    predictions = {int(i): prediction == i for i in np.unique(prediction) if i}
    column = {number: i for i, number in enumerate(predictions)}
    shared, union = np.zeros((2, len(labels), len(predictions)))
    for row, true in enumerate(labels):
        for i in np.unique(prediction[true]):
            if i:
                shared[row, column[i]] = (true & predictions[i]).sum()
                union[row, column[i]] = (true | predictions[i]).sum()
    iou = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    label_areas, prediction_areas = (
        np.array([mask.sum() for mask in masks]) for masks in (labels, predictions.values())
    )

    def jaccard(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> float:
        met = iou[rows, columns] > 0
        rows, columns = rows[met], columns[met]
        left = np.delete(label_areas, rows).sum() + np.delete(prediction_areas, columns).sum()
        return shared[rows, columns].sum() / (union[rows, columns].sum() + left)

    pairs = iou > 0.5
    dq = pairs.sum() / (len(labels) / 2 + len(predictions) / 2)
    sq = iou[pairs].mean()
    both = ((prediction > 0) & (label > 0)).sum()
    return {
        "dice": 2 * both / ((prediction > 0).sum() + (label > 0).sum()),
        "aji": jaccard(np.arange(len(labels)), iou.argmax(axis=1)),
        "aji_plus": jaccard(*linear_sum_assignment(iou, maximize=True)),
        "dq": dq,
        "sq": sq,
        "pq": dq * sq,
    }


def main(size: int = 1000, nuclei: int = 600, pairs: int = 5, images: int = 2722, image_size: int = 256) -> None:
    """Prints the time of one large image beside a loop over its nuclei, and that of a PanNuke fold.

    Args:
        size: edge of the large image in pixels.
        nuclei: nuclei in it.
        pairs: how many times both ways are measured, the two in turn; medians count.
        images: images of the fold, 25 nuclei each.
        image_size: their edge in pixels.
    """
    maps = synthetic_pair(size, nuclei, seed=0)
    fast, slow = compute_instance_metrics(*maps), loop_over_nuclei(*maps)  # warms up, too
    apart = max(abs(fast[name] - slow[name]) for name in FIGURES)
    times = [(_seconds(compute_instance_metrics, *maps), _seconds(loop_over_nuclei, *maps)) for _ in range(pairs)]
    ours, loop = median(a for a, _ in times), median(b for _, b in times)
    ratio = median(b / a for a, b in times)
    print(f"{size}x{size}, {nuclei} nuclei, one thread; the figures are at most {apart:.0e} apart")
    print(f"compute_instance_metrics {ours * 1e3:.1f} ms, loop over nuclei {loop * 1e3:.0f} ms, ratio {ratio:.0f}")

    fold = [synthetic_pair(image_size, 25, seed) for seed in range(min(images, 50))]
    seconds = _seconds(lambda: [compute_instance_metrics(*fold[i % len(fold)]) for i in range(images)])
    print(f"{images} images of {image_size}x{image_size}: {seconds:.1f} s, {seconds / images * 1e3:.2f} ms each")


def _seconds(function: Callable[..., object], *arguments: object) -> float:
    """Of the processor: one thread computes, and others use the machine."""
    start = time.process_time()
    function(*arguments)
    return time.process_time() - start


if __name__ == "__main__":
    fire.Fire(main)
