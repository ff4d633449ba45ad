"""Write what describes a prepared data set: its decathlon lists and ``dataset.json``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from mani_monai.apps.prepare.conversion import ImageFacts
from mani_monai.apps.prepare.prepared_images import Preparation


def write_lists(folder: Path, found: Preparation) -> None:
    """Writes ``source_*.json`` and ``target_*.json``; a target's training entries have an image and nothing else.

    Args:
        folder: where to.
        found: what was found; a source needs masks.
    """
    tissues = found.tissues
    splits = {f"split_{k}": split for k, split in enumerate(found.splits)}
    splits |= {f"fold_{k}": fold for k, fold in enumerate(found.folds)}
    splits |= {"native": found.native} if found.native else {}
    full = {image.id: _entry(found, image.id, tissues) for image in found.images}
    bare = {name: {"image": entry["image"]} for name, entry in full.items()}
    for split_name, split in splits.items():
        for role in ("source", "target") if found.labelled else ("target",):
            parts = {
                part: [(bare if (role, part) == ("target", "training") else full)[name] for name in ids]
                for part, ids in asdict(split).items()
            }
            _write_json(folder / f"{role}_{split_name}.json", {"name": found.name, **parts})


def write_summary(folder: Path, found: Preparation, seed: int) -> None:
    """Writes ``dataset.json``.

    Args:
        folder: where to.
        found: what was found.
        seed: what splits and folds were drawn with.
    """
    _write_json(folder / "dataset.json", summary(found, seed))


def summary(found: Preparation, seed: int) -> dict:
    """The content of ``dataset.json``; windows count as images, ``windows`` tells of the images they were cut from."""
    images = found.images
    sizes = Counter((image.height, image.width) for image in images)
    contrast = [image.alignment.contrast for image in found.originals if image.alignment]
    content = {
        "name": found.name,
        "reader": found.listing.reader,
        "licence": found.listing.licence,
        "seed": seed,
        "counts": {
            "images": len(images),
            "nuclei": sum(image.nuclei or 0 for image in images) if found.labelled else None,
            "groups": len({image.group for image in images}),
            "empty_masks": sum(image.nuclei == 0 for image in images),
        },
        "sizes": [{"height": h, "width": w, "images": n} for (h, w), n in sorted(sizes.items())],
        "converted": dict(found.converted),
        "left_out": [*found.listing.left_out, *found.failures],
        "median_haematoxylin_contrast": round(float(np.median(contrast)), 4) if contrast else None,
        "group_is": found.listing.group,
        "groups": {image.id: image.group for image in images},
    }
    if found.listing.mpp is not None:
        content["mpp"] = found.listing.mpp
    names = found.listing.types
    if names:
        content["types"] = {str(value): name for value, name in enumerate(names, start=1)}
        content["counts"]["types"] = dict(zip(("none", *names), count_by_type(images), strict=True))
    if found.tissues:
        content["tissues"] = found.tissues
    if found.windows:
        nuclei = sum(image.nuclei or 0 for image in found.originals) if found.labelled else None
        content["windows"] = {**asdict(found.windows), "of_images": len(found.originals), "of_nuclei": nuclei}
    return content


def count_by_type(images: Iterable[ImageFacts]) -> list[int]:
    """Adds up the nuclei of images: those without a cell type, then of each type."""
    return np.sum([image.types for image in images], axis=0).tolist()


def _entry(found: Preparation, name: str, tissues: dict[str, str]) -> dict[str, str]:
    entry = {"image": f"images/{name}.png"}
    if found.labelled:
        entry["label"] = f"labels/{name}.png"
    if found.listing.types:
        entry["types"] = f"types/{name}.png"
    return entry | ({"tissue": tissues[name]} if tissues else {})


def _write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
