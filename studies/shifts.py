"""Describes the shifts of a table: images, batch statistics and features of its finished runs, and what fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
from scipy.stats import spearmanr
from tqdm import tqdm

from mani_monai.data.datalists import labelled_items, load_source_list, load_target_list
from mani_monai.run.run_folder import is_trained
from mani_monai.utils.files import load_network, load_tensors, weights_file
from mani_monai.utils.folders import file_hash
from studies.kept_figures import kept_figures
from studies.plan import Run, Table
from studies.rows import BASELINE, Row, collect_rows
from studies.run_config import run_parser
from studies.shift_features import PooledFeatures, head_features, pool_features, separation
from studies.shift_images import (
    MEASURES,
    Images,
    colour_distance,
    colour_distances,
    describe_data_set,
    standardised_distance,
)
from studies.shift_statistics import BASIC_UNET_DEPTHS, distances_by_depth, reestimated_statistics, running_statistics
from studies.statistics import Scores, paired_difference

HEAD = "final_conv"
FEWEST_IMAGES = 5
"""Below so many images a rank correlation says nothing."""
LEVELS = ("part", "of", "item", "measure", "figure")
"""Columns of ``shifts.csv`` before the value: the levels of a description."""
GAINS = {
    "target statistics in training (control) - source-only": ("target_statistics/plain", f"{BASELINE}/plain"),
    "AdaBN of source-only - source-only": (f"{BASELINE}/adabn", f"{BASELINE}/plain"),
    "MaNi - source-only": ("mani/plain", f"{BASELINE}/plain"),
    "MaNi - control": ("mani/plain", "target_statistics/plain"),
    "AdaBN of MaNi - AdaBN of source-only": ("mani/adabn", f"{BASELINE}/adabn"),
}
"""Differences of Dice that tell what batch statistics explain from what the loss adds: method/evaluation pairs."""


def describe_shifts(
    table: Table, dataset_dir: str, work_dir: str, results_dir: str, seeds: int, batches: int
) -> dict[str, Any]:
    """Describes what is there of a table's shifts.

    Args:
        table: the plan.
        dataset_dir: folder of the prepared data sets.
        work_dir: folder with a folder a run.
        results_dir: folder with the scores of finished runs.
        seeds: how many seeds of the table to look for.
        batches: training batches of each domain to estimate batch statistics on.

    Returns:
        ``settings``; ``data_sets``, measures of every image; ``shifts``, what ``describe_shift`` gives; ``runs``, what
        ``describe_run`` gives; ``missing``, names of runs without weights.
    """
    runs = [run for run in table.runs(seeds) if not run.method.supervised]
    names = dict.fromkeys(name for shift in table.shifts for name in shift)
    data_sets = {name: describe_data_set(dataset_dir, name) for name in names}
    rows = collect_rows(runs, results_dir)
    shifts = {
        f"{source}__{target}": describe_shift(data_sets[source], data_sets[target], rows.get(f"{source}__{target}", []))
        for source, target in table.shifts
    }
    finished = [run for run in runs if is_trained(Path(work_dir) / run.name)]
    figures = {}
    for run in tqdm(finished, "describing runs", unit="run"):
        figures[run.name] = cached_run(table, run, dataset_dir, Path(work_dir) / run.name, batches)
    return {
        "settings": {"table": table.name, "seeds": seeds, "batches": batches},
        "data_sets": data_sets,
        "shifts": shifts,
        "runs": figures,
        "missing": [run.name for run in runs if run.name not in figures],
    }


def describe_shift(source: Images, target: Images, rows: Sequence[Row]) -> dict[str, Any]:
    """Distances of two data sets, differences of Dice, and what Dice goes with over the target's test images.

    Args:
        source: measures of the source's images.
        target: measures of the target's images.
        rows: the shift's rows of the table, as far as they are there.

    Returns:
        ``distances`` by measure, ``colour_distance``, ``gains``, ``images`` (Dice of source-only, gain of MaNi and
        colour distance of each test image) and ``correlations`` (Spearman's, of both with colour distance and every
        measure).
    """
    scores = {f"{row.method.name}/{row.evaluation}": row.scores["last"] for row in rows}
    gains = {}
    for title, (name, other) in GAINS.items():
        if name in scores and other in scores and scores[name].keys() & scores[other].keys():
            gains[title] = asdict(paired_difference(scores[name], scores[other]))
    dice = {name: _by_image(scores.get(f"{name}/plain", {})) for name in (BASELINE, "mani")}
    far = colour_distances(source, target)
    images = {
        image: {"dice": value, "colour_distance": far[image]} for image, value in dice[BASELINE].items() if image in far
    }
    for image, value in images.items():
        if image in dice["mani"]:
            value["gain"] = dice["mani"][image] - value["dice"]
    return {
        "distances": {measure: standardised_distance(source, target, measure) for measure in MEASURES},
        "colour_distance": colour_distance(source, target),
        "gains": gains,
        "images": images,
        "correlations": {of: _correlations(images, target, of) for of in ("dice", "gain")},
    }


def cached_run(table: Table, run: Run, dataset_dir: str, folder: Path, batches: int) -> dict[str, Any]:
    """``describe_run``, or what it gave before for the same weights: kept in ``shifts.json`` in the run's folder."""
    made_of = {
        "weights": file_hash(weights_file(folder)),
        "batches": batches,
        "data": str(Path(dataset_dir).resolve()),
    }
    make = partial(describe_run, table, run, dataset_dir, folder, batches)
    return kept_figures(folder / "shifts.json", made_of, make)


