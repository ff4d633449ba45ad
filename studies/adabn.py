"""What AdaBN does to single images: how far the statistics that normalise them are from their own, and their Dice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, cast

import numpy as np
from monai.transforms import Compose
from pandas import DataFrame
from scipy.stats import spearmanr
from torch import Tensor
from tqdm import tqdm

from mani_monai.data.datalists import load_target_list
from mani_monai.evaluation import averaged_weights
from mani_monai.evaluation.weight_average import second_half, snapshots_of
from mani_monai.utils.files import load_network
from mani_monai.utils.folders import file_hash
from studies.kept_figures import kept_figures
from studies.markdown import arrow, markdown_table, write_between_marks
from studies.plan import PLAIN, Run, Table
from studies.records import write_records
from studies.rows import read_results
from studies.run_config import run_parser
from studies.shift_statistics import (
    BASIC_UNET_DEPTHS,
    distances_by_depth,
    entering_statistics,
    reestimated_network,
    running_statistics,
)
from studies.shifts import rounded

ADABN = "adabn"
SELECTION = "average"
"""The weights that are studied, which move least from one training to another: means of the second half's."""
DEPTHS = tuple(BASIC_UNET_DEPTHS)

Distances = Mapping[str, Mapping[str, Mapping[str, float]]]
"""By image: "before" and "after" AdaBN, by depth."""


def study_table(
    table: Table, methods: Sequence[str], dataset_dir: str, work_dir: str, results_dir: str, seeds: int, batches: int
) -> dict[str, Any]:
    """Studies what is there of some rows of a table.

    Args:
        table: the plan.
        methods: the rows.
        dataset_dir: folder of the prepared data sets.
        work_dir: folder with a folder a run, where their weights lie.
        results_dir: folder with the scores of finished runs.
        seeds: how many seeds of the table to look for.
        batches: training batches of the target to re-estimate statistics on.

    Returns:
        by run, where weights and the averages' scores before and after AdaBN are there, what ``run_figures`` gives.

    Raises:
        InputError: for a method that the table does not have.
    """
    results = read_results(table.runs(seeds, methods=methods), results_dir)
    scored = {run: result["scores"] for run, result in results.items() if _has_both(result["scores"])}
    there = [run for run in scored if len(second_half(snapshots_of(Path(work_dir) / run.name))) > 1]
    found = {}
    for run in tqdm(there, f"studying {table.name}", unit="run", disable=not there):
        folder = Path(work_dir) / run.name
        made_of = {
            "weights": [file_hash(path) for path in second_half(snapshots_of(folder))],
            "batches": batches,
            "data": str(Path(dataset_dir).resolve()),
        }
        make = partial(image_distances, table, run, dataset_dir, folder, batches)
        distances = kept_figures(folder / "adabn_study.json", made_of, make)
        dice = [scored[run][evaluation][SELECTION]["dice"] for evaluation in (PLAIN, ADABN)]
        facts = {"shift": run.shift, "seed": run.seed, "method": run.method.title}
        found[run.name] = facts | run_figures(distances, *dice)
    return found


def image_distances(table: Table, run: Run, dataset_dir: str, folder: Path, batches: int) -> dict[str, Any]:
    """How far the statistics that a network normalises with are from those of each of the target's test images.

    Before AdaBN they are the network's, after it the target's, each with the layers before normalised by the same.
    No label is read.

    Args:
        table: the plan.
        run: the run.
        dataset_dir: folder of the prepared data sets.
        folder: the run's folder.
        batches: training batches of the target to re-estimate statistics on.

    Returns:
        by image, then "before" and "after", then depth: the mean over channels and layers of
        |mean of the image - mean in use| / standard deviation in use.
    """
    content = run_parser(table, run, dataset_dir, folder).get_parsed_content
    network, device = content("network"), content("device")
    load_network(network, averaged_weights(folder), folder)
    crops = islice(content("adabn_loader"), batches)
    adapted = reestimated_network(network, (batch["target_image"] for batch in crops), device)
    networks = {"before": network.eval(), "after": adapted.eval()}
    preprocess = Compose([*content("transforms::load"), *content("transforms::finish")])
    found = {}
    for item in load_target_list(dataset_dir, run.target, run.split, "test"):
        image = cast("dict[str, Tensor]", preprocess({"image": item["image"]}))["image"].to(device)
        parts = {}
        for name, used in networks.items():
            entering = entering_statistics(used, image)
            distances = distances_by_depth(entering, running_statistics(used), BASIC_UNET_DEPTHS)
            parts[name] = {depth: distances[depth]["mean"] for depth in DEPTHS}
        found[Path(item["image"]).stem] = parts
    return found


