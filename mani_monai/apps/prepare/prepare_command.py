"""Prepares images and masks, your own or of a public data set, as PNGs and lists for a training.

mani prepare COMMAND --root FOLDER --out data
mani prepare COMMAND --help
"""

from __future__ import annotations

from mani_monai.apps.prepare.preparation_options import PreparationJob, preparation_command


@preparation_command
def tnbc(root: str, out: str = "data", name: str = "tnbc", instances: str | None = None) -> PreparationJob:
    """Prepare TNBC (Naylor et al.): Slide_XX/XX_Y.png with GT_XX/XX_Y.png, 50 breast images of 11 patients.

    Folds keep patients whole. Slides from 12 on (brain) are left out.

    Args:
        root: TNBC_NucleiSegmentation or the folder that holds it.
        out: the folder of all prepared data sets; this one goes into OUT/NAME.
        name: the prepared data set's name.
        instances: a folder of instance-id PNGs XX_Y_label.png to use in place of GT's connected components.
    """
    from mani_monai.data.readers import read_tnbc

    return PreparationJob(read_tnbc(root, instances), out, name)


@preparation_command
def monuseg(
    root: str,
    out: str = "data",
    name: str | None = None,
    organ: str | None = None,
    instances: str | None = None,
) -> PreparationJob:
    """Prepare MoNuSeg (Kumar et al.): Tissue Images/*.tif with Annotations/*.xml. Non-commercial licence.

    Args:
        root: the folder that holds both, at any depth; a labels_instance folder in it is used, too.
        out: the folder of all prepared data sets; this one goes into OUT/NAME.
        name: the prepared data set's name; "monuseg", or "monuseg_kidney" with --organ kidney, by default.
        organ: bladder, breast, colon, kidney, liver, prostate or stomach, or several with commas; all by default.
        instances: a folder of instance-id PNGs to use in place of the XML.
    """
    from mani_monai.data.readers import read_monuseg

    organs = () if organ is None else tuple(organ.replace(" ", "").split(","))
    name = name or "_".join(("monuseg", *organs))
    return PreparationJob(read_monuseg(root, organs, instances), out, name)


@preparation_command
def kirc(root: str, out: str = "data", name: str = "kirc", mask_values: str = "auto") -> PreparationJob:
    """Prepare KIRC (Irshad et al.) as Haq and Huang pass it on: train_images/*_image.tiff with train_masks/*_mask.png.

    The pack's train, validation and test folders are pooled.

    Args:
        root: the folder that holds train_images, train_masks, validation_images, ...
        out: the folder of all prepared data sets; this one goes into OUT/NAME.
        name: the prepared data set's name.
        mask_values: what the masks hold: "binary", "ids", or "auto" to decide for each mask by its values.
    """
    from mani_monai.data.readers import read_kirc

    return PreparationJob(read_kirc(root, mask_values), out, name)


@preparation_command
def tcia(root: str, out: str = "data", name: str = "tcia", ids: str = "1073-1171") -> PreparationJob:
    """Prepare TCIA manual segmentations (Hou et al.): {id}_crop.png with {id}_labeled_mask_corrected.png.

    Patches without a corrected mask are left out.

    Args:
        root: the unpacked manual_segmentation_data, at any depth.
        out: the folder of all prepared data sets; this one goes into OUT/NAME.
        name: the prepared data set's name.
        ids: numbers and ranges such as 1073-1171 (stomach, the default) or 3,7,10-12, or "all".
    """
    from mani_monai.data.readers import read_tcia

    return PreparationJob(read_tcia(root, ids), out, name)


@preparation_command
def consep(root: str, out: str = "data", name: str = "consep", merge_types: bool = False) -> PreparationJob:
    """Prepare CoNSeP (Graham et al.): {Train,Test}/Images/*.png with Labels/*.mat, all 41 as one set, cell types kept.

    The split "native" tests on Test and takes a tenth of Train for validation.

    Args:
        root: the folder CoNSeP or the one that holds it.
        out: the folder of all prepared data sets; this one goes into OUT/NAME.
        name: the prepared data set's name.
        merge_types: merge the seven cell types into HoVer-Net's four: both epithelial ones, and fibroblast, muscle and
            endothelial. Refused where no file holds a type above 4, since they are merged already.
    """
    from mani_monai.data.readers import read_consep

    return PreparationJob(read_consep(root, merge_types), out, name)


@preparation_command
def pannuke(root: str, out: str = "data", name: str = "pannuke") -> PreparationJob:
    """Prepare PanNuke (Gamper et al.): Fold k/images/foldk/{images,types}.npy with Fold k/masks/foldk/masks.npy.

    Cell types and tissues are kept. The split "native" is folds 1, 2 and 3 for training, validation and test. Where
    nuclei of two types overlap, the pixels go to the later channel. Non-commercial licence.

    Args:
        root: the folder that holds the folds, or one of them.
        out: the folder of all prepared data sets; this one goes into OUT/NAME.
        name: the prepared data set's name.
    """
    from mani_monai.data.readers import read_pannuke

    return PreparationJob(read_pannuke(root), out, name)


@preparation_command
def folder(
    images: str,
    name: str,
    masks: str | None = None,
    out: str = "data",
    mask_values: str = "auto",
    groups: str | None = None,
    licence: str = "unknown",
) -> PreparationJob:
    """Prepare a folder of images of your own, with masks or without; without them it can only be a target.

    Args:
        images: a folder of PNG, TIFF, JPEG or BMP; its subfolders are not searched.
        name: the prepared data set's name.
        masks: a folder of PNG, TIFF, BMP or GeoJSON with the images' names, or those with _mask, _label, ... behind
            them; the folder that mani infer wrote is one, too.
        out: the folder of all prepared data sets; this one goes into OUT/NAME.
        mask_values: what the masks hold: "binary", "ids", or "auto" to decide for each mask by its values.
        groups: a CSV with the columns image and group (the patient); folds keep groups whole.
        licence: for the data set's record.
    """
    from mani_monai.data.readers import read_folder

    return PreparationJob(read_folder(images, masks, mask_values, groups, licence), out, name)


@preparation_command
def qupath(
    slides: str,
    geojson: str,
    name: str,
    out: str = "data",
    mpp: float = 0.25,
    slide_mpp: float | None = None,
    classes: str | None = None,
    objects: str | None = None,
    licence: str = "unknown",
) -> PreparationJob:
    """Prepare regions of slides that were corrected in QuPath: rectangles of class Training, with all their nuclei.

    Rectangles of class Validation and Test make lists of their own. What lies outside of rectangles is not labelled.

    Args:
        slides: a slide or a folder of slides.
        geojson: a folder of GeoJSON as QuPath exports it, packed or not, named as the slides.
        name: the prepared data set's name.
        out: the folder of all prepared data sets; this one goes into OUT/NAME.
        mpp: micrometres per pixel of the pictures to make: the network's.
        slide_mpp: micrometres per pixel of all slides, for files that do not say it, or say it wrongly.
        classes: names of classes in the order of their numbers, with commas; those that occur, sorted, by default.
        objects: which objects are the nuclei, where rectangles hold both kinds: annotations, detections, or both.
            With both, a detection under an annotation is left out.
        licence: for the data set's record.
    """
    from mani_monai.apps.slides.corrected_slides import read_corrected_slides

    names = tuple(each.strip() for each in classes.split(",")) if classes else ()
    return PreparationJob(read_corrected_slides(slides, geojson, mpp, slide_mpp, names, objects, licence), out, name)


COMMANDS = {command.__name__: command for command in (folder, tnbc, kirc, tcia, monuseg, consep, pannuke, qupath)}
