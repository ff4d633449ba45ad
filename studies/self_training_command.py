"""Self-training on a target's sure nuclei, with and without stored vectors, beside the statistics alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from mani_monai import Model
from mani_monai.apps.adapt.self_training import SelfTraining, self_train
from mani_monai.apps.adapt.statistics_choice import choose_statistics
from mani_monai.apps.adapt.target_images import survey
from mani_monai.apps.steps.source_prototypes import source_prototypes
from mani_monai.data.datalists import data_set_names, load_source_list
from mani_monai.utils import InputError
from mani_monai.utils.places import place_of
from studies.kept_pairs import KeptPairs, named_bundles, pair_of, settings_of
from studies.self_training_page import ROW, STATISTICS, TRAINED, WITH_PROTOTYPES, gains_table, ways_table
from studies.statistics_pairs import FIGURES, tissues_of_set
from studies.unseen_tissue import Found, measure


def self_training(
    bundles: str | tuple[str, ...],
    data: str | tuple[str, ...],
    dataset_dir: str = "data",
    split: str = "split_0",
    out: str | None = None,
    most: int | None = None,
    sources: str | None = None,
    tissues: str | None = None,
) -> None:
    """Prints Dice, PQ and the error of the count of the chosen statistics, and of trainings that start from them.

    Labels of the target choose nothing: ``studies/results/self_training_plan.md`` has the rule. What is trained comes
    from the functions that mani adapt calls.

    Args:
        bundles: a run's folder, an exported folder or a zip; or several with commas.
        data: the labelled data set, by name; or several with commas.
        dataset_dir: folder of the data sets that mani prepare wrote.
        split: the split whose images, of all parts, are taken.
        out: a CSV file that receives a row a model, tissue and way; pairs that it holds are not made again.
        most: images of a tissue, at most; all by default.
        sources: the labelled data set that the models were trained on; with it, stored vectors of it are tried, too.
        tissues: names with commas; all by default.

    Raises:
        InputError: as of :func:`studies.statistics_command.statistics`.
    """
    kept = KeptPairs(out)
    wanted = None if tissues is None else tissues.split(",")
    for bundle in named_bundles(bundles):
        model = Model.open(bundle)
        settings = settings_of(model, split, most)
        labelled = None if sources is None else load_source_list(dataset_dir, sources, split)
        for name in data_set_names(data):
            for tissue, items in tissues_of_set(dataset_dir, name, split, most).items():
                pair = pair_of(bundle, name, tissue)
                if (wanted is None or tissue in wanted) and not kept.holds(pair, settings):
                    kept.add(pair, settings, measured_ways(model, items, labelled))
    if not kept.rows:
        raise InputError(f"--data {data}: no tissue has enough labelled images; name another data set.")
    print(f"{ways_table(kept.table)}\n\n{gains_table(kept.table)}")


def measured_ways(
    model: Model, items: Sequence[Mapping[str, str]], labelled: Sequence[Mapping[str, str]] | None = None
) -> list[dict[str, Any]]:
    """A row of the statistics alone and of each training, with its label-free scores and the truth.

    Args:
        model: the model.
        items: labelled images of the tissue.
        labelled: images of the source, whose vectors are tried; None tries none.
    """
    images, _ = survey([Path(item["image"]) for item in items], None, model.mpp, progress=False)
    sound = [image for image in images if not image.doubts]
    choice = choose_statistics(model, sound, progress=False)
    chosen = choice.adapted(model)
    ways: dict[str, Mapping[str, Any] | None] = {TRAINED: None}
    if labelled is not None:
        ways[WITH_PROTOTYPES] = source_prototypes(choice.adapted(model, "source"), labelled, progress=False)
    facts = {"images": len(items), "chosen": choice.name}
    rows = [{ROW: STATISTICS, **facts, "said": "", **choice.scores[choice.name], **_truth(chosen, items)}]
    for way, prototypes in ways.items():
        with TemporaryDirectory() as folder:
            job = SelfTraining(Path(folder), place_of("bundles"), prototypes=prototypes, options={"num_workers": "0"})
            done = self_train(chosen, sound, job)
        scores = choice.with_trained(done.model, way, sound).scores[way]
        rows.append({ROW: way, **facts, "said": done.said, **scores, **_truth(done.model, items)})
    return rows


def _truth(model: Model, items: Sequence[Mapping[str, str]]) -> dict[str, float]:
    found = measure(items, lambda picture: Found(model(picture).instances)).rows
    return {key: float(np.nanmean([row[key] for row in found])) for key in FIGURES}
