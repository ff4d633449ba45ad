"""Whose batch statistics a model should have on a tissue: the choice without labels beside the truth."""

from __future__ import annotations

from mani_monai import Model
from mani_monai.data.datalists import data_set_names
from mani_monai.declaration import UNET
from mani_monai.utils import InputError
from studies.kept_pairs import KeptPairs, named_bundles, pair_of, settings_of
from studies.statistics_page import pair_table, rules_table
from studies.statistics_pairs import FEWEST, measured_pair, nuclei_share, tissues_of_set


def statistics(
    bundles: str | tuple[str, ...],
    data: str | tuple[str, ...],
    dataset_dir: str = "data",
    split: str = "split_0",
    out: str | None = None,
    most: int | None = None,
    sources: str | tuple[str, ...] | None = None,
) -> None:
    """Prints Dice and PQ of the source's, half and the target's batch statistics by tissue, and what was chosen.

    Labels of the target choose nothing: ``studies/results/statistics_plan.md`` has the rule. What is chosen, and what
    the verdict is, comes from the functions that mani adapt calls.

    Args:
        bundles: a run's folder, an exported folder or a zip; or several with commas.
        data: the labelled data set, by name; or several with commas.
        dataset_dir: folder of the data sets that mani prepare wrote.
        split: the split whose images, of all parts, are taken.
        out: a CSV file that receives a row a model, tissue and candidate; pairs that it holds are not made again.
        most: images of a tissue, at most; all by default.
        sources: labelled data sets that the models were trained on, with commas: class-balanced statistics take the
            share of nuclei of their labels. With it, these and the mean of all candidates' probabilities are measured.

    Raises:
        InputError: when two bundles have one name, no tissue has enough images, a model with ``sources`` is none of
            mani_unet, or the file holds a pair with other weights, another split or another number of images.
    """
    kept = KeptPairs(out)
    share = None if sources is None else nuclei_share(dataset_dir, data_set_names(sources), split)
    for bundle in named_bundles(bundles):
        model = Model.open(bundle)
        if share is not None and model.name != UNET:
            raise InputError(f"{bundle}: class-balanced statistics are those of {UNET} alone; leave --sources out.")
        settings = settings_of(model, split, most)
        for name in data_set_names(data):
            for tissue, items in tissues_of_set(dataset_dir, name, split, most).items():
                pair = pair_of(bundle, name, tissue)
                if not kept.holds(pair, settings):
                    kept.add(pair, settings, measured_pair(model, items, share))
    if not kept.rows:
        raise InputError(f"--data {data}: no tissue has {FEWEST} labelled images; name another data set.")
    print(f"{pair_table(kept.table)}\n\n{rules_table(kept.table)}")
