"""Regions of a slide that are worth correcting, as locked rectangles for QuPath with their nuclei as annotations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from mani_monai.apps.slides.qupath_features import ANNOTATION, feature_file, nucleus_features, rectangle_feature
from mani_monai.apps.slides.shard_store import ShardStore
from mani_monai.apps.slides.tile_nuclei import SlideTask

EDGE = 512  # pixels of the network's grid
SEED = 0
_INSIDE = 0.5  # least share of a square that counts
_FEWEST = 0.5  # of the median number of nuclei
_BOX = ("xmin", "ymin", "xmax", "ymax")
UNCERTAIN, DENSE, RANDOM = "least certain", "densest", "random"


@dataclass(frozen=True)
class TrainingRegion:
    """A square of a slide.

    Attributes:
        corners: left, top, right and bottom in pixels of the slide.
        reason: why it was chosen.
    """

    corners: tuple[float, float, float, float]
    reason: str


class RegionChoice:
    """Counts nuclei by squares of 512 pixels of the network's grid, as they come, and chooses among the squares.

    Args:
        task: the slide.
    """

    def __init__(self, task: SlideTask) -> None:
        self._task = task
        self._edges = [min(EDGE, side) for side in task.grid.shape]
        shape = [side // edge for side, edge in zip(task.grid.shape, self._edges, strict=True)]
        self._counts, self._margins = np.zeros(shape, np.int64), np.zeros(shape)

    def add(self, nuclei: pa.Table) -> None:
        """Counts nuclei by their centroids."""
        height, width = (edge * self._task.ratio for edge in self._edges)
        rows = (nuclei["centroid_y"].to_numpy() // height).astype(int)
        columns = (nuclei["centroid_x"].to_numpy() // width).astype(int)
        inside = (rows < self._counts.shape[0]) & (columns < self._counts.shape[1])
        place = rows[inside], columns[inside]
        np.add.at(self._counts, place, 1)
        np.add.at(self._margins, place, nuclei["probability_margin"].to_numpy()[inside])

    def chosen(self, count: int) -> list[TrainingRegion]:
        """The least certain square, the densest, one at random, and so on in turn.

        A square has half of its area where nuclei count, and half as many nuclei as is usual.

        Args:
            count: how many; fewer where there are no more.
        """
        candidates = self._candidates()
        counts, margins = self._counts.ravel()[candidates], self._margins.ravel()[candidates]
        orders = {
            UNCERTAIN: candidates[np.argsort(margins / counts, kind="stable")],
            DENSE: candidates[np.argsort(-counts, kind="stable")],
            RANDOM: np.random.default_rng(SEED).permutation(candidates),
        }
        reasons: dict[int, str] = {}
        for reason in cycle(orders):
            if len(reasons) == min(count, len(candidates)):
                break
            reasons[next(int(square) for square in orders[reason] if square not in reasons)] = reason
        return [TrainingRegion(self._corners(square), reason) for square, reason in reasons.items()]

    def _candidates(self) -> NDArray[np.intp]:
        filled = np.flatnonzero(self._counts)
        if not len(filled):
            return filled
        many = self._counts.ravel()[filled] >= _FEWEST * np.median(self._counts.ravel()[filled])
        boxes = shapely.box(*np.array([self._corners(int(square)) for square in filled]).T)
        share = shapely.area(shapely.intersection(self._task.region, boxes)) / shapely.area(boxes)
        return filled[many & (share >= _INSIDE)]

    def _corners(self, square: int) -> tuple[float, float, float, float]:
        row, column = divmod(int(square), self._counts.shape[1])
        height, width = (edge * self._task.ratio for edge in self._edges)
        return column * width, row * height, (column + 1) * width, (row + 1) * height


def write_training_regions(path: Path, task: SlideTask, store: ShardStore, regions: Sequence[TrainingRegion]) -> None:
    """Writes the regions, then every nucleus that reaches into one, once and whole.

    Args:
        path: the GeoJSON.
        task: the slide.
        store: its shards, all done.
        regions: what was chosen.

    Raises:
        InputError: when the file cannot be written, or a shard cannot be read.
    """
    names = task.model.declaration.class_names
    with feature_file(path) as write:
        write(rectangle_feature(each.corners, each.reason, task.slide.hash) for each in regions)
        for nuclei in _within(store, regions):
            write(nucleus_features(nuclei, names, ANNOTATION))


def _within(store: ShardStore, regions: Sequence[TrainingRegion]) -> Iterator[pa.Table]:
    for shard in store.shards if regions else ():
        nuclei = store.read(shard).nuclei
        edges = {name: np.array([box[name] for box in nuclei["bbox"].to_pylist()]) for name in _BOX}
        if len(nuclei):
            yield nuclei.filter(pa.array(_reaching(edges, regions)))


def _reaching(edges: dict[str, NDArray], regions: Sequence[TrainingRegion]) -> NDArray[np.bool_]:
    found = np.zeros(len(edges["xmin"]), bool)
    for left, top, right, bottom in (region.corners for region in regions):
        across = (edges["xmin"] < right) & (edges["xmax"] > left)
        found |= across & (edges["ymin"] < bottom) & (edges["ymax"] > top)
    return found
