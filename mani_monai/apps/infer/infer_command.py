"""Nuclei of images by a trained model."""

from __future__ import annotations


def infer(
    bundle: str,
    images: str,
    out: str,
    mpp: float | None = None,
    outputs: str | None = None,
    precision: str = "auto",
    device: str | None = None,
    overwrite: bool = False,
) -> int:
    """Finds the nuclei in images: masks, GeoJSON for QuPath, tables, overlays, and a summary.

    Nothing of the bundle is executed. Bad images are named at the end, and the exit status is then 1. What is done is
    not done again, so a run that was stopped goes on. Images are rescaled for the network where their pixels differ by
    more than a tenth from its own. All outputs have the image's own size.

    Args:
        bundle: a training's folder, or the folder or zip of an export, of mani_unet or mani_hovernet.
        images: folder of PNG, TIFF, JPEG or BMP images, 8 bits a channel; or one of them.
        out: the folder for results.
        mpp: micrometres per pixel of all images, for files that do not say it, or say it wrongly.
        outputs: which, with commas: mask (mani_unet), tiff, png, nifti, geojson, csv, overlay. By default mask,
            geojson, csv, overlay of mani_unet; tiff, png, geojson, csv, overlay of mani_hovernet.
        precision: float32, bfloat16, or auto: bfloat16 where the machine computes in it.
        device: cpu, cuda or mps; the GPU by default, where there is one.
        overwrite: do again what is done.
    """
    from mani_monai.apps.infer.folder_result import report
    from mani_monai.apps.infer.folder_run import infer_folder
    from mani_monai.utils import InputError

    names = outputs.split(",") if outputs else None
    try:
        result = infer_folder(bundle, images, out, mpp, names, precision, device, overwrite)
    except KeyboardInterrupt:
        raise InputError(f"stopped: the same command goes on in {out}.") from None
    report(result)
    return int(len(result.failed) > 0)
