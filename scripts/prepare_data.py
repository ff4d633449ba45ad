"""Prepare public nuclei data sets: from each one's native layout to PNGs and decathlon lists.

python scripts/prepare_data.py COMMAND --root FOLDER --out data
python scripts/prepare_data.py COMMAND --help
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import fire

from mani_monai.data.preparation import prepare
from mani_monai.data.preparation_table import format_table
from mani_monai.data.readers import Listing, read_consep, read_folder, read_kirc, read_monuseg, read_tcia, read_tnbc
from mani_monai.data.readers.tcia import STOMACH
from mani_monai.utils import InputError


@dataclass(frozen=True)
class _Job:
    """What a command asks for. It is done once the whole command line was understood, never before."""

    listing: Listing
    out: str
    name: str
    overwrite: bool
    skip_bad: bool
    seed: int

    def __post_init__(self) -> None:
        for flag, kind in (("overwrite", bool), ("skip_bad", bool), ("seed", int)):
            value = getattr(self, flag)
            if type(value) is not kind:  # fire hands on "--overwrite false" as a string, which would count as true
                raise InputError(f"--{flag} {value}: {'takes no value' if kind is bool else 'is no whole number'}.")


def tnbc(
    root: str,
    out: str = "data",
    name: str = "tnbc",
    instances: str | None = None,
    overwrite: bool = False,
    skip_bad: bool = False,
    seed: int = 0,
) -> _Job:
    """Prepare TNBC (Naylor et al.): Slide_XX/XX_Y.png with GT_XX/XX_Y.png, 50 breast images of 11 patients.

    Folds keep patients whole. Slides from 12 on (brain) are left out.

    Args:
        root: TNBC_NucleiSegmentation or the folder that holds it.
        out: the folder of all prepared data sets; this one goes into OUT/NAME.
        name: the prepared data set's name.
        instances: a folder of instance-id PNGs XX_Y_label.png to use in place of GT's connected components.
        overwrite: replace a data set of that name; without it an existing one is kept and the command fails.
        skip_bad: where images fail, write the others. The failures are listed and the exit status is 1 either way;
            without this flag nothing is written then.
        seed: split k is drawn with SEED + k, the folds with SEED.
    """
    return _Job(read_tnbc(root, instances), out, name, overwrite, skip_bad, seed)


def monuseg(
    root: str,
    out: str = "data",
    name: str | None = None,
    organ: str | None = None,
    instances: str | None = None,
    overwrite: bool = False,
    skip_bad: bool = False,
    seed: int = 0,
) -> _Job:
    """Prepare MoNuSeg (Kumar et al.): Tissue Images/*.tif with Annotations/*.xml. Non-commercial licence.

    Args:
        root: the folder that holds both, at any depth; a labels_instance folder in it is used, too.
        out: the folder of all prepared data sets; this one goes into OUT/NAME.
        name: the prepared data set's name; "monuseg", or "monuseg_kidney" with --organ kidney, by default.
        organ: bladder, breast, colon, kidney, liver, prostate or stomach, or several with commas; all by default.
        instances: a folder of instance-id PNGs to use in place of the XML.
        overwrite: replace a data set of that name; without it an existing one is kept and the command fails.
        skip_bad: where images fail, write the others. The failures are listed and the exit status is 1 either way;
            without this flag nothing is written then.
        seed: split k is drawn with SEED + k, the folds with SEED.
    """
    organs = tuple(str(organ).split(",")) if isinstance(organ, str) else tuple(organ or ())
    name = name or "_".join(("monuseg", *organs))
    return _Job(read_monuseg(root, organs, instances), out, name, overwrite, skip_bad, seed)


def kirc(
    root: str,
    out: str = "data",
    name: str = "kirc",
    mask_values: str = "auto",
    overwrite: bool = False,
    skip_bad: bool = False,
    seed: int = 0,
) -> _Job:
    """Prepare KIRC (Irshad et al.) as Haq and Huang pass it on: train_images/*_image.tiff with train_masks/*_mask.png.

    The pack's train, validation and test folders are pooled.

    Args:
        root: the folder that holds train_images, train_masks, validation_images, ...
        out: the folder of all prepared data sets; this one goes into OUT/NAME.
        name: the prepared data set's name.
        mask_values: what the masks hold: "binary", "ids", or "auto" to decide for each mask by its values.
        overwrite: replace a data set of that name; without it an existing one is kept and the command fails.
        skip_bad: where images fail, write the others. The failures are listed and the exit status is 1 either way;
            without this flag nothing is written then.
        seed: split k is drawn with SEED + k, the folds with SEED.
    """
    return _Job(read_kirc(root, str(mask_values)), out, name, overwrite, skip_bad, seed)


def tcia(
    root: str,
    out: str = "data",
    name: str = "tcia",
    ids: str = STOMACH,
    overwrite: bool = False,
    skip_bad: bool = False,
    seed: int = 0,
) -> _Job:
    """Prepare TCIA manual segmentations (Hou et al.): {id}_crop.png with {id}_labeled_mask_corrected.png.

    Patches without a corrected mask are left out.

    Args:
        root: the unpacked manual_segmentation_data, at any depth.
        out: the folder of all prepared data sets; this one goes into OUT/NAME.
        name: the prepared data set's name.
        ids: numbers and ranges such as 1073-1171 (stomach, the default) or 3,7,10-12, or "all".
        overwrite: replace a data set of that name; without it an existing one is kept and the command fails.
        skip_bad: where images fail, write the others. The failures are listed and the exit status is 1 either way;
            without this flag nothing is written then.
        seed: split k is drawn with SEED + k, the folds with SEED.
    """
    ids = ",".join(map(str, ids)) if isinstance(ids, tuple | list) else str(ids)
    return _Job(read_tcia(root, ids), out, name, overwrite, skip_bad, seed)


def consep(
    root: str, out: str = "data", name: str = "consep", overwrite: bool = False, skip_bad: bool = False, seed: int = 0
) -> _Job:
    """Prepare CoNSeP (Graham et al.): {Train,Test}/Images/*.png with Labels/*.mat, all 41 as one set.

    Args:
        root: the folder CoNSeP or the one that holds it.
        out: the folder of all prepared data sets; this one goes into OUT/NAME.
        name: the prepared data set's name.
        overwrite: replace a data set of that name; without it an existing one is kept and the command fails.
        skip_bad: where images fail, write the others. The failures are listed and the exit status is 1 either way;
            without this flag nothing is written then.
        seed: split k is drawn with SEED + k, the folds with SEED.
    """
    return _Job(read_consep(root), out, name, overwrite, skip_bad, seed)


def folder(
    images: str,
    name: str,
    masks: str | None = None,
    out: str = "data",
    mask_values: str = "auto",
    groups: str | None = None,
    licence: str = "unknown",
    overwrite: bool = False,
    skip_bad: bool = False,
    seed: int = 0,
) -> _Job:
    """Prepare a folder of images of your own, with masks or without; without them it can only be a target.

    Args:
        images: a folder of PNG, TIFF, JPEG or BMP; its subfolders are not searched.
        name: the prepared data set's name.
        masks: a folder of PNG, TIFF or BMP with the images' names, or those with _mask, _label, ... behind them.
        out: the folder of all prepared data sets; this one goes into OUT/NAME.
        mask_values: what the masks hold: "binary", "ids", or "auto" to decide for each mask by its values.
        groups: a CSV with the columns image and group (the patient); folds keep groups whole.
        licence: for the data set's record.
        overwrite: replace a data set of that name; without it an existing one is kept and the command fails.
        skip_bad: where images fail, write the others. The failures are listed and the exit status is 1 either way;
            without this flag nothing is written then.
        seed: split k is drawn with SEED + k, the folds with SEED.
    """
    return _Job(read_folder(images, masks, str(mask_values), groups, licence), out, name, overwrite, skip_bad, seed)


def run(job: _Job) -> None:
    """Does a job and prints its table; raises InputError where images failed."""
    found = prepare(job.listing, job.out, job.name, job.overwrite, job.skip_bad, job.seed, sys.stderr.isatty())
    print(format_table(found))
    if found.failures and found.written:
        raise InputError(f"{found.folder}: written without what failed above ({len(found.failures)}).")
    if found.failures:
        raise InputError(f"{found.folder}: not written, see above; mend the {len(found.failures)} or pass --skip_bad.")


COMMANDS = {"tnbc": tnbc, "kirc": kirc, "tcia": tcia, "monuseg": monuseg, "consep": consep, "folder": folder}


def main(arguments: list[str] | None = None) -> None:
    """Understands the whole command line first: fire itself would find an unknown flag only after the work."""
    job = fire.Fire(COMMANDS, arguments, name=Path(__file__).name, serialize=lambda _: None)
    if isinstance(job, _Job):
        run(job)


if __name__ == "__main__":
    main()
