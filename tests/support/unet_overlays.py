"""The U-Net bundle's overlays by what they overlay: a training, an evaluation, or a finished run."""

from __future__ import annotations

import json

from bundle_files import REPOSITORY

from mani_monai.config_index import list_configs

NO_OVERLAY = {"train"}
OVERLAYS = {
    entry.name: json.loads(entry.path.read_text())
    for entry in list_configs(REPOSITORY / "bundles" / "mani_unet")
    if entry.name not in NO_OVERLAY
}
SEVERAL_PROCESSES = "multi_gpu_train"
OF_VECTORS = "source_free"
"""Needs stored vectors of a source; tests of self-training give them."""
OF_FINISHED_RUNS = [name for name, content in OVERLAYS.items() if "run" in content]
OF_EVALUATIONS = [name for name, content in OVERLAYS.items() if "evaluation_dir" in content and "run" not in content]
_OTHERS = {SEVERAL_PROCESSES, OF_VECTORS, *OF_FINISHED_RUNS, *OF_EVALUATIONS}
OF_TRAININGS = [name for name in OVERLAYS if name not in _OTHERS]
