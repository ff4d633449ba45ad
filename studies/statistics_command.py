"""Whose batch statistics a model should have on a tissue: the choice without labels beside the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from mani_monai import Model
from mani_monai.apps.adapt.statistics_choice import SOURCE, choose_statistics
from mani_monai.apps.adapt.target_survey import survey
from mani_monai.data.datalists import data_set_names, load_source_list
from mani_monai.evaluation.instance_report import tissues_of
from mani_monai.evaluation.label_free_scorer import best_weights
from mani_monai.utils import InputError
from studies.unseen_tissue import Found, measure

PARTS = ("training", "validation", "test")
FEWEST = 3
"""Images of a tissue, at least."""
ORACLES = ("dice", "pq")
RULE = "stain + symmetry"
SETTINGS = ("weights", "split", "most")
"""Columns that say what a row was measured with: the weights' SHA-256, the split, and images of a tissue at most."""
KEPT = ("model", "data", "tissue", "candidate", "images", "chosen", *SETTINGS)
"""Columns of the table that are no figures."""
ALL = "all"
"""Of the column "most": no image was left out."""


def statistics(
    bundles: str | tuple[str, ...],
    data: str | tuple[str, ...],
    dataset_dir: str = "data",
    split: str = "split_0",
    out: str | None = None,
    most: int | None = None,
) -> None:
    """Prints Dice and PQ of the source's, half and the target's batch statistics by tissue, and what was chosen.

    Labels choose nothing: ``studies/results/statistics_plan.md`` has the rule.

    Args:
        bundles: a run's folder, an exported folder or a zip; or several with commas.
        data: the labelled data set, by name; or several with commas.
        dataset_dir: folder of the data sets that mani prepare wrote.
        split: the split whose images, of all parts, are taken.
        out: a CSV file that receives a row a model, tissue and candidate; pairs that it holds are not made again.
        most: images of a tissue, at most; all by default.

    Raises:
        InputError: when two bundles have one name, no tissue has enough images, or the file holds a pair with other
            weights, another split or another number of images.
    """
    paths = bundles.split(",") if isinstance(bundles, str) else list(bundles)  # fire parts words alone, no paths
    if len({Path(path).name for path in paths}) < len(paths):
        raise InputError(f"--bundles {','.join(paths)}: two have one name; rename a folder.")
    rows = _kept_rows(out)
    for bundle in paths:
        model = Model.open(bundle)
        given = (model.weights, str(split), ALL if most is None else str(most))
        settings: dict[str, str] = dict(zip(SETTINGS, given, strict=True))
        for name in data_set_names(data):
            for tissue, items in _tissues(dataset_dir, name, split, most).items():
                pair = {"model": Path(bundle).name, "data": name, "tissue": tissue}
                if _is_kept(rows, pair, settings, out):
                    continue
                rows.extend({**pair, **settings, **row} for row in _measured(model, items))
                if out is not None:
                    pd.DataFrame(rows).round(5).to_csv(out, index=False, lineterminator="\n")
    if not rows:
        raise InputError(f"--data {data}: no tissue has {FEWEST} labelled images; name another data set.")
    print(statistics_page(pd.DataFrame(rows)))


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


def _tissues(dataset_dir: str, name: str, split: str, most: int | None) -> dict[str, list[dict[str, str]]]:
    items = [item for part in PARTS for item in load_source_list(dataset_dir, name, split, part)]
    tissues, groups = tissues_of(items), {}
    for item in items:
        groups.setdefault(tissues[Path(item["image"]).stem], []).append(item)
    return {tissue: members[:most] for tissue, members in sorted(groups.items()) if len(members[:most]) >= FEWEST}


def _measured(model: Model, items: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """A row a candidate: label-free scores, then the truth."""
    images, _ = survey([Path(item["image"]) for item in items], None, model.mpp, progress=False)
    choice = choose_statistics(model, [image for image in images if not image.doubts], progress=False)
    rows = []
    for name in tqdm(choice.states, "candidates", unit="candidate"):
        adapted = choice.adapted(model, name)
        truth = measure(items, lambda picture, adapted=adapted: Found(adapted(picture).instances)).rows
        figures = {key: float(np.nanmean([row[key] for row in truth])) for key in (*ORACLES, "aji", "count_error")}
        facts = {"candidate": name, "images": len(items), "chosen": name == choice.name}
        rows.append({**facts, **choice.scores[name], **figures})
    return rows


def statistics_page(rows: pd.DataFrame) -> str:
    """Markdown of what :func:`statistics` measured: the truth by pair and candidate, then how well rules choose."""
    pairs: list[tuple[Any, pd.DataFrame]] = [
        (name, group.set_index("candidate")) for name, group in rows.groupby(["model", "data", "tissue"])
    ]
    candidates = list(dict.fromkeys(rows["candidate"]))
    heads = [f"{figure} {name}" for figure in ("Dice", "PQ") for name in candidates]
    lines = ["| model | data | tissue | images | chosen | " + " | ".join(heads) + " |", "|" + "---|" * (5 + len(heads))]
    for name, group in pairs:
        figures = [f"{group.loc[one, key]:.3f}" for key in ORACLES for one in candidates]
        chosen = group.index[group["chosen"].to_numpy()][0]
        lines.append("| " + " | ".join([*name, f"{group['images'].iloc[0]:.0f}", chosen, *figures]) + " |")
    lines += [
        "",
        "| rule | mean regret Dice | PQ | worst loss against the source Dice | PQ | right |",
        "|" + "---|" * 6,
    ]
    for rule in (RULE, "stain", "symmetry", "information", "always source", "always half", "always target"):
        found = [_regrets(group, rule_choice(group, rule)) for _, group in pairs]
        means = [float(np.mean([one[key] for one in found])) for key in ("dice", "pq")]
        worst = [max(one[f"{key}_loss"] for one in found) for key in ("dice", "pq")]
        right = sum(one["pq"] == 0 for one in found)
        figures = " | ".join(f"{value:.3f}" for value in (*means, *worst))
        lines.append(f"| {rule} | {figures} | {right} of {len(found)} |")
    return "\n".join(lines)


def rule_choice(group: pd.DataFrame, rule: str) -> str:
    """What a rule takes of a pair's candidates; the project's own is what the run took."""
    if rule == RULE:
        return str(group.index[group["chosen"].to_numpy()][0])
    if rule.startswith("always "):
        return rule.removeprefix("always ")
    scores = {str(name): {str(key): value for key, value in row.items()} for name, row in group.iterrows()}
    return best_weights(scores, rule)


def _regrets(group: pd.DataFrame, name: str) -> dict[str, float]:
    regrets = {key: float(group[key].max() - group.loc[name, key]) for key in ORACLES}
    return {**regrets, **{f"{key}_loss": float(group.loc[SOURCE, key] - group.loc[name, key]) for key in ORACLES}}