def describe_run(table: Table, run: Run, dataset_dir: str, folder: Path, batches: int) -> dict[str, Any]:
    """Batch statistics and feature separation of a run's last weights, by way of the bundle's own configs.

    Statistics are of training crops of both domains, as AdaBN takes them; the target's without labels. Features are
    of the whole validation and test images of both domains, which no weight was trained on and whose labels say
    where nuclei are; the test images alone would leave small data sets with one.

    Args:
        table: the plan.
        run: the run.
        dataset_dir: folder of the prepared data sets.
        folder: the run's folder.
        batches: training batches of each domain.

    Returns:
        ``statistics`` by comparison and depth, and ``separation``.
    """
    content = run_parser(table, run, dataset_dir, folder).get_parsed_content
    network, device = content("network"), content("device")
    load_network(network, load_tensors(weights_file(folder)), weights_file(folder))

    running = running_statistics(network)
    crops = list(islice(content("adabn_loader"), batches))
    found = {
        domain: reestimated_statistics(network, (batch[key] for batch in crops), device)
        for domain, key in (("source", "image"), ("target", "target_image"))
    }
    pairs = {
        "source from network": (found["source"], running),
        "target from network": (found["target"], running),
        "target from source": (found["target"], found["source"]),
    }
    statistics = {name: distances_by_depth(*pair, BASIC_UNET_DEPTHS) for name, pair in pairs.items()}

    network.eval()
    preprocess, infer = content("validate::preprocessing"), content("train::inferer")

    def pooled(items: Sequence[dict[str, str]]) -> list[PooledFeatures]:
        images = []
        for item in items:
            sample = preprocess(item)
            nuclei = sample["label"][0].numpy() > 0
            if nuclei.any() and not nuclei.all():
                features = head_features(network, HEAD, infer, sample["image"].to(device))
                images.append(pool_features(features.float().cpu().numpy(), nuclei))
        return images

    parts = ("validation", "test")
    source = [item for part in parts for item in load_source_list(dataset_dir, run.source, run.split, part)]
    target = [item for part in parts for item in load_target_list(dataset_dir, run.target, run.split, part)]
    target = labelled_items(target)
    return {"statistics": statistics, "separation": separation(pooled(source), pooled(target))}


def shift_records(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A description as rows of ``shifts.csv``: one figure each, its names by level before it."""

    def flat(content: Any, names: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
        if isinstance(content, dict):
            for name, value in content.items():
                yield from flat(value, (*names, str(name)))
        elif isinstance(content, list):
            for number, value in enumerate(content):
                yield from flat(value, (*names, str(number)))
        else:
            yield {**dict(zip(LEVELS, names, strict=False)), "value": content}

    columns = dict.fromkeys((*LEVELS, "value"))
    return [{**columns, **record} for record in flat(rounded(dict(found)))]


def rounded(content: Any) -> Any:
    """Content for a JSON file: numbers to five decimals, None for nan."""
    if isinstance(content, dict):
        return {name: rounded(value) for name, value in content.items()}
    if isinstance(content, list):
        return [rounded(value) for value in content]
    if isinstance(content, float):
        return round(content, 5) if np.isfinite(content) else None
    return content


def _by_image(scores: Scores) -> dict[str, float]:
    """Dice of each image; folds share no image, splits may."""
    found: dict[str, list[float]] = {}
    for images in scores.values():
        for image, dice in images.items():
            found.setdefault(image, []).append(dice)
    return {image: float(np.mean(values)) for image, values in found.items()}


def _correlations(images: dict[str, dict[str, float]], target: Images, of: str) -> dict[str, dict[str, float]]:
    names = [image for image, values in images.items() if of in values]
    if len(names) < FEWEST_IMAGES:
        return {}
    columns = {"colour_distance": [images[name]["colour_distance"] for name in names]}
    columns |= {measure: [target[name][measure] for name in names] for measure in MEASURES}
    correlations = {}
    for measure, values in columns.items():
        found = cast("Any", spearmanr(values, [images[name][of] for name in names]))
        correlations[measure] = {"rho": float(found.statistic), "p": float(found.pvalue), "images": len(names)}
    return correlations
