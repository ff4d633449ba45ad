"""What comes of a slide: files for QuPath, tables and pictures, streamed from its shards in order."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from mani_monai.apps.slides.shard_store import COMPRESSION, ShardStore
from mani_monai.apps.slides.slide_overview import Density, write_overview
from mani_monai.apps.slides.slide_tissue import region_mm2, tissue_features
from mani_monai.apps.slides.tile_nuclei import SCHEMA, SlideTask
from mani_monai.data.writers.classes import nucleus_class
from mani_monai.utils.atomic import replacing
from mani_monai.utils.json_files import save_json

PARQUET, GEOJSON, CSV = "parquet", "geojson", "csv"
OUTPUTS = (PARQUET, GEOJSON, CSV)
DEFAULT = (PARQUET, GEOJSON)
_MEASURES = ("area_um2", "mean_probability")  # few: QuPath holds all in memory
_NO_CELLS = ("geometry", "bbox")


@dataclass
class SlideCounts:
    """What was counted over the shards of a slide."""

    nuclei: int = 0
    area_um2: float = 0.0
    cut: int = 0
    unread: tuple[str, ...] = ()


_Writer = Callable[[pa.Table], Any]


def finish(task: SlideTask, store: ShardStore, folder: Path, outputs: Sequence[str]) -> SlideCounts:
    """Writes the files of a slide whose shards are all done, in the memory of one shard.

    Args:
        task: the slide.
        store: its shards.
        folder: receives the files.
        outputs: among ``OUTPUTS``.

    Returns:
        what was counted.

    Raises:
        InputError: when a file cannot be written, or a shard cannot be read.
    """
    counts, density = SlideCounts(), Density(task.slide)
    names = task.model.declaration.class_names
    with ExitStack() as stack:
        writers = [stack.enter_context(_WRITERS[output](folder, task.slide.path.stem, names)) for output in outputs]
        for shard in store.shards:
            nuclei, unread = store.read(shard)
            counts.nuclei += len(nuclei)
            counts.area_um2 += float(np.sum(nuclei["area_um2"].to_numpy()))
            counts.cut += int(np.sum(nuclei["cut"].to_numpy()))
            counts.unread += tuple(unread)
            density.add(nuclei["centroid_x"].to_numpy(), nuclei["centroid_y"].to_numpy())
            for write in writers:
                write(nuclei)
    save_json(folder / "tissue.geojson", tissue_features(task.tissue))
    words = f"{task.slide.path.name}: {counts.nuclei:,} nuclei in {region_mm2(task.region, task.slide):.2f} mm2"
    write_overview(folder / "overview.jpg", task.slide, task.tissue, density, words)
    return counts


def output_files(stem: str, outputs: Sequence[str]) -> list[str]:
    """Names of the files of a slide."""
    names = {PARQUET: "nuclei.parquet", GEOJSON: f"{stem}.geojson.gz", CSV: "nuclei.csv"}
    return [*(names[output] for output in outputs), "tissue.geojson", "overview.jpg"]


@contextmanager
def _parquet(folder: Path, stem: str, names: Sequence[str] | None) -> Iterator[_Writer]:
    with (
        replacing(folder / "nuclei.parquet") as partial,
        pq.ParquetWriter(partial, SCHEMA, compression=COMPRESSION) as writer,
    ):
        yield lambda nuclei: writer.write_table(nuclei.cast(SCHEMA)) if len(nuclei) else None


@contextmanager
def _geojson(folder: Path, stem: str, names: Sequence[str] | None) -> Iterator[_Writer]:
    separator = b"\n"

    def write(nuclei: pa.Table) -> None:
        nonlocal separator
        for feature in _features(nuclei, names):
            stream.write(separator + json.dumps(feature, separators=(",", ":"), allow_nan=False).encode())
            separator = b",\n"

    with (
        replacing(folder / f"{stem}.geojson.gz") as partial,
        open(partial, "wb") as raw,
        gzip.GzipFile("", "wb", 6, raw, mtime=0) as stream,  # without a name and a time: the same bytes every time
    ):
        stream.write(b'{"type":"FeatureCollection","features":[')
        yield write
        stream.write(b"\n]}\n")


@contextmanager
def _csv(folder: Path, stem: str, names: Sequence[str] | None) -> Iterator[_Writer]:
    columns = [name for name in SCHEMA.names if name not in _NO_CELLS]
    with replacing(folder / "nuclei.csv") as partial, open(partial, "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        yield lambda nuclei: writer.writerows(zip(*(nuclei[name].to_pylist() for name in columns), strict=True))


_WRITERS = {PARQUET: _parquet, GEOJSON: _geojson, CSV: _csv}


def _features(nuclei: pa.Table, names: Sequence[str] | None) -> Iterator[dict[str, Any]]:
    """Detections of QuPath, a nucleus each."""
    shapes = shapely.from_wkb(nuclei["geometry"].to_numpy(zero_copy_only=False))
    table = nuclei.select(["id", "type", "cut", *_MEASURES]).to_pylist()
    for row, shape in zip(table, shapes, strict=True):
        kind = nucleus_class(row["type"], names)
        measures = {name: row[name] for name in _MEASURES}
        yield {
            "type": "Feature",
            "id": row["id"],
            "geometry": _plain(shapely.geometry.mapping(shape)),
            "properties": {
                "objectType": "detection",
                "classification": {"name": kind.name, "color": list(kind.colour)},
                "measurements": {**measures, "cut": 1} if row["cut"] else measures,
            },
        }


def _plain(geometry: dict[str, Any]) -> dict[str, Any]:
    """A geometry with whole numbers where they are whole, which halves the file."""

    def plain(value: Any) -> Any:
        if isinstance(value, (tuple, list)):
            return [plain(item) for item in value]
        return int(value) if value == int(value) else value

    return {"type": geometry["type"], "coordinates": plain(geometry["coordinates"])}
