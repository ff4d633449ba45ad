"""What a whole slide costs: seconds a mm2 beside the network's bare passes, shares of the parts, and peak memory."""

from __future__ import annotations

import os
import resource
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import fire
import numpy as np
import tifffile
import torch
from monai.inferers import Inferer
from numpy.typing import NDArray
from PIL import Image

from mani_monai.__main__ import ENVIRONMENT
from mani_monai.apps.slides import slide_work
from mani_monai.apps.slides.slides_run import run_slides
from mani_monai.apps.slides.tile_grid import Tile
from mani_monai.apps.slides.tile_nuclei import Answer, SlideTask
from mani_monai.inferers import AutocastInferer, WholeImageInferer
from mani_monai.model import Model
from mani_monai.utils.memory import keep_freed_memory

BUNDLE, SAMPLE = Path("pretrained/mani_unet"), Path("pretrained/sample")
MPP = 0.25
FILLED, TISSUE = 8192, 3840
"""Pixels of the edges of a slide and its tissue, which fills four tiles."""
LEAST = 2240  # pixels from the slide's corner to its tissue
FEWEST = 1000
_TILE = 256
_STEPS = (1, 4, 16)
_GLASS = 243


def main(
    edges: Sequence[int] = (20_000, 40_000),
    tissue: int = 1848,
    filled: bool = True,
    bundle: str = str(BUNDLE),
    keep_memory: bool = False,
    precision: str = "float32",
) -> None:
    """Prints, for each slide, processor seconds a mm2 of tissue, where they went, and the peak of memory.

    Seconds are the processor's, on one thread, so that other processes count less. Every slide has a process of its
    own, so that its peak is its own.

    Args:
        edges: of the slides with little tissue, in pixels of 0.25 um.
        tissue: edge of the square of tissue in each of them, in pixels.
        filled: measure a slide of 8,192 pixels first, whose tissue fills its tiles, beside MONAI's own passes.
        bundle: whose weights are used.
        keep_memory: make the allocator keep what is freed, which takes less time and more memory.
        precision: "float32" or "bfloat16".
    """
    if tissue < FEWEST:
        raise SystemExit(f"--tissue {tissue}: is dropped as too small a piece; choose {FEWEST} or more.")
    for name, value in ENVIRONMENT.items():  # of the processes that measure, as of the command's
        os.environ.setdefault(name, value)
    edges = [edges] if isinstance(edges, int) else edges
    slides = [(FILLED, TISSUE, True)] if filled else []
    peaks = {}
    for edge, square, stock in [*slides, *((edge, tissue, False) for edge in edges)]:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            options = (edge, square, bundle, keep_memory, precision, stock)
            lines, peaks[edge] = pool.submit(_measured, *options).result()
        print("\n".join(lines), flush=True)
    if edges and min(edges) < max(edges):
        small, large = min(edges), max(edges)
        print(f"peak at {large} px over that at {small} px: {peaks[large] / peaks[small]:.2f}")


