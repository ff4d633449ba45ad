"""Check a public data set and write it in the one layout that everything here reads."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from mani_monai.data.alignment import Alignment, alignment
from mani_monai.data.masks import to_instances
from mani_monai.data.readers.rasters import read_image
from mani_monai.data.readers.records import Listing, Record
from mani_monai.data.splits import Split, grouped_folds, random_split
from mani_monai.utils import InputError

SPLITS = FOLDS = 5


@dataclass(frozen=True)
class ImageFacts:
    """What was found of one image; ``nuclei`` and ``alignment`` are None without a mask."""

    id: str
    group: str
    height: int
    width: int
    nuclei: int | None
    alignment: Alignment | None
    notes: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Preparation:
    """What was found and written.

    Attributes:
        name: the data set's.
        folder: where it lies, or would lie.
        written: whether it does.
        listing: what the reader found.
        images: what was found of every image that can be used.
        failures: one line for each that cannot.
        splits: the 80/10/10 splits.
        folds: the folds by group.
    """

    name: str
    folder: Path
    written: bool
    listing: Listing
    images: tuple[ImageFacts, ...]
    failures: tuple[str, ...]
    splits: tuple[Split, ...]
    folds: tuple[Split, ...]

    @property
    def labelled(self) -> bool:
        return any(image.nuclei is not None for image in self.images)

    @property
    def converted(self) -> Counter[str]:
        """How often each conversion was needed, by name."""
        return sum((Counter(dict(image.notes)) for image in self.images), Counter())


def prepare(
    listing: Listing,
    out: str | Path,
    name: str,
    overwrite: bool = False,
    skip_bad: bool = False,
    seed: int = 0,
    progress: bool = True,
) -> Preparation:
    """Checks every image of a listing and writes ``out/name``.

    All images are looked at before anything is decided. The data set is written beside its place and moved there at
    the end: a preparation that fails or is interrupted leaves nothing, and an older data set as it was.

    Args:
        listing: what a reader found.
        out: the folder of all prepared data sets.
        name: the data set's folder in it.
        overwrite: replace an older data set of that name.
        skip_bad: write the rest where images fail; without it one failure means that nothing is written.
        seed: split k is drawn with seed + k, the folds with seed.
        progress: show a bar.

    Returns:
        What was found and whether it was written.

    Raises:
        InputError: a name that is no folder name, a data set that is there already, or no image that can be used.
    """
    folder = _place(Path(str(out)).expanduser(), str(name), overwrite)
    if not listing.records and not listing.problems:
        why = f" ({listing.left_out[0]})" if listing.left_out else ""
        raise InputError(f"{name}: no image is left to prepare{why}; check the folder and the options.")
    building = folder.parent / f".{folder.name}.{os.getpid()}.partial"
    try:
        for part in ("images", "labels"):
            (building / part).mkdir(parents=True)
        images, failures = _convert(listing.records, building, progress)
        failures = [*listing.problems, *failures]
        ids = {image.id: image.group for image in images}
        splits = tuple(random_split(list(ids), seed + k) for k in range(SPLITS)) if ids else ()
        folds = grouped_folds(ids, FOLDS, seed)
        written = bool(images) and (skip_bad or not failures)
        found = Preparation(name, folder, written, listing, tuple(images), tuple(failures), splits, folds)
        if written:
            if not found.labelled:
                (building / "labels").rmdir()
            write_lists(building, found)
            _write_json(building / "dataset.json", summary(found, seed))
            _replace(folder, building)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error}); free some space, or choose another --out.") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return found


def _replace(folder: Path, new: Path) -> None:
    """Puts ``new`` in the place of ``folder``, which is gone for no longer than two renames take."""
    old = new.with_suffix(".old")
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _place(out: Path, name: str, overwrite: bool) -> Path:
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise InputError(f"--name {name!r}: use letters, digits, '_', '-' and '.' only.")
    folder = out / name
    if folder.exists() and any(folder.iterdir()):
        if not (folder / "dataset.json").is_file():
            raise InputError(f"{folder}: holds something that was not prepared here; choose another --name or --out.")
        if not overwrite:
            raise InputError(f"{folder}: is there already; pass --overwrite to replace it, or choose another --name.")
    return folder


def _convert(records: tuple[Record, ...], folder: Path, progress: bool) -> tuple[list[ImageFacts], list[str]]:
    def attempt(record: Record) -> ImageFacts | str:
        try:
            return convert(record, folder)
        except InputError as error:
            return str(error)

    pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1))
    try:
        done = pool.map(attempt, records)
        results = list(tqdm(done, "preparing", len(records), unit="image", leave=False, disable=not progress))
    finally:
        pool.shutdown(cancel_futures=True)
    return [r for r in results if isinstance(r, ImageFacts)], [r for r in results if isinstance(r, str)]


def convert(record: Record, folder: Path) -> ImageFacts:
    """Writes one image and its mask below ``folder``.

    Args:
        record: where they come from.
        folder: holds ``images`` and ``labels``.

    Returns:
        What was found.

    Raises:
        InputError: either cannot be read, or they differ in size.
    """
    image = read_image(record.image)
    height, width = image.pixels.shape[:2]
    notes, count, fit = image.notes, None, None
    if record.read_mask is not None:
        raw = record.read_mask((height, width))
        if raw.values.shape != (height, width):
            sizes = f"is {height}x{width} (height x width) but its mask {'x'.join(map(str, raw.values.shape))}"
            raise InputError(f"{record.image}: {sizes}; give it its own mask.")
        try:
            mask = to_instances(raw)
        except ValueError as error:
            raise InputError(f"{record.image}: {error}.") from error
        notes += mask.notes
        count = int(mask.values.max(initial=0))
        fit = alignment(image.pixels, mask.values > 0)
        Image.fromarray(mask.values).save(folder / "labels" / f"{record.id}.png")
    Image.fromarray(image.pixels).save(folder / "images" / f"{record.id}.png", compress_level=4)
    return ImageFacts(record.id, record.group, height, width, count, fit, notes)


def write_lists(folder: Path, found: Preparation) -> None:
    """Writes the decathlon lists; a target's training entries have no label."""
    for kind, splits in (("split", found.splits), ("fold", found.folds)):
        for number, split in enumerate(splits):
            for role in ("source", "target") if found.labelled else ("target",):
                parts = {
                    part: [_entry(name, found.labelled and (role, part) != ("target", "training")) for name in ids]
                    for part, ids in asdict(split).items()
                }
                _write_json(folder / f"{role}_{kind}_{number}.json", {"name": found.name, **parts})


def _entry(name: str, labelled: bool) -> dict[str, str]:
    entry = {"image": f"images/{name}.png"}
    return entry | {"label": f"labels/{name}.png"} if labelled else entry


def summary(found: Preparation, seed: int) -> dict:
    """The content of ``dataset.json``."""
    images = found.images
    sizes = Counter((image.height, image.width) for image in images)
    contrast = [image.alignment.contrast for image in images if image.alignment]
    return {
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


def _write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