def run_figures(
    distances: Distances, before: Mapping[str, float | None], after: Mapping[str, float | None]
) -> dict[str, Any]:
    """Means over a run's images, and whether those gain that AdaBN brings nearer to the statistics in use.

    Args:
        distances: what ``image_distances`` gives.
        before: Dice by image without AdaBN.
        after: Dice by image with AdaBN.

    Returns:
        ``images``, their number; ``gain``, their mean; by depth, ``before`` and ``after``, mean distances, and
        ``correlation``, Spearman's of the gain with how much nearer AdaBN brings the image, None below three images.
    """
    pairs = {name: (before.get(name), after.get(name)) for name in distances}
    lifts = {name: late - early for name, (early, late) in pairs.items() if early is not None and late is not None}
    images, gains = list(lifts), list(lifts.values())
    figures: dict[str, Any] = {"images": len(images), "gain": float(np.mean(gains))}
    figures |= {"before": {}, "after": {}, "correlation": {}}
    for depth in DEPTHS:
        parts = {part: np.array([distances[name][part][depth] for name in images]) for part in ("before", "after")}
        figures |= {part: {**figures[part], depth: float(values.mean())} for part, values in parts.items()}
        nearer = parts["before"] - parts["after"]
        figures["correlation"][depth] = (
            float(cast("Any", spearmanr(nearer, gains)).statistic) if len(images) > 2 else None
        )
    return figures


def _has_both(scores: Mapping[str, Any]) -> bool:
    return all(SELECTION in scores.get(evaluation, {}) for evaluation in (PLAIN, ADABN))


NONE = "No run has weights, and scores before and after AdaBN, yet."


def write_adabn_study(found: Mapping[str, Mapping[str, Any]], markdown: str | Path, figures: Path) -> str:
    """Writes a table a method between the marks of a page, and the figures as CSV, a row a run.

    Args:
        found: by run, what ``study_table`` gives.
        markdown: the page.
        figures: the CSV file; it is left as it is where there are no runs.

    Returns:
        the tables.
    """
    if not found:
        return write_between_marks(NONE, markdown)
    write_records(({"run": name, **_flat(rounded(of_run))} for name, of_run in found.items()), figures)
    methods = dict.fromkeys(run["method"] for run in found.values())
    blocks = [_table(method, [run for run in found.values() if run["method"] == method]) for method in methods]
    return write_between_marks("\n\n".join(blocks), markdown)


def _flat(content: Mapping[str, Any]) -> dict[str, Any]:
    """One level: ``before.encoder`` for ``before``'s ``encoder``."""
    flat: dict[str, Any] = {}
    for name, value in content.items():
        flat |= {f"{name}.{part}": one for part, one in value.items()} if isinstance(value, dict) else {name: value}
    return flat


def _table(method: str, runs: list[Mapping[str, Any]]) -> str:
    heads = ["images", "gain", *[f"{depth}: before, after" for depth in DEPTHS], *[f"ρ, {depth}" for depth in DEPTHS]]
    rows = []
    for run in runs:
        distances = [f"{run['before'][depth]:.2f}, {run['after'][depth]:.2f}" for depth in DEPTHS]
        rhos = [_shown(run["correlation"][depth]) for depth in DEPTHS]
        name = f"{arrow(run['shift'])}, {run['seed']}"
        rows.append([name, run["images"], f"{run['gain']:+.3f}", *distances, *rhos])
    distances = [", ".join(f"{_median(runs, part, depth):.2f}" for part in ("before", "after")) for depth in DEPTHS]
    rhos = [_shown(_median(runs, "correlation", depth)) for depth in DEPTHS]
    images, gain = sum(run["images"] for run in runs), f"{median(run['gain'] for run in runs):+.3f}"
    rows.append(["**median** (images: sum)", images, gain, *distances, *rhos])
    return markdown_table(DataFrame(rows, columns=["", *heads]), f"**{method}**")


def _shown(rho: float | None) -> str:
    return "" if rho is None else f"{rho:+.2f}"


def _median(runs: list[Mapping[str, Any]], part: str, depth: str) -> float | None:
    values = [run[part][depth] for run in runs if run[part][depth] is not None]
    return median(values) if values else None
