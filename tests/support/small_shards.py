"""Runs over slides in processes of their own that may be killed: many small shards, and modules imported once."""

from __future__ import annotations

import multiprocessing
from multiprocessing.process import BaseProcess
from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["small_shards", "made_slides", "mani_monai.apps.slides.slides_run"])


def start_run(slides: Path, out: Path, shard: str | None = None) -> BaseProcess:
    """Starts a run in a process that imports nothing any more."""
    process = _FORKS.Process(target=run_small_shards, args=(str(slides), str(out), shard))
    process.start()
    return process


def run_small_shards(slides: str, out: str, shard: str | None) -> None:
    """Tiles of 64 pixels, shards of 2 x 2, one region to correct."""
    import torch
    from made_slides import dark_model

    from mani_monai.apps.slides import tile_grid
    from mani_monai.apps.slides.slides_run import run_slides

    torch.set_num_threads(1)
    tile_grid.SHARD = 2
    run_slides(dark_model(), slides, out, annotate=1, core=64, progress=False, shard=shard)