def write_slide(path: Path, edge: int, tissue: NDArray[np.uint8], top: int = LEAST) -> None:
    """Writes a slide of glass with a square of tissue: three levels as Aperio has them, a tile at a time.

    Args:
        path: the file.
        edge: of the slide in pixels.
        tissue: HW3, square.
        top: rows and columns before it.
    """
    words = f"Aperio Image Library v11.2.1\r\nmade|AppMag = 40|MPP = {MPP}"
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for step in _STEPS:
            side = len(tissue) // step
            small = np.asarray(Image.fromarray(tissue).resize((side, side), Image.Resampling.BOX))
            writer.write(
                _tiles(edge // step, small, top // step),
                shape=(edge // step, edge // step, 3),
                dtype=np.uint8,
                tile=(_TILE, _TILE),
                photometric="rgb",
                compression="jpeg",
                compressionargs={"level": 85},
                subfiletype=int(step > 1),
                description=words,
                metadata=None,
            )


def _tiles(edge: int, tissue: NDArray[np.uint8], top: int) -> Iterator[NDArray[np.uint8]]:
    bottom = top + len(tissue)
    for row in range(0, edge, _TILE):
        for column in range(0, edge, _TILE):
            tile = np.full((_TILE, _TILE, 3), _GLASS, np.uint8)
            rows = max(row, top), min(row + _TILE, bottom)
            columns = max(column, top), min(column + _TILE, bottom)
            if rows[0] < rows[1] and columns[0] < columns[1]:
                part = tissue[rows[0] - top : rows[1] - top, columns[0] - top : columns[1] - top]
                tile[rows[0] - row : rows[1] - row, columns[0] - column : columns[1] - column] = part
            yield tile


def made_tissue(edge: int) -> NDArray[np.uint8]:
    """The sample at twice its size, mirrored side by side until it fills a square."""
    path = sorted(SAMPLE.glob("*.tif"))[0]
    with Image.open(path) as image:
        large = image.convert("RGB").resize((2 * image.width, 2 * image.height), Image.Resampling.BICUBIC)
    pixels = np.asarray(large)
    rest = [max(edge - side, 0) for side in pixels.shape[:2]]
    return np.pad(pixels, ((0, rest[0]), (0, rest[1]), (0, 0)), "symmetric")[:edge, :edge]


class _Clock:
    """Seconds of the processor that functions took, without those of timed functions that they called."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()
        self._inner = threading.local()

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, whose seconds go to a name."""

        def call(*args: Any, **options: Any) -> Any:
            outer, self._inner.seconds = getattr(self._inner, "seconds", 0.0), 0.0
            start = time.thread_time()
            result = function(*args, **options)
            passed = time.thread_time() - start
            self.seconds[name] += passed - self._inner.seconds
            self.calls[name] += 1
            self._inner.seconds = outer + passed
            return result

        return call


def _measured(
    edge: int, tissue: int, bundle: str, keep_memory: bool, precision: str, stock: bool
) -> tuple[list[str], float]:
    """Lines of a slide, and its peak in MiB."""
    if keep_memory:
        keep_freed_memory()
    torch.set_num_threads(1)
    clock = _Clock()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.svs"
        write_slide(path, edge, made_tissue(tissue))
        model = Model.open(bundle, "cpu", precision)
        shapes: Counter[tuple[int, ...]] = Counter()
        answer, passes = SlideTask.answer, WholeImageInferer.__call__

        def noted(task: SlideTask, tile: Tile, picture: NDArray[np.uint8], times: int = 1) -> Answer | None:
            shapes[picture.shape] += 1
            return answer(task, tile, picture, times)

        WholeImageInferer.__call__ = clock.timed("network", passes)  # type: ignore[method-assign]
        SlideTask.answer = clock.timed("tissue", noted)  # type: ignore[method-assign]
        SlideTask.read = clock.timed("reading", SlideTask.read)  # type: ignore[method-assign]
        SlideTask.quality = clock.timed("quality", SlideTask.quality)  # type: ignore[method-assign]
        SlideTask.table = clock.timed("parting", SlideTask.table)  # type: ignore[method-assign]
        slide_work.finish = clock.timed("writing", slide_work.finish)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        start = time.process_time()
        (result,) = run_slides(model, path, Path(folder) / "out", progress=False)
        total = time.process_time() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    WholeImageInferer.__call__ = passes  # type: ignore[method-assign]
    bare = _bare_passes(model, shapes, model.inferer)
    area = result.tissue_mm2 or 0.0
    seconds, calls = clock.seconds, clock.calls
    seconds["once a slide"] = total - sum(seconds.values())
    shares = ", ".join(
        f"{name} {value / total:.0%}" for name, value in sorted(seconds.items(), key=lambda each: -each[1])
    )
    again = calls["reading"] - calls["parting"]
    lines = [
        f"{edge} px: {area:.3f} mm2 of tissue, {result.nuclei} nuclei, {result.cut} cut, {calls['parting']} tiles, "
        f"{again} of them twice",
        f"  {total:.1f} s: {total / area:.1f} s a mm2; bare passes {bare:.1f} s, "
        f"all over bare passes {total / bare:.2f}",
        f"  shares: {shares}",
        f"  peak {peak:.0f} MiB (before the run {before:.0f} MiB)",
    ]
    if stock:
        own = _bare_passes(model, shapes, AutocastInferer(precision, channels_last=True))
        lines.insert(2, f"  passes of MONAI's network as it is {own:.1f} s, all over these {total / own:.2f}")
    return lines, peak


def _bare_passes(model: Model, shapes: Counter[tuple[int, ...]], inferer: Inferer) -> float:
    """Processor seconds of the network alone on pictures of these shapes, HW3."""
    seconds = 0.0
    for shape, count in shapes.items():
        image = torch.rand(1, 3, *shape[:2])
        with torch.inference_mode():
            start = time.process_time()
            inferer(image, model.network)
            seconds += count * (time.process_time() - start)
    return seconds


if __name__ == "__main__":
    fire.Fire(main)
