"""Which file of a folder of masks belongs to which image: pictures, outlines, and what inference itself wrote."""

from __future__ import annotations

import json
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mani_monai.utils.folders import file_hash, name_fault, paths_in, shown

from .geojson_outlines import OUTLINE_ENDINGS, read_outlines
from .outline_sizes import OutlinedMask, OutlineSizes
from .outlines import BEYOND
from .rasters import IMAGE_ENDINGS, MASK_ENDINGS, mask_file
from .records import RawMask

MASK_SUFFIXES = ("_mask", "_masks", "_label", "_labels", "_instances")
_OVERLAY = "_overlay"  # a picture among inference's outputs that is no mask
_RECORDS = "records"  # where inference keeps the hashes of what it wrote of an image
_ORDER = (*OUTLINE_ENDINGS, "_instances.tif", "_instances.png")  # of inference's outputs, the finest first
_ALSO_OTHERS = (".json", ".json.gz", ".zip")  # endings that files of another content have, too


def masks_of(folder: Path, images: Mapping[str, Path], problems: list[str]) -> dict[str, Path]:
    """Finds the mask of every image.

    Where inference wrote several files of an image, the one that was changed since is the correction; without any
    change the outlines are taken.

    Args:
        folder: holds masks and nothing of use below it.
        images: files by their stems, which a mask's stem repeats, with one of ``MASK_SUFFIXES`` behind it or not.
        problems: gets a line for each mask that cannot be told from another.

    Returns:
        files by the images' stems, or by their own where no image has it.
    """
    candidates: dict[str, list[Path]] = defaultdict(list)
    for path in paths_in(folder):
        stem = _stem(path, images)
        if stem is None:
            continue
        if (fault := name_fault(path.name)) is None:
            candidates[stem].append(path)
        else:
            problems.append(f"{shown(path)}: {fault}")
    masks = {}
    for stem, paths in candidates.items():
        chosen = _chosen(folder, images.get(stem), paths)
        masks[stem] = chosen[0]
        problems += [
            f"{path}: stands for the same image as {chosen[0]}; rename or remove one of the two." for path in chosen[1:]
        ]
    return masks


def read_mask_of(path: Path, kind: str) -> Callable[[tuple[int, int]], RawMask]:
    """A record's ``read_mask`` for a picture or for outlines.

    Args:
        path: the file.
        kind: of a picture, see :class:`RawMask`; outlines are ids.
    """
    if not path.name.lower().endswith(OUTLINE_ENDINGS):
        return mask_file(path, kind)

    def read(shape: tuple[int, int]) -> RawMask:
        nuclei = read_outlines(path, shape)
        notes = (("outlines to ids", 1), *nuclei.notes)
        sizes, beyond = OutlineSizes.of_ids(nuclei.ids), dict(nuclei.notes).get(BEYOND, 0)
        return OutlinedMask(nuclei.ids, "ids", notes, sizes=sizes, beyond=beyond)

    return read


def _stem(path: Path, images: Mapping[str, Path]) -> str | None:
    """The image that a file's name stands for; None where the file is no mask."""
    name = unicodedata.normalize("NFC", path.name)
    endings = sorted((*OUTLINE_ENDINGS, *MASK_ENDINGS), key=len, reverse=True)
    ending = next((ending for ending in endings if name.lower().endswith(ending)), None)
    if ending is None:
        return None
    stem = name[: len(name) - len(ending)]
    if ending in OUTLINE_ENDINGS:  # QuPath names them after the image's whole name
        whole = next((each for each in IMAGE_ENDINGS if stem.lower().endswith(each)), "")
        stem = stem if stem in images else stem[: len(stem) - len(whole)]
    if stem in images:  # its own name first, so that an image "a_label" keeps its mask
        return stem
    if stem.removesuffix(_OVERLAY) in images and stem.endswith(_OVERLAY):
        return None
    suffix = next((suffix for suffix in MASK_SUFFIXES if stem.lower().endswith(suffix)), "")
    stem = stem[: len(stem) - len(suffix)]
    return None if ending in _ALSO_OTHERS and stem not in images else stem


def _chosen(folder: Path, image: Path | None, paths: Sequence[Path]) -> list[Path]:
    """The file to take, and then those that contradict it."""
    hashes = _written(folder, image) if image is not None and len(paths) > 1 else {}
    if not hashes:
        return list(paths)
    changed = [path for path in paths if hashes.get(path.name) != file_hash(path)]
    return changed or [min(paths, key=_rank)]


def _rank(path: Path) -> int:
    return next((rank for rank, end in enumerate(_ORDER) if path.name.lower().endswith(end)), len(_ORDER))


def _written(folder: Path, image: Path) -> dict[str, str]:
    """Hashes by name of what inference wrote of an image; empty where it wrote nothing here."""
    try:
        record = json.loads((folder / _RECORDS / f"{image.name}.json").read_text(encoding="utf-8"))
        return {str(name): str(value) for name, value in record["outputs"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
