"""Measures how well a model finds, parts and counts the nuclei of a labelled data set."""

from __future__ import annotations

from pathlib import Path

from mani_monai import Model
from mani_monai.data.datalists import load_source_list
from mani_monai.utils.command_line import run_command
from mani_monai.utils.json_files import save_json
from studies.unseen_tissue import haematoxylin_nuclei, score_images, scores_table, summarise

PARTS = ("training", "validation", "test")


def measure_weights(
    bundles: str | tuple[str, ...],
    data: str,
    dataset_dir: str = "data",
    split: str = "split_0",
    part: str = "all",
    out: str | None = None,
    mpp: float | None = None,
) -> None:
    """Prints Dice, AJI, PQ, DQ, SQ and counts of nuclei by tissue, beside the baseline that learned nothing.

    Args:
        bundles: a run's folder, an exported folder or a zip; or several with commas.
        data: the labelled data set, by name.
        dataset_dir: folder of the data sets that scripts/prepare_data.py wrote.
        split: the split of it.
        part: training, validation or test; all images of the data set by default.
        out: a JSON file that receives the figures of every image.
        mpp: micrometres per pixel of the images; by default nothing is rescaled.
    """
    parts = PARTS if part == "all" else (part,)
    items = [item for name in parts for item in load_source_list(dataset_dir, data, split, name)]
    rows = {"haematoxylin, Otsu": score_images(items, haematoxylin_nuclei)}
    for bundle in [bundles] if isinstance(bundles, str) else bundles:
        model = Model.open(bundle)
        rows[Path(bundle).name] = score_images(items, lambda image, model=model: model(image, mpp=mpp).instances)
    summaries = {name: summarise(images) for name, images in rows.items()}
    if out is not None:
        save_json(out, {"data": data, "split": split, "part": part, "summary": summaries, "images": rows})
    print(scores_table(summaries))


if __name__ == "__main__":
    run_command(measure_weights)
