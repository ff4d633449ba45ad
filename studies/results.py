"""Results of finished runs as four tidy tables, and the JSON that a run leaves until they take it up."""

from __future__ import annotations

import fcntl
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from studies.records import number, read_records, write_records

Result = dict[str, Any]
"""What a finished run says of itself: who it is, what it cost, its scores. ``with_metrics`` makes it."""
Records = list[dict[str, Any]]
KEY = ("table", "run")
FACTS = ("source", "target", "method", "seed", "split", "configs", "options", "target_labels_train")
COSTS = ("training_seconds", "training_cpu_seconds", "peak_memory_mib", "sessions", "threads", "device")
COUNTS = ("true_positives", "false_positives", "false_negatives", "matched_iou")
"""The numbers of an image under ``counts``, which scores.csv holds as metrics."""
VERSIONS = ("torch", "monai")
COLUMNS = {
    "runs": (*KEY, *FACTS, *COSTS, *VERSIONS, "further"),
    "selections": (*KEY, "evaluation", "selection", "weights", "digest", "criterion", "unlabelled_images", "further"),
    "scores": (*KEY, "evaluation", "selection", "metric", "image", "tissue", "score"),
    "snapshots": (*KEY, "evaluation", "weights"),
}
"""Columns by table; those of ``snapshots`` go on with ``label_free.*`` and ``test.*``, a column a score."""


def read_result(folder: str | Path, run: str) -> Result | None:
    """What a finished run left; None where there is nothing.

    Args:
        folder: ``<results>/<table>``, where the run leaves its JSON; the tables lie in ``<results>``.
        run: its name.
    """
    folder = Path(folder)
    try:
        return json.loads((folder / f"{run}.json").read_text())
    except FileNotFoundError:
        return _tidy_results(folder.parent).get((folder.name, run))


