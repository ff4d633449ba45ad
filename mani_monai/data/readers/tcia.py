"""TCIA manual segmentations (Hou et al. 2020): patches of 14 cancer types, of which the paper takes stomach."""

from __future__ import annotations

from pathlib import Path

from mani_monai.utils import InputError
from mani_monai.utils.folders import check_folder, files_by_stem

from .rasters import mask_file
from .records import Listing, Record

STOMACH = "1073-1171"
_IMAGE, _MASK = "_crop", "_labeled_mask_corrected"


def read_tcia(root: str | Path, ids: str = STOMACH) -> Listing:
    """Reads ``{id}_crop.png`` and ``{id}_labeled_mask_corrected.png`` (instance ids).

    Patches without a corrected mask are left out, as in the paper's repository (1104 and 1120). Which slide a patch
    comes from is not in its name, so every patch is a group of its own.

    Args:
        root: the unpacked ``manual_segmentation_data``, at any depth.
        ids: numbers and ranges, "1073-1171" or "3,7,10-12", or "all"; the stomach patches (STAD) by default.

    Returns:
        A record for every patch that has both.

    Raises:
        InputError: no such folder, no patches in it, or ids that are no numbers.
    """
    root = check_folder(root, "{id}_crop.png and {id}_labeled_mask_corrected.png")
    problems: list[str] = []
    images = files_by_stem([root], (".png",), problems, _ending(_IMAGE), deep=True)
    masks = files_by_stem([root], (".png",), problems, _ending(_MASK), deep=True)
    if not images:
        raise InputError(f"{root}: holds no *{_IMAGE}.png; name the unpacked manual_segmentation_data.")
    wanted = sorted(images, key=lambda name: (len(name), name)) if ids == "all" else parse_ids(ids)
    left_out = []
    absent = [name for name in wanted if name not in images and name not in masks]
    if absent:
        left_out.append(f"not in the folder: {', '.join(absent)}")
    unlabelled = [name for name in wanted if name in images and name not in masks]
    if unlabelled:
        left_out.append(f"without a corrected mask: {', '.join(unlabelled)}")
    problems += [
        f"{masks[name]}: is a mask without its image; add {name}{_IMAGE}.png, or remove the mask."
        for name in wanted
        if name in masks and name not in images
    ]
    records = [
        Record(name, name, images[name], mask_file(masks[name], "ids"))
        for name in wanted
        if name in images and name in masks
    ]
    licence = "see the collection's page, doi 10.7937/tcia.2019.4a4dkp9u"
    return Listing("tcia", tuple(records), licence, left_out=tuple(left_out), problems=tuple(problems))


def parse_ids(text: str) -> list[str]:
    """Spells out "3,7,10-12" as ["3", "7", "10", "11", "12"].

    Raises:
        InputError: not numbers and ranges.
    """
    names: dict[str, None] = {}
    for part in str(text).split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or int(last or first) < int(first):
            raise InputError(f"--ids {text}: {part!r} is neither a number nor a range; write 1073-1171 or 3,7,10-12.")
        names |= dict.fromkeys(str(number) for number in range(int(first), int(last or first) + 1))
    return list(names)


def _ending(suffix: str):
    return lambda stem: stem.removesuffix(suffix) if stem.endswith(suffix) else None
