"""The parting of nuclei in the words of TorchScript, for programs without Python."""

from __future__ import annotations

import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor
from torch.nn.functional import max_pool2d, pad

from .nucleus import THRESHOLD, least_area
from .part_nuclei import RULE, PartingRule


class PartNucleiScript(torch.nn.Module):
    """:func:`mani_monai.transforms.part_nuclei.part_nuclei` as a module that ``torch.jit.script`` takes.

    It gives the same nuclei, bit for bit, on a CPU. It works there wherever the map lies.

    Args:
        min_size: pixels of the smallest nucleus; :func:`mani_monai.transforms.nucleus.least_area` by default.
        rule: at which necks nuclei are parted.
    """

    def __init__(self, min_size: int | None = None, rule: PartingRule = RULE) -> None:
        super().__init__()
        self.min_size = least_area() if min_size is None else min_size
        self.threshold = THRESHOLD
        self.depth, self.share, self.hole, self.cap = rule.depth, rule.share, rule.hole, rule.cap
        impulse = torch.zeros(2 * rule.blur_radius + 1, dtype=torch.float64)
        impulse[rule.blur_radius] = 1
        kernel = gaussian_filter1d(impulse.numpy(), rule.blur, mode="constant", radius=rule.blur_radius)
        self.weights = kernel[rule.blur_radius :].tolist()

    def forward(self, probability: Tensor, contour: Tensor | None = None, distance: Tensor | None = None) -> Tensor:
        """
        Args:
            probability: HW, of nuclei, in 0..1.
            contour: HW bool, where a nucleus ends; None where nothing is known of it.
            distance: HW float32 in 0..1, to a nucleus's border as a share of its largest; likewise.

        Returns:
            HW int64 ids 1..N in the raster order of their peaks, 0 background, on the map's device.
        """
        here = probability.cpu()
        mask = _filled(here > self.threshold, self.hole)
        instances = torch.zeros(mask.shape, dtype=torch.int64)
        if bool(mask.any()):
            if distance is None:
                depth, least = _capped_distance(mask, self.cap), self.depth
                if contour is not None:
                    depth = depth.masked_fill(contour.cpu(), 0.0)
                depth = _blurred(depth, self.weights)
            else:
                depth, least = distance.cpu(), self.share
            number, peak, sides, neck = _basins(mask, depth)
            nuclei = _joined(peak, sides, neck, least)
            instances[mask] = nuclei[number]
            kept = torch.bincount(instances.flatten()) >= self.min_size
            kept[0] = False
            instances = (kept.cumsum(0) * kept)[instances]
        return instances.to(probability.device)


def _filled(mask: Tensor, largest: int) -> Tensor:
    """Fills holes that fit into a small box. Every pixel learns the box around what it is connected to."""
    height, width = mask.shape
    rows = torch.arange(height, dtype=torch.float32)[:, None].expand(height, width)
    columns = torch.arange(width, dtype=torch.float32)[None].expand(height, width)
    outside = mask[None].expand(4, height, width)
    box = torch.stack([-rows, rows, -columns, columns]).masked_fill(outside, -1e9)  # less than any row
    small = ~mask
    learning = True
    while learning:
        larger = max_pool2d(box[None], 3, 1, 1)[0].masked_fill(outside, -1e9)
        learning = bool((small & (larger != box).any(0)).any())  # what is large already cannot become small
        box = larger
        small = ~mask & (box[0] + box[1] < largest) & (box[2] + box[3] < largest)
    within = (box[0] < 0) & (box[1] < height - 1) & (box[2] < 0) & (box[3] < width - 1)
    return mask | (small & within)


def _capped_distance(mask: Tensor, cap: int) -> Tensor:
    """Euclidean distance of every pixel of a mask to the nearest pixel outside it, at most ``cap``."""
    far = mask.to(torch.int32) * cap
    steps = far.clone()
    for step in range(1, min(cap, mask.size(0))):
        steps[step:] = torch.minimum(steps[step:], far[:-step] + step)
        steps[:-step] = torch.minimum(steps[:-step], far[step:] + step)
    square = steps * steps
    nearest = square.clone()
    for step in range(1, min(cap, mask.size(1))):
        shifted = square + step * step
        nearest[:, step:] = torch.minimum(nearest[:, step:], shifted[:, :-step])
        nearest[:, :-step] = torch.minimum(nearest[:, :-step], shifted[:, step:])
    return nearest.to(torch.float32).sqrt()


