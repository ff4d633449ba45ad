"""Check a public data set and write it in the one layout that everything here reads."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from mani_monai.apps.prepare.conversion import Conversion, convert_all
from mani_monai.apps.prepare.dataset_folder import place_of
from mani_monai.apps.prepare.mask_doubts import ACCEPT
from mani_monai.apps.prepare.prepared_images import Preparation
from mani_monai.apps.prepare.prepared_lists import write_lists, write_summary
from mani_monai.apps.prepare.splits import grouped_folds, native_split, random_split
from mani_monai.apps.prepare.windows import WindowGrid
from mani_monai.data.readers.records import Listing
from mani_monai.utils import InputError
from mani_monai.utils.built_folder import building, move_to

SPLITS = FOLDS = 5


def prepare(
    listing: Listing,
    out: str | Path,
    name: str,
    overwrite: bool = False,
    skip_bad: bool = False,
    seed: int = 0,
    progress: bool = True,
    windows: WindowGrid | None = None,
    accept_doubtful: bool = False,
) -> Preparation:
    """Checks every image of a listing and writes ``out/name``.

    All images are looked at before anything is decided. The data set is written beside its place and moved there at
    the end: a preparation that fails or is interrupted leaves nothing, and an older data set as it was. Windows are
    divided with their image, so that splits and folds are those of the same data set without windows.

    Args:
        listing: what a reader found.
        out: the folder of all prepared data sets.
        name: the data set's folder in it.
        overwrite: replace an older data set of that name.
        skip_bad: write the rest where images fail; without it one failure means that nothing is written.
        seed: split k is drawn with seed + k, folds and the validation of the data set's own partition with seed.
        progress: show a bar.
        windows: cut the images so; None writes them whole.
        accept_doubtful: take masks that cannot be what they say, and those of which most do not fit their images.

    Returns:
        What was found and whether it was written.

    Raises:
        InputError: a name that is no folder name, a data set that is there already, no image that can be used, masks
            without a single nucleus, or masks of which most do not fit their images.
    """
    folder = place_of(Path(str(out)).expanduser(), str(name), overwrite)
    if not listing.records and not listing.problems:
        why = f" ({listing.left_out[0]})" if listing.left_out else ""
        raise InputError(f"{name}: no image is left to prepare{why}; check the folder and the options.")
    try:
        with building(folder) as new:
            for part in ("images", "labels", *(["types"] if listing.types else [])):
                (new / part).mkdir(parents=True)
            conversions, failures = convert_all(listing, new, windows, progress, accept_doubtful)
            failures = [*listing.problems, *failures]
            found = _divide(name, folder, listing, conversions, failures, skip_bad, seed, windows)
            if found.written:
                _check_nuclei(found)
                if not accept_doubtful:
                    _check_fit(found)
                if not found.labelled:
                    (new / "labels").rmdir()
                write_lists(new, found)
                write_summary(new, found, seed)
                move_to(folder, new)
    except OSError as error:
        reason = error.strerror or str(error)
        remedy = "mend its permissions" if isinstance(error, PermissionError) else "free some space"
        raise InputError(f"{folder}: cannot be written ({reason}); {remedy}, or choose another --out.") from error
    return found


def _divide(
    name: str,
    folder: Path,
    listing: Listing,
    conversions: list[Conversion],
    failures: list[str],
    skip_bad: bool,
    seed: int,
    windows: WindowGrid | None,
) -> Preparation:
    groups = {conversion.image.id: conversion.image.group for conversion in conversions}
    parts = {conversion.image.id: conversion.image.part for conversion in conversions if conversion.image.part}
    pieces = {conversion.image.id: [piece.id for piece in conversion.written] for conversion in conversions}
    splits = [random_split(list(groups), seed + k) for k in range(SPLITS)] if groups else []
    native = native_split(parts, groups, seed)
    return Preparation(
        name,
        folder,
        bool(conversions) and (skip_bad or not failures),
        listing,
        tuple(piece for conversion in conversions for piece in conversion.written),
        tuple(failures),
        tuple(split.expanded(pieces) for split in splits),
        tuple(fold.expanded(pieces) for fold in grouped_folds(groups, FOLDS, seed)),
        native and native.expanded(pieces),
        windows,
        tuple(conversion.image for conversion in conversions) if windows else (),
    )


def _check_nuclei(found: Preparation) -> None:
    """A source without nuclei teaches nothing, and a score on none is no score."""
    nuclei: Counter[str] = Counter()
    for image in found.originals:
        nuclei[image.part or ""] += image.nuclei or 0
    empty = [part for part, count in nuclei.items() if not count]
    if found.labelled and empty:
        where = "" if len(empty) == len(nuclei) else f" of its {empty[0]} part"
        remedy = "a source needs nuclei: check the masks, or prepare the images without them as a target"
        raise InputError(f"{found.name}: no mask{where} holds a nucleus; {remedy}.")


def _check_fit(found: Preparation) -> None:
    """Masks that lie elsewhere, or say where nuclei are not, would teach the opposite."""
    compared = sum(image.alignment is not None for image in found.originals)
    if 2 * len(found.doubts) > compared:
        count = f"{len(found.doubts)} of {compared} masks do not fit their images"
        raise InputError(
            f"{found.name}: {count}, e.g. {found.doubts[0]}; mend or swap the masks, or insist with {ACCEPT}."
        )
