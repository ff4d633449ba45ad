"""The steps of the two bundles' ``inference.json``, as far as they decide what is found."""

from __future__ import annotations

from typing import Any

UNET, HOVERNET = "mani_unet", "mani_hovernet"
WINDOWS = {"fast": (256, 164), "original": (270, 80)}  # px: input and output of HoVer-Net's two forms

_READ = {
    "_target_": "LoadImaged",
    "keys": "image",
    "reader": "PILReader",
    "converter": "$methodcaller('convert', 'RGB')",
}
_SCALE = [
    {"_target_": "EnsureChannelFirstd", "keys": "image"},
    {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": 0, "a_max": 255, "b_min": 0, "b_max": 1},
    {"_target_": "EnsureTyped", "keys": "image", "dtype": "float32"},
]

NORMALISATION = {"_target_": "mani_monai.transforms.NormaliseStainsd", "keys": "image", "white": 1}
"""What may follow the preprocessing, where a network was trained so."""

PIPELINES: dict[str, dict[str, Any]] = {
    UNET: {
        "network_def": {
            "_target_": "BasicUNet",
            "spatial_dims": 2,
            "in_channels": 3,
            "out_channels": 2,
            "features": "@features",
            "act": "RELU",
            "norm": "BATCH",
        },
        "preprocessing": {"_target_": "Compose", "transforms": [{**_READ, "dtype": "uint8"}, *_SCALE]},
        "inferer": {
            "_target_": "SlidingWindowInferer",
            "roi_size": ["@window", "@window"],
            "sw_batch_size": 4,
            "overlap": 0.25,
            "mode": "gaussian",
        },
        "postprocessing": [{"_target_": "AsDiscreted", "keys": "pred", "argmax": True}],
    },
    HOVERNET: {
        "network_def": {
            "_target_": "mani_monai.networks.nets.ConcatHoVerNet",
            "mode": "@mode",
            "in_channels": 3,
            "out_classes": "@out_classes",
        },
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [{**_READ, "reverse_indexing": False, "dtype": "uint8"}, *_SCALE],
        },
        "tiles": {
            "_target_": "mani_monai.inferers.TiledHoVerNetInferer",
            "window": "@window",
            "output": "@output_size",
            "batch_size": 4,
        },
        "inferer": {
            "_target_": "mani_monai.inferers.AutocastInferer",
            "precision": "@precision",
            "channels_last": "@channels_last",
            "inferer": "@tiles",
        },
        "postprocessing": [{"_target_": "mani_monai.transforms.HoVerNetInstancesd", "keys": "pred"}],
    },
}
"""By top-level key, of post-processing the first step; the modules are named as in this project."""
