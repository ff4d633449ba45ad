"""Any folder of images, with a folder of masks or without."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from mani_monai.utils import InputError
from mani_monai.utils.folders import check_folder, files_by_stem
from mani_monai.utils.subfolders import left_below, remedy_below

from .mask_folder import MASK_SUFFIXES, masks_of, read_mask_of
from .rasters import IMAGE_ENDINGS, MASK_ENDINGS, read_image, read_mask
from .records import KINDS, Listing, Record, pair, read_csv

_NO_GROUP = {"", "na", "n/a", "#n/a", "nan", "null", "none", "-", "?"}
"""What programs write, in lower case, where a cell is empty: images of one patient they are not."""
_PADDING = re.compile(r"(?<![\d.])0+(?=\d)")  # zeros before a number
_WHOLE = re.compile(r"^(\d+)\.0+$")  # as spreadsheets write a whole number
_SPACES = re.compile(r"(?<!\d)\s+|\s+(?!\d)")  # but between two numbers
_SEPARATORS = re.compile(r"[\s_\-\u2010-\u2015\u2212]+")
_MASK_WORD = re.compile(f"({'|'.join(MASK_SUFFIXES)})$", re.I)
_JUDGED = 5  # pairs that say whether two folders are swapped


def read_folder(
    images: str | Path,
    masks: str | Path | None = None,
    mask_values: str = "auto",
    groups: str | Path | None = None,
    licence: str = "unknown",
) -> Listing:
    """Reads the images of one folder; its subfolders are not searched.

    Args:
        images: PNG, TIFF, JPEG or BMP.
        masks: PNG, TIFF, BMP or GeoJSON with the image's stem, or with _mask, _masks, _label, _labels or _instances
            behind it; the folder that inference wrote is one, too. Without masks the data set can only be a target.
        mask_values: "auto", "binary" or "ids", see :class:`RawMask`.
        groups: a CSV with the columns image (its stem or file name) and group (the patient); without it every image is
            a group of its own.
        licence: for the record.

    Returns:
        A record for every image.

    Raises:
        InputError: no such folder or no images in it, an unknown ``mask_values``, or groups that leave images out.
    """
    if mask_values not in KINDS:
        raise InputError(f"--mask_values {mask_values}: unknown; choose from {', '.join(KINDS)}.")
    folder = check_folder(images, "the images")
    problems: list[str] = []
    found = files_by_stem([folder], IMAGE_ENDINGS, problems)
    if not found and not problems:
        remedy = remedy_below(folder, IMAGE_ENDINGS, "name the folder that does", masks=False)
        raise InputError(f"{folder}: holds no images ({', '.join(IMAGE_ENDINGS)}); {remedy}.")
    group_of = _groups(Path(str(groups)), found) if groups is not None else {name: name for name in found}
    if masks is None:
        records = [Record(name, group_of[name], path) for name, path in found.items()]
    else:
        mask_folder = check_folder(masks, "the masks")
        if mask_folder.samefile(folder):
            raise InputError(f"{folder}: is named for both images and masks; put the masks into a folder of their own.")
        named = masks_of(mask_folder, found, problems)
        if not named and not problems:
            below = remedy_below(mask_folder, (".geojson", *MASK_ENDINGS), "", masks=True)
            if below:
                raise InputError(f"{mask_folder}: holds no masks; {below}.")
        _check_not_swapped(folder, mask_folder, found, named)
        looked_for = f" in {mask_folder} (of its name, or that with {', '.join(MASK_SUFFIXES)} behind it)"
        records = [
            Record(name, group_of[name], found[name], read_mask_of(named[name], mask_values))
            for name in pair(found, named, problems, looked_for)
        ]
    kind = "image" if groups is None else "group"
    below = left_below(folder, IMAGE_ENDINGS, "image", "--images", () if masks is None else (Path(str(masks)),))
    return Listing("folder", tuple(records), str(licence), kind, below, tuple(problems))


def _check_not_swapped(images: Path, masks: Path, found: dict[str, Path], named: dict[str, Path]) -> None:
    """Refuses two folders of which the first holds masks and the second pictures in colour, by most of a few pairs.

    Raises:
        InputError: when it is so.
    """
    pictures = files_by_stem([masks], IMAGE_ENDINGS, [])  # JPEGs, too, which are no masks
    others = {**pictures, **named}
    paired = [(path, others.get(name, pictures.get(_MASK_WORD.sub("", name)))) for name, path in found.items()]
    pairs = [(image, mask) for image, mask in paired if mask is not None]
    swapped = [_is_swapped(image, mask) for image, mask in pairs[:_JUDGED]]
    if 2 * sum(swapped) > len(swapped):
        raise InputError(f"{images}: holds masks, and {masks} pictures; are --images and --masks swapped?")


def _is_swapped(image: Path, mask: Path) -> bool:
    return _is_mask(image) and not _is_mask(mask) and _is_coloured(mask)


def _is_mask(path: Path) -> bool:
    try:
        read_mask(path)
    except InputError:
        return False
    return True


def _is_coloured(path: Path) -> bool:
    try:
        pixels = read_image(path).pixels
    except InputError:
        return False
    return bool((pixels != pixels[..., :1]).any())


def _groups(table: Path, images: dict[str, Path]) -> dict[str, str]:
    if not table.is_file():
        raise InputError(f"{table}: does not exist; name a CSV with the columns image and group.")
    group_of: dict[str, str] = {}
    for row in read_csv(table, ("image", "group")):
        name, group = (unicodedata.normalize("NFC", row[column]) for column in ("image", "group"))
        ending = next((e for e in IMAGE_ENDINGS if name.lower().endswith(e)), "")
        stem = name[: len(name) - len(ending)]
        for known in {name, stem, re.split(r"[/\\]", stem)[-1]}:  # of a path, its last part
            if group_of.setdefault(known, group) != group and known in images:
                groups = f"{group_of[known]} and {group}"
                raise InputError(f"{table}: gives {row['image']} the groups {groups}; keep one of the two lines.")
    missing = [name for name in images if group_of.get(name, "").lower() in _NO_GROUP]
    if missing:
        other = next((name for name in group_of if name.casefold() == missing[0].casefold()), None)
        remedy = "add a line for each image" if other in (None, missing[0]) else f"it names {other}; write names alike"
        raise InputError(f"{table}: gives no group for {missing[0]} ({len(missing)} such); {remedy}.")
    _check_spelling(table, [group_of[name] for name in images])
    return {name: group_of[name] for name in images}


def _check_spelling(table: Path, groups: Iterable[str]) -> None:
    """Refuses groups that differ by what people and spreadsheets write in several ways: folds would part a patient.

    These are capitals, spaces, kinds of dashes, characters that nobody sees, leading zeros and a decimal 0.
    """
    spelled: dict[str, str] = {}
    for group in groups:
        seen = "".join(
            letter for letter in unicodedata.normalize("NFKC", group) if unicodedata.category(letter) != "Cf"
        )
        text = _WHOLE.sub(r"\1", _PADDING.sub("", seen.casefold().strip()))
        for key in (_SPACES.sub("", text), _SEPARATORS.sub("-", text)):
            if spelled.setdefault(key, group) != group:
                raise InputError(f"{table}: names both {spelled[key]} and {group} as groups; write each group one way.")
