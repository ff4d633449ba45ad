"""The data sets that weights were ever trained on: their licences bind whatever comes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mani_monai.data.datalists import data_set_names
from mani_monai.data.pixel_size import alike
from mani_monai.provenance import training_of
from mani_monai.run.run_folder import metadata_file
from mani_monai.transforms.nucleus import least_area
from mani_monai.utils.json_files import read_object

UNKNOWN = "unknown"


def read_domains(dataset_dir: str | Path, role: str, names: str) -> list[dict[str, Any]]:
    """What preparation recorded of the data sets that train.

    Args:
        dataset_dir: the folder of all prepared data sets.
        role: "source" or "target".
        names: one name, or several with commas.

    Returns:
        records of name, role, licence, mpp (None where it is not known) and types (empty where it has none).
    """
    records = []
    for name in data_set_names(names):
        summary = read_object(Path(dataset_dir) / name / "dataset.json", "prepare the data set again")
        facts = {"licence": summary.get("licence") or UNKNOWN, "mpp": summary.get("mpp")}
        records.append({"name": name, "role": role, **facts, "types": summary.get("types", {})})
    return records


def domains_of(folder: str | Path) -> list[dict[str, Any]]:
    """The data sets that a run's weights were trained on, as it says; none where it does not."""
    path = metadata_file(Path(folder))
    return list(training_of(read_object(path, "train anew"), path, "train anew").get("domains") or [])


def united(*lists: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every record of some lists once; one data set with two licences stands there with both."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for record in (record for records in lists for record in records):
        found.setdefault((record.get("name"), record.get("role"), record.get("licence")), dict(record))
    return list(found.values())


def common_pixel_size(domains: Iterable[Mapping[str, Any]]) -> float | None:
    """Micrometres per pixel of data sets that are known to have one; None where none does, or they differ."""
    sizes = [domain["mpp"] for domain in domains if domain.get("mpp")]
    return sizes[0] if sizes and all(alike(size, sizes[0]) for size in sizes) else None


def smallest_nucleus(dataset_dir: str | Path, source: str, target: str) -> int:
    """Pixels of the smallest nucleus, for a validation that counts as the run's inference will.

    Args:
        dataset_dir: the folder of all prepared data sets.
        source: one name, or several with commas.
        target: likewise.
    """
    names = {"source": source, "target": target}
    return least_area(common_pixel_size(d for role in names for d in read_domains(dataset_dir, role, names[role])))
