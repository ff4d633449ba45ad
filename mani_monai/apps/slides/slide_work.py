"""A slide through a model: its shards, then its files; what is done is not done again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon
from tqdm import tqdm

from mani_monai.apps.slides.dicom_annotations import check_dicom
from mani_monai.apps.slides.shard_store import Shard, ShardStore
from mani_monai.apps.slides.slide import Slide, open_slide
from mani_monai.apps.slides.slide_borders import with_slide_borders
from mani_monai.apps.slides.slide_files import ANNOTATIONS, DEFAULT, DICOM, finish, output_files
from mani_monai.apps.slides.slide_measures import hashed_once, measured_once, tissue_once
from mani_monai.apps.slides.slide_result import BEFORE, DONE, FAILED, INCOMPLETE, UNFINISHED, SlideResult
from mani_monai.apps.slides.slide_stains import tissue_colours
from mani_monai.apps.slides.slide_tissue import counted_region, region_mm2
from mani_monai.apps.slides.tile_grid import CORE, LARGEST_WINDOW, Tile, share_of, tile_grid
from mani_monai.apps.slides.tile_nuclei import SCHEMA, Answer, SlideTask
from mani_monai.apps.slides.tile_quality import SlideQuality, TileQuality
from mani_monai.apps.slides.window_reach import maps_reach, tile_unit
from mani_monai.data.pixel_size import PixelSize
from mani_monai.model import Model
from mani_monai.transforms.stain_normalisation import TissueColours
from mani_monai.utils import InputError
from mani_monai.utils.json_files import read_object, save_json
from mani_monai.utils.one_line import file_line
from mani_monai.utils.overlapped import AHEAD, overlapped

WORK, SUMMARY = "work", "summary.json"
_FEW = 16  # parts that all look at every slide, so that the last one writes its files
_WIDE = 4 * LARGEST_WINDOW  # of networks that take a window in pieces


@dataclass(frozen=True)
class SlideWork:
    """A model and the settings that all slides share.

    Attributes:
        model: of the bundle; its network sees whole windows.
        reach: pixels from a cut within which nuclei may differ.
        out: the folder for outputs.
        mpp: of all slides; what each says by default.
        tissue: a user's own, a file or a folder.
        roi: regions of interest, likewise.
        outputs: among ``OUTPUTS``.
        annotate: how many regions of each slide to write for correction.
        share: this process's part of the shards, and of how many; None does none.
        core: edge of a tile's core in pixels.
        progress: whether to show a bar.
        waiting: stores of slides whose shards were not all there.
    """

    model: Model
    reach: int
    out: Path
    mpp: PixelSize | None = None
    tissue: str | None = None
    roi: str | None = None
    outputs: tuple[str, ...] = DEFAULT
    annotate: int = 0
    share: tuple[int, int] | None = (0, 1)
    core: int = CORE
    progress: bool = True
    waiting: dict[Path, ShardStore] = field(default_factory=dict)

    def slide(self, path: Path) -> SlideResult:
        """Does this process's shards of a slide, and its files once all shards are there; never raises for a slide."""
        try:
            with closing(open_slide(path, self.mpp)) as slide:
                return self._slide(slide)
        except Exception as error:
            return SlideResult(path.name, FAILED, note=file_line(path, error))

    def _slide(self, slide: Slide) -> SlideResult:
        path = slide.path
        if DICOM in self.outputs:
            check_dicom(slide)
        ratio = slide.ratio(self.model.mpp)
        unit = tile_unit(self.model)
        largest = LARGEST_WINDOW if self.model.declaration.output is None else _WIDE
        um, blind = slide.size.um * ratio, maps_reach(self.model)
        grid = tile_grid(slide.grid(ratio), unit, self.reach, blind, um, self.core, largest)
        if self.share and self.share[1] > _FEW and not share_of(range(grid.most_shards), *self.share, path.name):
            note = "none of its shards is in this part; run the other parts, then --shard none"
            return SlideResult(path.name, UNFINISHED, mpp=slide.size.um, ratio=ratio, note=note)
        work = self.out / path.stem / WORK
        slide = hashed_once(work, slide)
        tissue, region = counted_region(slide, self.tissue, self.roi, partial(tissue_once, work))
        shards = grid.shards(region, ratio, um)
        standing = region if tissue.is_empty else tissue
        colours, model = self._measured(slide, ratio, standing)
        task = SlideTask(slide, model, ratio, grid, tissue, region, colours)
        store = ShardStore.open(work, self._facts(task), list(shards))
        for shard in share_of(store.shards, *self.share, path.name) if self.share else ():
            if not store.has(shard):
                store.write(shard, self._shard(task, shards[shard], f"{path.name} {shard}"))
        return self._finished(task, store)

    def _measured(
        self, slide: Slide, ratio: float, standing: Polygon | MultiPolygon
    ) -> tuple[TissueColours | None, Model]:
        """Colours of the tissue, and the model with the slide's borders."""
        facts = {**self._own_facts(slide, ratio), "standing": hashlib.sha256(shapely.to_wkb(standing)).hexdigest()}
        return measured_once(
            self.out / slide.path.stem / WORK,
            facts,
            lambda: tissue_colours(self.model, slide, ratio, standing),
            lambda colours: with_slide_borders(self.model, slide, ratio, standing, colours),
            self.model,
        )

    def _shard(self, task: SlideTask, tiles: Sequence[Tile], words: str) -> Shard:
        """Nuclei of the tiles of a shard, their quality, and the tiles that could not be read."""
        unread: list[str] = []
        qualities: list[TileQuality] = []

        def read(tile: Tile) -> tuple[Tile, NDArray[np.uint8] | None]:
            try:
                picture = task.read(tile)
                qualities.append(task.quality(tile, picture))
                return tile, picture
            except InputError as error:
                unread.append(str(error))
                return tile, None

        def ask(item: tuple[Tile, NDArray[np.uint8] | None]) -> tuple[Tile, Answer | None]:
            tile, picture = item
            return tile, None if picture is None else task.answer(tile, picture)

        def part(item: tuple[Tile, Answer | None]) -> pa.Table:
            tile, answer = item
            try:
                return SCHEMA.empty_table() if answer is None else task.table(tile, answer)
            except InputError as error:  # around its first window
                unread.append(str(error))
                return SCHEMA.empty_table()

        bar = tqdm(total=len(tiles), desc=words, unit="tile", disable=not self.progress, leave=False)
        tables = []
        with bar:
            for table in overlapped(tiles, read, ask, part, AHEAD):
                tables.append(table)
                bar.set_postfix(nuclei=sum(map(len, tables)))
                bar.update()
        return Shard(pa.concat_tables([SCHEMA.empty_table(), *tables]), sorted(unread), qualities)

    def _finished(self, task: SlideTask, store: ShardStore) -> SlideResult:
        slide, folder = task.slide, self.out / task.slide.path.stem
        missing = store.open_shards
        if missing:
            self.waiting[slide.path] = store
            note = f"{len(missing)} of {len(store.shards)} shards are missing; run the other parts, or without --shard"
            return SlideResult(slide.path.name, UNFINISHED, mpp=slide.size.um, ratio=task.ratio, note=note)
        files = output_files(slide.path.stem, self.outputs, self.annotate)
        written = read_object(folder / SUMMARY, "remove it")
        if written.get("key") == store.key and not written["result"]["nuclei"] and ANNOTATIONS in files:
            files.remove(ANNOTATIONS)  # DICOM has no file of no annotations
        same = written.get("key") == store.key and self.annotate in (0, written.get("annotate", 0))
        if same and all((folder / name).is_file() for name in files):
            status = BEFORE if written["result"]["status"] == DONE else written["result"]["status"]
            return SlideResult(**{**written["result"], "status": status})
        counts = finish(task, store, folder, self.outputs, self.annotate)
        area = region_mm2(task.region, slide)
        notes = [slide.size.doubt, *slide.levels.notes, *(counts.unread or ([] if area else ["no tissue was found"]))]
        result = SlideResult(
            slide.path.name,
            INCOMPLETE if counts.unread else DONE,
            nuclei=counts.nuclei,
            region_mm2=round(area, 4),
            tissue_mm2=round(region_mm2(task.tissue, slide), 4),
            nuclei_per_mm2=round(counts.nuclei / area, 2) if area else None,
            mean_area_um2=round(counts.area_um2 / counts.nuclei, 2) if counts.nuclei else None,
            cut=counts.cut,
            **asdict(SlideQuality.of(counts.tiles)),
            mpp=slide.size.um,
            ratio=task.ratio,
            note="; ".join(filter(None, notes)),
        )
        facts = {"key": store.key, "annotate": self.annotate, "result": asdict(result), "unread": counts.unread}
        save_json(folder / SUMMARY, facts)
        return result

    def _facts(self, task: SlideTask) -> dict[str, Any]:
        return {
            **self._own_facts(task.slide, task.ratio),
            "model": task.model.declaration.as_dict(),
            "region": hashlib.sha256(shapely.to_wkb(task.region)).hexdigest(),
            "grid": asdict(task.grid),
            "colours": task.colours and asdict(task.colours),
        }

    def _own_facts(self, slide: Slide, ratio: float) -> dict[str, Any]:
        return {
            "weights": self.model.weights,
            "model": self.model.declaration.as_dict(),
            "precision": self.model.precision,
            "slide": slide.hash,
            "mpp": slide.size.um,
            "ratio": ratio,
        }
