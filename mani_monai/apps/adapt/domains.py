"""A prepared data set and a folder of images as source and target of an adaptation."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

from mani_monai.apps.adapt.target_folder import list_target_images, target_name
from mani_monai.apps.adapt.target_images import FEWEST, survey
from mani_monai.apps.prepare.domain_pair import Domains, pair_domains
from mani_monai.apps.prepare.preparation import prepare
from mani_monai.data.datalists import load_source_list
from mani_monai.data.readers.records import Listing
from mani_monai.utils import InputError
from mani_monai.utils.errors import counted
from mani_monai.utils.json_files import read_object, save_json
from mani_monai.utils.subfolders import remedy_below

SPLIT = "adapt"
"""Name of the lists that are written here."""


def prepare_domains(
    source: str | Path, target: str | Path, out: Path, crop_size: int, licence: str = "unknown", progress: bool = True
) -> Domains:
    """Checks and converts the target's images, and lists both domains for one training.

    All usable target images train, but suspicious ones: nothing of a set without labels is held out. The source keeps
    its own split_0.
    Crops are as large as asked for, or as the smallest source image, or as half of the target images allow; target
    images smaller than that are left out.

    Args:
        source: a prepared data set with labels.
        target: a folder of images.
        out: the folder of both data sets.
        crop_size: side of the crops that are asked for, in pixels.
        licence: of the target's images, for the record.
        progress: show a bar.

    Raises:
        InputError: no such source, one without labels, or fewer than ``FEWEST`` usable target images.
    """
    place = source_folder(source)
    parts = {part: load_source_list(place.parent, place.name, "split_0", part) for part in ("training", "validation")}
    listing = _sound(list_target_images(target, licence), progress)
    name = target_name(target, place.name)
    found = prepare(listing, out, name, overwrite=True, skip_bad=True, progress=progress)
    if not found.written:
        raise InputError("\n".join([*found.failures[:10], f"{target}: no image of it can be used."]))
    kept = {part: [{key: item[key] for key in ("image", "label")} for item in items] for part, items in parts.items()}
    domains = pair_domains(place.name, kept, found, SPLIT, crop_size)
    record = read_object(place / "dataset.json", "prepare the data set again")
    save_json(domains.dataset_dir / place.name / "dataset.json", record)
    if domains.images < FEWEST:
        few = f"only {counted(domains.images, 'image')} can be used, and an adaptation needs {FEWEST}; add images"
        raise InputError("\n".join([*domains.left_out[:10], f"{target}: {few}."]))
    return domains


def _sound(listing: Listing, progress: bool) -> Listing:
    """A listing without images that may not speak for the tissue, where enough others are left."""
    images, _ = survey([record.image for record in listing.records], None, None, progress, fields=False)
    doubted = {image.path: image.doubts for image in images if image.doubts}
    records = tuple(record for record in listing.records if record.image not in doubted)
    if len(images) - len(doubted) < FEWEST:
        return listing
    lines = [f"{path}: is suspicious and trained nothing: {', '.join(doubts)}" for path, doubts in doubted.items()]
    return replace(listing, records=records, left_out=(*listing.left_out, *lines))


def write_domains(domains: Domains, path: Path) -> None:
    """Keeps what was prepared, for a command that goes on."""
    save_json(path, {**asdict(domains), "dataset_dir": "."})


def read_domains(path: Path) -> Domains:
    """What :func:`write_domains` kept, in the folder that it lies in."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return Domains(**{**content, "dataset_dir": path.parent, "left_out": tuple(content["left_out"])})


def source_folder(source: str | Path) -> Path:
    """The folder of a prepared data set.

    Raises:
        InputError: when it is none.
    """
    place = Path(str(source)).expanduser().absolute()
    if not (place / "dataset.json").is_file():
        otherwise = "name the folder of a data set that mani prepare wrote, e.g. data/breast"
        remedy = remedy_below(Path(str(source)), {"dataset.json"}.__contains__, otherwise)
        raise InputError(f"{source}: is no prepared data set; {remedy}.")
    return place