def _blurred(depth: Tensor, weights: list[float]) -> Tensor:
    """SciPy's ``gaussian_filter``, with its order of sums: float64 along an axis, float32 after it."""
    radius = len(weights) - 1
    for axis in range(2):
        edge = [0, 0, radius, radius] if axis == 0 else [radius, radius, 0, 0]
        line = pad(depth[None, None], edge, mode="replicate")[0, 0].to(torch.float64)
        length = depth.size(axis)
        total = line.narrow(axis, radius, length) * weights[0]
        for step in range(radius, 0, -1):
            both = line.narrow(axis, radius - step, length) + line.narrow(axis, radius + step, length)
            total = total + both * weights[step]
        depth = total.to(torch.float32)
    return depth


def _basins(mask: Tensor, depth: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The basin of every pixel of the mask, every basin's peak, and both sides and depth of every neck."""
    padded = pad(depth.masked_fill(~mask, -1.0), [1, 1, 1, 1], value=-1.0)
    width, flat = padded.size(1), padded.flatten()
    pixels = torch.nonzero(flat >= 0)[:, 0]
    place = torch.zeros(flat.size(0), dtype=torch.int64)
    place[pixels] = torch.arange(pixels.size(0))

    height = flat[pixels]
    best, above = height, pixels
    for step in [-width, -1, 1, width]:
        neighbour = flat[pixels + step]
        higher = neighbour > best
        if step < 0:  # an equally high pixel that comes first is higher
            higher = higher | ((neighbour == best) & (above == pixels))
        best, above = torch.where(higher, neighbour, best), torch.where(higher, pixels + step, above)
    top = place[above]
    while not torch.equal(top[top], top):
        top = top[top]
    is_peak = top == torch.arange(top.size(0))
    number = (is_peak.cumsum(0) - 1)[top]

    pairs, depths = [], []
    for step in [1, width]:
        here = torch.nonzero(flat[pixels + step] >= 0)[:, 0]
        there = place[pixels[here] + step]
        border = number[here] != number[there]
        here, there = here[border], there[border]
        pairs.append(torch.stack([number[here], number[there]]).sort(0)[0])
        depths.append(torch.minimum(height[here], height[there]))
    sides, neck = torch.cat(pairs, 1), torch.cat(depths)
    order = torch.sort(neck, stable=True, dim=0, descending=True)[1]
    pair = (sides[0] * (number.max() + 1) + sides[1])[order]
    grouped, place = torch.sort(pair, stable=True, dim=0)
    first = torch.ones_like(grouped, dtype=torch.bool)
    first[1:] = grouped[1:] != grouped[:-1]
    chosen = order[place[first].sort()[0]]
    return number, height[is_peak], sides[:, chosen], neck[chosen]


def _joined(peak: Tensor, sides: Tensor, neck: Tensor, least: float) -> Tensor:
    """The nucleus, 1..N, of every basin."""
    peaks: list[float] = peak.tolist()
    ones: list[int] = sides[0].tolist()
    others: list[int] = sides[1].tolist()
    necks: list[float] = neck.tolist()
    parent = list(range(len(peaks)))
    for index in range(len(necks)):
        low, high = _root(parent, ones[index]), _root(parent, others[index])
        if peaks[low] > peaks[high] or (peaks[low] == peaks[high] and low < high):
            low, high = high, low
        if peaks[low] < necks[index] + least:
            parent[low] = high
    roots = torch.tensor([_root(parent, basin) for basin in range(len(parent))])
    return torch.unique(roots, return_inverse=True)[1] + 1


def _root(parent: list[int], basin: int) -> int:
    while parent[basin] != basin:
        parent[basin] = parent[parent[basin]]
        basin = parent[basin]
    return basin
