"""The U-Net bundle's inference on a small network."""

from __future__ import annotations

from bundle_files import REPOSITORY
from monai.bundle import ConfigWorkflow

CONFIGS = REPOSITORY / "bundles" / "mani_unet" / "configs"
FEATURES = [4, 4, 8, 8, 8, 4]


def make_inference(**overrides):
    workflow = ConfigWorkflow(
        config_file=str(CONFIGS / "inference.json"),
        meta_file=str(CONFIGS / "metadata.json"),
        logging_file=False,
        workflow_type="infer",
        features=FEATURES,
        **overrides,
    )
    workflow.initialize()
    return workflow
