"""Whose batch statistics a model should have on a tissue: the choice without labels beside the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mani_monai import Model
from mani_monai.data.datalists import data_set_names
from mani_monai.utils import InputError
from studies.statistics_page import pair_table, rules_table
from studies.statistics_pairs import FEWEST, measured_pair, nuclei_share, tissues_of_set

SETTINGS = ("weights", "split", "most")
"""Columns that say what a row was measured with: the weights' SHA-256, the split, and images of a tissue at most."""
ALL = "all"
"""Of the column "most": no image was left out."""


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
        InputError: when two bundles have one name, no tissue has enough images, or the file holds a pair with other
            weights, another split or another number of images.
    """
    paths = bundles.split(",") if isinstance(bundles, str) else list(bundles)  # fire parts words alone, no paths
    if len({Path(path).name for path in paths}) < len(paths):
        raise InputError(f"--bundles {','.join(paths)}: two have one name; rename a folder.")
    rows = _kept_rows(out)
    share = None if sources is None else nuclei_share(dataset_dir, data_set_names(sources), split)
    for bundle in paths:
        model = Model.open(bundle)
        given = (model.weights, str(split), ALL if most is None else str(most))
        settings: dict[str, str] = dict(zip(SETTINGS, given, strict=True))
        for name in data_set_names(data):
            for tissue, items in tissues_of_set(dataset_dir, name, split, most).items():
                pair = {"model": Path(bundle).name, "data": name, "tissue": tissue}
                if _is_kept(rows, pair, settings, out):
                    continue
                rows.extend({**pair, **settings, **row} for row in measured_pair(model, items, share))
                if out is not None:
                    pd.DataFrame(rows).round(5).to_csv(out, index=False, lineterminator="\n")
    if not rows:
        raise InputError(f"--data {data}: no tissue has {FEWEST} labelled images; name another data set.")
    print(f"{pair_table(pd.DataFrame(rows))}\n\n{rules_table(pd.DataFrame(rows))}")


def _kept_rows(out: str | None) -> list[dict[str, Any]]:
    if out is None or not Path(out).is_file():
        return []
    return pd.read_csv(out, dtype=dict.fromkeys(SETTINGS, str)).to_dict("records")


def _is_kept(
    rows: Sequence[Mapping[str, Any]], pair: Mapping[str, str], settings: Mapping[str, str], out: str | None
) -> bool:
    same = [row for row in rows if all(row[key] == value for key, value in pair.items())]
    for row in same:
        other = [name for name in SETTINGS if row.get(name) != settings[name]]
        if other:
            names, what = " ".join(pair.values()), " and ".join(other)
            raise InputError(f"{out}: holds {names} with other {what} than these; name another --out.")
    return bool(same)
