"""The U-Net bundle's overlays by what they overlay: a training, an evaluation, or a finished run."""

from __future__ import annotations

import json

from bundle_files import REPOSITORY

CONFIGS = REPOSITORY / "bundles" / "mani_unet" / "configs"
NO_OVERLAY = {"train", "inference", "metadata", "stain_normalisation_inference"}
OVERLAYS = {
    path.stem: json.loads(path.read_text()) for path in sorted(CONFIGS.glob("*.json")) if path.stem not in NO_OVERLAY
}
SEVERAL_PROCESSES = "multi_gpu_train"
OF_FINISHED_RUNS = [name for name, content in OVERLAYS.items() if "run" in content]
OF_EVALUATIONS = [name for name, content in OVERLAYS.items() if "evaluation_dir" in content and "run" not in content]
OF_TRAININGS = [name for name in OVERLAYS if name not in {SEVERAL_PROCESSES, *OF_FINISHED_RUNS, *OF_EVALUATIONS}]
