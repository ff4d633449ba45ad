"""Measures what QuPath's scaling of channels costs a model that is exported for it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from mani_monai import Model
from mani_monai.apps.export.qupath_folder import scaled_as_qupath
from mani_monai.apps.export.qupath_network import PERCENTILES, QuPathNetwork, qupath_network
from mani_monai.data.datalists import load_source_list
from mani_monai.transforms.part_nucleid import CONTOUR, DISTANCE, PartNucleid
from studies.unseen_tissue import Found, measure, scores_table, summarise

PARTS = ("training", "validation", "test")


def qupath(
    data: str,
    dataset_dir: str = "data",
    split: str = "split_0",
    part: str = "all",
    bundle: str = "pretrained/mani_unet_any_stain",
    out: str | None = None,
) -> None:
    """Prints the scores of mani infer, of the export, and of the export without its usual range of colours.

    QuPath would scale each image as a whole here. It takes the region that a user chose. Its tiles and the joining of
    nuclei at their seams are left out.

    Args:
        data: the labelled data set, by name.
        dataset_dir: folder of the data sets that mani prepare wrote.
        split: the split of it.
        part: training, validation or test; all images of the data set by default.
        bundle: a run's folder, an exported folder or a zip of mani_unet.
        out: a CSV file that receives a row an image and way.
    """
    torch.set_num_threads(1)
    parts = PARTS if part == "all" else (part,)
    items = [item for name in parts for item in load_source_list(dataset_dir, data, split, name)]
    model = Model.open(bundle, device="cpu", precision="float32")
    export, plain = qupath_network(model), qupath_network(model)
    plain.darkest.zero_()
    plain.lightest.fill_(1)
    seen: list[NDArray] = []

    def infer(image: NDArray[np.uint8]) -> Found:
        seen.append(np.percentile(image / 255, PERCENTILES, axis=(0, 1)))
        return Found(model(image).instances)

    measured = {
        "mani infer": measure(items, infer),
        "scaled by QuPath, as exported": measure(items, lambda image: _found(export, image)),
        "scaled by QuPath, 0 to 1": measure(items, lambda image: _found(plain, image)),
    }
    print(scores_table({name: summarise(found.rows) for name, found in measured.items()}))
    darkest, lightest = np.mean(seen, axis=0).round(2).tolist()
    print(f"\nmeans of the percentiles {PERCENTILES}: {darkest} and {lightest}")
    if out is not None:
        rows = [
            {"way": name, "data": data, "part": part, **row} for name, found in measured.items() for row in found.rows
        ]
        pd.DataFrame(rows).round(4).to_csv(out, index=False, lineterminator="\n")


def _found(network: QuPathNetwork, image: NDArray[np.uint8]) -> Found:
    scaled = scaled_as_qupath(np.moveaxis(image, -1, 0).astype(np.float32))
    with torch.inference_mode():
        logits = network.logits(torch.from_numpy(scaled)[None])[0]
    part = PartNucleid(min_size=network.part.min_size, third=CONTOUR if network.tells_contour else DISTANCE)
    return Found(part({"pred": logits})["instances"][0].numpy())
