"""Nuclei of whole slides by a trained model."""

from __future__ import annotations


def slides(
    bundle: str,
    slides: str,
    out: str,
    mpp: float | None = None,
    tissue: str | None = None,
    roi: str | None = None,
    outputs: str | None = None,
    annotate: int = 0,
    shard: str | None = None,
    device: str | None = None,
    precision: str = "auto",
) -> int:
    """Finds the nuclei of whole slides: a table, GeoJSON for QuPath, tissue, an overview and a summary.

    Nothing of the bundle is executed. Bad slides are named at the end, and the exit status is then 1. What is done is
    not done again, so a run that was stopped goes on.

    Args:
        bundle: a run's folder, or an exported folder or zip.
        slides: a slide or a folder of slides: SVS, NDPI, MRXS, SCN, BIF, DICOM, OME-TIFF or plain pictures.
        out: the folder for results, one folder a slide.
        mpp: micrometres per pixel of all slides, for files that do not say it, or say it wrongly.
        tissue: GeoJSON or PNG of the tissue, or a folder of these named as the slides; it is found by default.
        roi: GeoJSON or PNG of regions, likewise; nuclei within them count.
        outputs: which, with commas: parquet, geojson, csv. By default parquet and geojson.
        annotate: how many regions of each slide to write as rectangles for correction in QuPath.
        shard: i/n does the i-th of n parts, from 0/n on; what finds all parts there writes the files.
        device: cpu, cuda or mps; the GPU by default, where there is one.
        precision: float32, bfloat16, or auto: bfloat16 where the machine computes in it.
    """
    from mani_monai.apps.slides.slide_result import FAILED, INCOMPLETE, UNFINISHED, last_line
    from mani_monai.apps.slides.slides_run import run_slides
    from mani_monai.utils import InputError
    from mani_monai.utils.memory import keep_freed_memory

    keep_freed_memory()
    names = outputs.split(",") if outputs else None
    try:
        results = run_slides(bundle, slides, out, mpp, tissue, roi, names, annotate, shard, device, precision)
    except KeyboardInterrupt:
        raise InputError(f"stopped: the same command goes on in {out}.") from None
    for result in results:
        if result.status in (FAILED, INCOMPLETE, UNFINISHED):
            print(f"{result.slide}: {result.status}: {result.note}")
    print(f"{last_line(results)}; {out}/summary.csv")
    return int(any(result.status in (FAILED, INCOMPLETE) for result in results))