def read_folder(folder: str | Path) -> dict[str, Result]:
    """What all finished runs of a table left, by name, in the order of the names.

    Args:
        folder: as of :func:`read_result`.
    """
    folder = Path(folder)
    found = {run: result for (table, run), result in _tidy_results(folder.parent).items() if table == folder.name}
    found |= {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    return {run: found[run] for run in sorted(found)}


def table_names(results: str | Path) -> list[str]:
    """The tables that have finished runs."""
    names = {table for table, _ in _tidy_results(Path(results))}
    return sorted(names | {path.parent.name for path in _left(Path(results))})


def take_up(results: str | Path) -> list[Path]:
    """Moves the JSON files that runs left into the tables.

    Args:
        results: the folder of the tables, with a folder of JSON files a table.

    Returns:
        the files, which are gone.
    """
    results = Path(results)
    with _locked(results):
        paths = _left(results)
        if paths:
            found = {(path.parent.name, path.stem): json.loads(path.read_text()) for path in paths}
            write_results(_tidy_results(results) | found, results)
            for path in paths:
                path.unlink()
    return paths


def write_results(found: Mapping[tuple[str, str], Result], results: Path) -> None:
    """Writes the tables anew.

    Args:
        found: every result by table and run.
        results: their folder.
    """
    tables: dict[str, Records] = {name: [] for name in COLUMNS}
    for (table, run), result in sorted(found.items()):
        for name, records in _records(result).items():
            tables[name] += [{"table": table, "run": run, **record} for record in records]
    for name, records in tables.items():
        write_records(records, results / f"{name}.csv", COLUMNS[name])


def _records(result: Result) -> dict[str, Records]:
    """A result's rows of every table."""
    known = {*FACTS, *COSTS, "versions", "scores", "snapshots", "label_free", "tissues"}
    facts = {name: result.get(name) for name in (*FACTS, *COSTS)}
    facts["configs"] = " ".join(result["configs"])
    facts["options"] = json.dumps(result["options"]) if "options" in result else None
    facts |= {name: result.get("versions", {}).get(name) for name in VERSIONS}
    facts["further"] = _further({name: value for name, value in result.items() if name not in known})
    tables: dict[str, Records] = {"runs": [facts], "selections": [], "scores": [], "snapshots": []}
    for evaluation, selections in result["scores"].items():
        for selection, content in selections.items():
            place = {"evaluation": evaluation, "selection": selection}
            scores = list(_scores(content, result.get("tissues") or {}))
            said = {name: content.get(name) for name in ("weights", "digest")}
            if selection == "label_free":
                choice = result.get("label_free", {}).get(evaluation, {})
                said |= {"criterion": choice.get("criterion"), "unlabelled_images": choice.get("images")}
            derived = _by_metric(scores)
            rest = {name: value for name, value in content.items() if name not in said and derived.get(name) != value}
            tables["selections"].append({**place, **said, "further": _further(rest)})
            tables["scores"] += [{**place, **score} for score in scores]
    for evaluation, entries in result.get("snapshots", {}).items():
        for entry in entries:
            scores = {f"{part}.{name}": value for part in ("label_free", "test") for name, value in entry[part].items()}
            tables["snapshots"].append({"evaluation": evaluation, "weights": entry["weights"], **scores})
    return tables


def _scores(content: Mapping[str, Any], tissues: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for metric, images in content.items():
        if not isinstance(images, dict):
            continue
        for image, score in images.items():
            named = dict(zip(COUNTS, score, strict=True)) if metric == "counts" else {metric: score}
            for name, value in named.items():
                yield {"metric": name, "image": image, "tissue": tissues.get(image), "score": value}


def _by_metric(scores: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Scores by metric and image with their means and spreads, as ``metrics.json`` of an evaluation has them."""
    images: dict[str, dict[str, Any]] = defaultdict(dict)
    for score in scores:
        images[score["metric"]][score["image"]] = score["score"]
    counts = {image: [images[name][image] for name in COUNTS] for image in images.get(COUNTS[0], {})}
    found: dict[str, Any] = {}
    for metric, by_image in images.items():
        if metric not in COUNTS:
            values = [value for value in by_image.values() if value is not None]
            found[f"{metric}_mean"] = float(np.mean(values)) if values else None
            found[f"{metric}_std"] = float(np.std(values)) if values else None
            found[metric] = by_image
    return found | ({"counts": counts} if counts else {})


def _tidy_results(results: Path) -> dict[tuple[str, str], Result]:
    """Every result of the tables, by table and run."""
    paths = [results / f"{name}.csv" for name in COLUMNS]
    return _parsed(results, tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths))


@lru_cache(maxsize=4)
def _parsed(results: Path, _: tuple[int, ...]) -> dict[tuple[str, str], Result]:
    found = {(row["table"], row["run"]): _facts(row) for row in read_records(results / "runs.csv")}
    scores: dict[tuple[str, ...], Records] = defaultdict(list)
    for row in read_records(results / "scores.csv"):
        result = found[row["table"], row["run"]]
        if row["tissue"]:
            result["tissues"][row["image"]] = row["tissue"]
        record = {"metric": row["metric"], "image": row["image"], "score": number(row["score"])}
        scores[row["table"], row["run"], row["evaluation"], row["selection"]].append(record)
    for row in read_records(results / "selections.csv"):
        result, evaluation, selection = found[row["table"], row["run"]], row["evaluation"], row["selection"]
        content = {name: row[name] for name in ("weights", "digest") if row[name]}
        content |= _by_metric(scores[row["table"], row["run"], evaluation, selection])
        content |= json.loads(row["further"] or "{}")
        result["scores"].setdefault(evaluation, {})[selection] = content
        if row["criterion"]:
            images = int(row["unlabelled_images"])
            result["label_free"][evaluation] = {"criterion": row["criterion"], "images": images}
    for row in read_records(results / "snapshots.csv"):
        entry: dict[str, Any] = {"weights": row["weights"], "label_free": {}, "test": {}}
        for name, value in row.items():
            part, point, score = name.partition(".")
            if point:
                entry[part][score] = number(value)
        found[row["table"], row["run"]]["snapshots"].setdefault(row["evaluation"], []).append(entry)
    return found


def _facts(row: Mapping[str, str]) -> Result:
    result: Result = {name: number(row[name]) for name in COSTS if name != "device" and row[name]}
    result |= {name: row[name] for name in ("source", "target", "method", "split", "device") if row[name]}
    result |= {"seed": int(row["seed"]), "configs": row["configs"].split()}
    result |= {"options": json.loads(row["options"])} if row["options"] else {}
    result["target_labels_train"] = row["target_labels_train"] == "True"
    versions = {name: row[name] for name in VERSIONS if row[name]}
    result |= {"versions": versions} if versions else {}
    result |= json.loads(row["further"] or "{}")
    return {**result, "tissues": {}, "scores": {}, "snapshots": {}, "label_free": {}}


def _further(content: Mapping[str, Any]) -> str | None:
    return json.dumps(content) if content else None


def _left(results: Path) -> list[Path]:
    """JSON files that runs left; a folder below that has tables of its own is another one's."""
    return sorted(path for path in results.glob("*/*.json") if not (path.parent / "runs.csv").exists())


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Alone in a folder: two tables may be made at once."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
