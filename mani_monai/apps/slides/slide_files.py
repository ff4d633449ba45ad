"""What comes of a slide: files for QuPath, tables and pictures, streamed from its shards in order."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mani_monai.apps.slides.dicom_annotations import annotation_file
from mani_monai.apps.slides.qupath_features import feature_file, nucleus_features
from mani_monai.apps.slides.shard_store import COMPRESSION, ShardStore
from mani_monai.apps.slides.slide_overview import Density, write_overview
from mani_monai.apps.slides.slide_tissue import region_mm2, tissue_features
from mani_monai.apps.slides.tile_nuclei import SCHEMA, SlideTask
from mani_monai.apps.slides.tile_quality import TileQuality
from mani_monai.apps.slides.training_regions import RegionChoice, write_training_regions
from mani_monai.utils.folders import replacing
from mani_monai.utils.json_files import save_json, write_csv

PARQUET, GEOJSON, CSV, DICOM = "parquet", "geojson", "csv", "dicom"
OUTPUTS = (PARQUET, GEOJSON, CSV, DICOM)
DEFAULT = (PARQUET, GEOJSON)
TILES = "tiles.csv"
ANNOTATIONS = "nuclei.dcm"
TRAINING_ENDING = "_training.geojson"
_NO_CELLS = ("geometry", "bbox")


@dataclass
class SlideCounts:
    """What was counted over the shards of a slide."""

    nuclei: int = 0
    area_um2: float = 0.0
    cut: int = 0
    unread: tuple[str, ...] = ()
    tiles: tuple[TileQuality, ...] = ()


_Writer = Callable[[pa.Table], Any]


def finish(task: SlideTask, store: ShardStore, folder: Path, outputs: Sequence[str], annotate: int = 0) -> SlideCounts:
    """Writes the files of a slide whose shards are all done, in the memory of one shard.

    Args:
        task: the slide.
        store: its shards.
        folder: receives the files.
        outputs: among ``OUTPUTS``.
        annotate: how many regions to write for correction.

    Returns:
        what was counted.

    Raises:
        InputError: when a file cannot be written, or a shard cannot be read.
    """
    counts, density, choice = SlideCounts(), Density(task.slide), RegionChoice(task)
    with ExitStack() as stack:
        writers = [stack.enter_context(_WRITERS[output](folder, task)) for output in outputs]
        for shard in store.shards:
            done = store.read(shard)
            nuclei = done.nuclei
            counts.nuclei += len(nuclei)
            counts.area_um2 += float(np.sum(nuclei["area_um2"].to_numpy()))
            counts.cut += int(np.sum(nuclei["cut"].to_numpy()))
            counts.unread += tuple(done.unread)
            counts.tiles += tuple(done.tiles)
            density.add(nuclei["centroid_x"].to_numpy(), nuclei["centroid_y"].to_numpy())
            choice.add(nuclei)
            for write in writers:
                write(nuclei)
    if annotate:
        path = folder / training_file(task.slide.path.stem)
        write_training_regions(path, task, store, choice.chosen(annotate))
    write_csv(folder / TILES, [asdict(tile) for tile in counts.tiles], [each.name for each in fields(TileQuality)])
    save_json(folder / "tissue.geojson", tissue_features(task.tissue))
    words = f"{task.slide.path.name}: {counts.nuclei:,} nuclei in {region_mm2(task.region, task.slide):.2f} mm2"
    write_overview(folder / "overview.jpg", task.slide, task.tissue, density, words)
    return counts


def training_file(stem: str) -> str:
    """Name of the file of regions to correct."""
    return f"{stem}{TRAINING_ENDING}"


def output_files(stem: str, outputs: Sequence[str], annotate: int = 0) -> list[str]:
    """Names of the files of a slide."""
    names = {PARQUET: "nuclei.parquet", GEOJSON: f"{stem}.geojson.gz", CSV: "nuclei.csv", DICOM: ANNOTATIONS}
    regions = [training_file(stem)] if annotate else []
    return [*(names[output] for output in outputs), *regions, TILES, "tissue.geojson", "overview.jpg"]


@contextmanager
def _parquet(folder: Path, task: SlideTask) -> Iterator[_Writer]:
    with (
        replacing(folder / "nuclei.parquet") as partial,
        pq.ParquetWriter(partial, SCHEMA, compression=COMPRESSION) as writer,
    ):
        yield lambda nuclei: writer.write_table(nuclei.cast(SCHEMA)) if len(nuclei) else None


@contextmanager
def _geojson(folder: Path, task: SlideTask) -> Iterator[_Writer]:
    with feature_file(folder / f"{task.slide.path.stem}.geojson.gz") as write:
        yield lambda nuclei: write(nucleus_features(nuclei, task.model.declaration.class_names))


@contextmanager
def _csv(folder: Path, task: SlideTask) -> Iterator[_Writer]:
    columns = [name for name in SCHEMA.names if name not in _NO_CELLS]
    with replacing(folder / "nuclei.csv") as partial, open(partial, "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        yield lambda nuclei: writer.writerows(zip(*(nuclei[name].to_pylist() for name in columns), strict=True))


@contextmanager
def _dicom(folder: Path, task: SlideTask) -> Iterator[_Writer]:
    names = task.model.declaration.class_names
    with annotation_file(folder / ANNOTATIONS, task.slide, task.model.weights, names) as write:
        yield write


_WRITERS = {PARQUET: _parquet, GEOJSON: _geojson, CSV: _csv, DICOM: _dicom}
