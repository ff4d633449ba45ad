"""Nuclei of whole slides by a trained model."""

from __future__ import annotations

from typing import Any


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
    cluster: str | None = None,
    jobs: int = 1,
    cluster_options: dict[str, Any] | None = None,
) -> int:
    """Finds the nuclei of whole slides: a table, GeoJSON for QuPath, tissue, an overview and a summary.

    Nothing of the bundle is executed. Bad slides are named at the end, and the exit status is then 1. What is done is
    not done again, so a run that was stopped goes on.

    Args:
        bundle: a run's folder, or an exported folder or zip.
        slides: a slide or a folder of slides: SVS, NDPI, MRXS, SCN, BIF, CZI, DICOM, OME-TIFF or plain pictures.
        out: the folder for results, one folder a slide.
        mpp: micrometres per pixel of all slides, for files that do not say it, or say it wrongly.
        tissue: GeoJSON or PNG of the tissue, or a folder of these named as the slides; it is found by default.
        roi: GeoJSON or PNG of regions, likewise; nuclei within them count.
        outputs: which, with commas: parquet, geojson, csv, dicom. By default parquet and geojson.
        annotate: how many regions of each slide to write as rectangles for correction in QuPath.
        shard: i/n does the i-th of n parts, from 0/n on; what finds all parts there writes the files. With none, files
            and summary of what is done are written, and no nuclei are sought.
        device: cpu, cuda or mps; the GPU by default, where there is one.
        precision: float32, bfloat16, or auto: bfloat16 where the machine computes in it.
        cluster: slurm, or local to try the same on this machine: the work as jobs of submitit. Or ray: an actor a GPU.
        jobs: of the cluster, a part of the work each.
        cluster_options: such as "{'slurm_partition': 'gpu', 'cpus_per_task': 4}", or "{'address': 'auto'}" of a Ray.
    """
    from pathlib import Path

    from mani_monai.apps.slides.slide_paths import slides_below
    from mani_monai.apps.slides.slide_result import FAILED, INCOMPLETE, UNFINISHED, last_line
    from mani_monai.apps.slides.slides_run import run_slides
    from mani_monai.utils import InputError

    options = {
        "bundle": bundle, "slides": slides, "out": out, "mpp": mpp, "tissue": tissue, "roi": roi,
        "outputs": outputs.split(",") if outputs else None, "annotate": annotate, "device": device,
        "precision": precision,
    }  # fmt: skip
    failures: list[str] = []
    if cluster is not None and shard is not None:
        raise InputError(f"--shard {shard}: is chosen by --cluster; leave one of the two out.")
    if cluster is None and (jobs != 1 or cluster_options is not None):
        option = f"--jobs {jobs}" if jobs != 1 else "--cluster_options"
        raise InputError(f"{option}: is of a cluster; name one with --cluster, such as local, or leave it out.")
    try:
        if cluster is None:
            results = run_slides(**options, shard=shard)
        else:
            from mani_monai.apps.slides.slides_cluster import run_on_cluster

            results, failures = run_on_cluster(options, cluster, jobs, cluster_options)
    except KeyboardInterrupt:
        raise InputError(f"stopped: the same command goes on in {out}.") from None
    for line in failures:
        print(line)
    for line in slides_below(Path(slides), (Path(out),)):
        print(f"left out: {line}")
    for result in results:
        if result.status in (FAILED, INCOMPLETE, UNFINISHED):
            print(f"{result.slide}: {result.status}: {result.note}")
    print(f"{last_line(results)}; {out}/summary.csv")
    return int(bool(failures) or any(result.status in (FAILED, INCOMPLETE) for result in results))
