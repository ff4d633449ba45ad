"""Exports of before the key "model": what their ``inference.json`` says, as a declaration.

Nothing of it is executed. Its steps are compared with those that exports had, and others are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mani_monai.declaration import COLUMNS, HOVERNET, ROWS, UNET, Declaration
from mani_monai.inference_config import with_project_names
from mani_monai.known_components import HOVER_PARTING, PARTING
from mani_monai.utils import InputError

INSTEAD = "run it with python -m monai.bundle run, once mani inspect has shown what it executes"
AXES = {UNET: COLUMNS, HOVERNET: ROWS}

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
_STAINS = {"_target_": "mani_monai.transforms.NormaliseStainsd", "keys": "image", "white": 1}
_NORMALISATION = (  # values were fractions by then: they were never rounded to whole numbers
    {"_target_": "CastToTyped", "keys": "image", "dtype": "float32"},
    {"_target_": "mani_monai.transforms.NormaliseStainsd", "keys": "image"},
)

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
        "preprocessing": {"_target_": "Compose", "transforms": [{**_READ, "reverse_indexing": False}, *_SCALE]},
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
        "postprocessing": [{"_target_": HOVER_PARTING, "keys": "pred"}],
    },
}
"""What decided about nuclei, by top-level key; of post-processing the first step."""


def older_declaration(config: Mapping[str, Any], metadata: Mapping[str, Any]) -> Declaration:
    """What an older export declares.

    Args:
        config: its ``inference.json``.
        metadata: its ``metadata.json``.

    Raises:
        InputError: when its network or its steps are not those that exports had.
    """
    config = with_project_names(config)
    network = config.get("network_def")
    network = network if isinstance(network, dict) else {}
    target = network.get("_target_")
    name = next((name for name, known in PIPELINES.items() if known["network_def"]["_target_"] == target), None)
    if name is None:
        raise InputError(f"configs/inference.json: its network is {target}, of neither mani bundle; {INSTEAD}.")
    preprocessing = _checked_steps(config, name)
    settings = {key: config.get(value[1:]) if str(value).startswith("@") else value for key, value in network.items()}
    window: Any = config.get("window") if name == UNET else 256 if settings.get("mode") == "fast" else 270
    try:
        return Declaration(
            bundle=name,
            network=settings,
            window=window,
            axes=AXES[name],
            preprocessing=preprocessing,
            mpp=metadata.get("mpp"),
            parting={"_target_": PARTING} if name == UNET else {"_target_": HOVER_PARTING, "min_size": 10},
            class_names=config.get("class_names"),
        )
    except InputError as error:
        file = "metadata.json" if str(error).startswith("mpp") else "inference.json"
        raise InputError(f"configs/{file}: {error}") from error


def _checked_steps(config: Mapping[str, Any], name: str) -> tuple[Mapping[str, Any], ...]:
    """What it does to an image between decoding and scaling.

    Raises:
        InputError: when a step is not known.
    """
    preprocessing: tuple[Mapping[str, Any], ...] = ()
    for key, known in PIPELINES[name].items():
        found = config.get(key)
        if key == "preprocessing" and found == {**known, "transforms": [*known["transforms"], _STAINS]}:
            preprocessing, found = _NORMALISATION, known
        if key == "postprocessing" and isinstance(found, dict) and isinstance(found.get("transforms"), list):
            found = found["transforms"][:1]  # what follows writes files
        if found != known:
            raise InputError(f"configs/inference.json: its {key} is not that of {name}; {INSTEAD}.")
    return preprocessing
