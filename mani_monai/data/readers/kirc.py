"""KIRC (Irshad et al. 2015), kidney, as Haq and Huang 2020 pass it on: 486 images of 400x400."""

from __future__ import annotations

from pathlib import Path

from mani_monai.utils import InputError
from mani_monai.utils.folders import check_folder, files_by_stem
from mani_monai.utils.subfolders import remedy_below

from .rasters import MASK_ENDINGS, mask_file
from .records import Listing, Record, pair

_PARTS = ("train", "validation", "test")


def read_kirc(root: str | Path, mask_values: str = "auto") -> Listing:
    """Reads ``{train,validation,test}_images/*_image.tiff`` (or .png) and ``{...}_masks/*_mask.png`` as one set.

    The pack's own three parts are pooled: splits and folds are drawn anew. Its names give offsets and no slide, so
    every image is a group of its own.

    Args:
        root: the folder that holds the six folders; absent parts are passed over.
        mask_values: "auto", "binary" or "ids", see :class:`RawMask`: what the masks hold is not documented.

    Returns:
        A record for every image.

    Raises:
        InputError: no such folder, or none of the image folders in it.
    """
    root = check_folder(root, "train_images, train_masks, validation_images, ...")
    parts = [part for part in _PARTS if (root / f"{part}_images").is_dir()]
    if not parts:
        remedy = remedy_below(root, {f"{part}_images" for part in _PARTS}.__contains__, "name their folder")
        raise InputError(f"{root}: holds none of train_images, validation_images, test_images; {remedy}.")
    problems: list[str] = []
    image_folders = [root / f"{part}_images" for part in parts]
    mask_folders = [check_folder(root / f"{part}_masks", f"the masks of {part}_images") for part in parts]
    endings = (".png", ".tif", ".tiff")
    images = files_by_stem(image_folders, endings, problems, lambda stem: stem.removesuffix("_image"))
    masks = files_by_stem(mask_folders, MASK_ENDINGS, problems, lambda stem: stem.removesuffix("_mask"))
    records = [
        Record(name, name, images[name], mask_file(masks[name], mask_values)) for name in pair(images, masks, problems)
    ]
    return Listing("kirc", tuple(records), "unknown; ask who gave you the images", problems=tuple(problems))
