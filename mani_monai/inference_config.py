"""``configs/inference.json`` of a bundle, a run or an export, made of what it declares.

``python -m mani_monai.inference_config bundles/mani_unet`` writes a bundle's own anew.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mani_monai.declaration import HOVERNET, ROWS, Declaration
from mani_monai.utils.folders import replacing
from mani_monai.utils.json_files import config_text, read_object

SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp")
BESIDE = "$@bundle_root + '/images'"
"""``dataset_dir`` of a bundle that has no data of its own."""
IN_REPOSITORY = "$'bundles/{name}' if Path('bundles/{name}').is_dir() else '.'"
"""``bundle_root`` of a bundle of this repository, found from the repository's root and from its own folder."""
TOY_DATA = "$@bundle_root + '/data/toy_target/images'"

TISSUE = "tissue"
"""Key of where an image has tissue."""
_READ = {"_target_": "mani_monai.data.readers.LoadTissued", "keys": "image", "reverse_indexing": False}
_READ |= {"tissue_key": TISSUE}
_OFF_TISSUE = {"_target_": "mani_monai.transforms.BackgroundOffTissued", "keys": "pred", "tissue_key": TISSUE}
_SCALE = {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": 0, "a_max": 255, "b_min": 0, "b_max": 1}
_CARRIED, _PACKAGE = "scripts.", "mani_monai."  # how an export and this project call the same modules
_IMPORTS = ("$from pathlib import Path", "$from sys import exit")
_PROJECT_IMPORTS = (
    "$from mani_monai.utils.files import load_network",
    "$from mani_monai.utils.files import load_tensors",
    "$from mani_monai.utils.overrides import check_overrides",
)
_CHECKS = (
    "$@images or exit(@images.refusal)",
    "$len({Path(p).stem for p in @images}) == len(@images) or "
    "exit(@image_dir + ': two images differ in suffix alone.')",
    "$Path(@output_dir).resolve() != Path(@image_dir).resolve() or "
    "exit(@output_dir + ': holds the images; name another folder with --output_dir.')",
    "$isinstance(@outputs, list) or exit('--outputs ' + str(@outputs) + ': write a list, e.g. --outputs "
    "\"[\\'geojson\\']\".')",
    "$Path(@ckpt).is_file() or exit(@ckpt + ': no such weights; train first or name them with --ckpt.')",
)
_LEFT_OUT = "$@images.left_out and print(@images.left_out)"
_LAST = "$@dataset.last_lines and exit(@dataset.last_lines)"
_HOVERNET_CHECKS = (
    "$@class_names is None or len(@class_names) == max(@out_classes, 1) or "
    "exit('--class_names: name as many as --out_classes, the background first.')",
    "$load_network(@network, load_tensors(@ckpt), @ckpt)",
)
_PROGRESS = {"_target_": "ignite.handlers.ProgressBar", "desc": "inference", "persist": True}
_LOADER = {
    "_target_": "CheckpointLoader",
    "load_path": "@ckpt",
    "load_dict": {"model": "@network"},
    "map_location": "@device",
}


def inference_config(declaration: Declaration, bundle_root: str, dataset_dir: str = BESIDE) -> dict[str, Any]:
    """What ``python -m monai.bundle run --config_file configs/inference.json`` does: the declaration, and files.

    Args:
        declaration: of the network.
        bundle_root: the bundle's folder, or an expression that finds it.
        dataset_dir: the folder of images that are read where none is named.

    Returns:
        the config for JSON, in the zoo's order.

    Raises:
        ValueError: for a network that sees columns first: older exports keep the config that they have.
    """
    if declaration.axes != ROWS:
        raise ValueError(f"axes must be {ROWS}, got {declaration.axes}.")
    hovernet = declaration.bundle == HOVERNET
    network, keys = declaration.deployed, declaration.kind.named
    named = {key: network[name] for name, key in keys.items() if name in network}
    return {
        "imports": [*_IMPORTS, *(_PROJECT_IMPORTS if hovernet else ())],
        "bundle_root": bundle_root,
        "dataset_dir": dataset_dir,
        "image_dir": "@dataset_dir",
        "output_dir": "$@bundle_root + '/predictions'",
        "ckpt": "$@bundle_root + '/models/model.pt'",
        "device": "$torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        **(_hovernet_settings(declaration, named) if hovernet else {**named, "window": declaration.window}),
        "outputs": list(declaration.outputs),
        "suffixes": list(SUFFIXES),
        "images": {
            "_target_": "mani_monai.data.readers.FolderImages",
            "folder": "@image_dir",
            "suffixes": "@suffixes",
            "output_dir": "@output_dir",
        },
        "network_def": {**network, **{name: f"@{key}" for name, key in keys.items() if name in network}},
        "network": "$@network_def.to(@device)",
        "preprocessing": {"_target_": "Compose", "transforms": _preprocessing(declaration)},
        "dataset": {
            "_target_": "mani_monai.data.readers.ReadableImages",
            "data": "$[{'image': path} for path in @images]",
            "transform": "@preprocessing",
        },
        "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1},
        **(_hovernet_inferer() if hovernet else _unet_inferer()),
        "postprocessing": {
            "_target_": "Compose",
            "transforms": _files(declaration),
        },
        "handlers": [_PROGRESS] if hovernet else [_LOADER, _PROGRESS],
        "evaluator": {
            "_target_": "SupervisedEvaluator",
            "device": "@device",
            "val_data_loader": "@dataloader",
            "network": "@network",
            "inferer": "@inferer",
            "postprocessing": "@postprocessing",
            "val_handlers": "@handlers",
        },
        "initialize": [
            *(["$check_overrides()"] if hovernet else []),
            "$setattr(torch.backends.cudnn, 'benchmark', True)",
        ],
        "run": [*_CHECKS, *_checks(declaration, named), "$@evaluator.run()", _LEFT_OUT, _LAST],
    }


def _checks(declaration: Declaration, named: dict[str, Any]) -> list[str]:
    """What is looked at before an image is."""
    mode = "$@mode in ('fast', 'original') or exit('--mode ' + str(@mode) + ': choose fast or original.')"
    return [*([mode] if "mode" in named else []), *(_HOVERNET_CHECKS if declaration.bundle == HOVERNET else ())]


def _preprocessing(declaration: Declaration) -> list[dict[str, Any]]:
    """Decoding, the declared steps on 0..255, and scaling."""
    return [
        _READ,
        {"_target_": "EnsureChannelFirstd", "keys": "image"},
        *(dict(step) for step in declaration.preprocessing),
        _SCALE,
        {"_target_": "EnsureTyped", "keys": "image", "dtype": "float32"},
    ]


def _unet_inferer() -> dict[str, Any]:
    windows = {"roi_size": ["@window", "@window"], "sw_batch_size": 4, "overlap": 0.25, "mode": "gaussian"}
    return {"inferer": {"_target_": "SlidingWindowInferer", **windows}}


def _hovernet_settings(declaration: Declaration, named: dict[str, Any]) -> dict[str, Any]:
    names, window = declaration.class_names, declaration.window
    sizes = {"window": window, "output_size": declaration.output}
    if "mode" in named:  # which decides about both
        sizes = {"window": "$256 if @mode == 'fast' else 270", "output_size": "$164 if @mode == 'fast' else 80"}
    return {
        "precision": "auto",
        "channels_last": True,
        **{"out_classes": 0, **named, **sizes},
        "class_names": None if names is None else list(names),
    }


def _hovernet_inferer() -> dict[str, Any]:
    tiles = {"window": "@window", "output": "@output_size", "batch_size": 4}
    cast = {"precision": "@precision", "channels_last": "@channels_last", "inferer": "@tiles"}
    return {
        "tiles": {"_target_": "mani_monai.inferers.TiledHoVerNetInferer", **tiles},
        "inferer": {"_target_": "mani_monai.inferers.AutocastInferer", **cast},
    }


def _files(declaration: Declaration) -> list[dict[str, Any]]:
    """Nuclei of the network's answer, and files of them."""
    parting = declaration.settled_parting()
    parted = {"_target_": parting.pop("_target_"), "keys": "pred", "table_key": "nuclei", **parting}
    saved = {"_target_": "mani_monai.transforms.save_nuclei.SaveNucleid", "keys": "instances"}
    saved |= {"output_dir": "@output_dir", "outputs": "@outputs"}
    if declaration.bundle == HOVERNET:
        return [_OFF_TISSUE, parted, {**saved, "class_names": "@class_names"}]
    argmax = {"_target_": "AsDiscreted", "keys": "pred", "argmax": True}
    return [
        _OFF_TISSUE,
        parted,
        argmax,
        {**saved, "mask_key": "pred"},
        {"_target_": "SqueezeDimd", "keys": "pred", "dim": 0},
    ]


def write_inference_config(bundle: str | Path) -> Path:
    """Writes ``configs/inference.json`` of a bundle of this repository anew, after a change of its metadata.

    Args:
        bundle: its folder, e.g. ``bundles/mani_unet``.

    Raises:
        InputError: when its metadata declare no network.
    """
    configs = Path(bundle) / "configs"
    metadata = read_object(configs / "metadata.json", "mend it")
    declaration = Declaration.from_metadata(metadata, str(configs / "metadata.json"))
    root = IN_REPOSITORY.format(name=declaration.bundle)
    with replacing(configs / "inference.json") as partial:
        partial.write_text(config_text(inference_config(declaration, root, TOY_DATA)), encoding="utf-8")
    return configs / "inference.json"


if __name__ == "__main__":
    for folder in sys.argv[1:]:
        print(write_inference_config(folder))


def with_project_names(value: Any) -> Any:
    """A config with the modules that an export carries under their names in this project."""
    if isinstance(value, dict):
        return {key: with_project_names(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_project_names(item) for item in value]
    if isinstance(value, str) and value.startswith(_CARRIED):
        return _PACKAGE + value.removeprefix(_CARRIED)
    return value


def with_channels(metadata: Mapping[str, Any], channels: int, further: Sequence[str]) -> dict[str, Any]:
    """A bundle's metadata for a network that gives as many channels.

    Args:
        metadata: the bundle's own, which name the first channels.
        channels: of the network's answer.
        further: what the last of them tell, :attr:`Declaration.further_channels`.

    Returns:
        a new dictionary.
    """
    formats = copy.deepcopy(metadata["network_data_format"])
    pred = formats["outputs"]["pred"]
    named, pred["num_channels"] = pred["num_channels"], channels
    for channel in range(named, channels):
        pred["channel_def"][str(channel)] = further[channel - channels]
    return {**metadata, "network_data_format": formats}
