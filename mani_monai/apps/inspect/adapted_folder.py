"""The bundle that lies in the folder of an adaptation, for whoever names the folder."""

from __future__ import annotations

from pathlib import Path

from mani_monai.utils import InputError
from mani_monai.utils.json_files import read_object

REPORT = "report.json"


def bundle_within(path: Path) -> Path:
    """The adapted bundle in an adaptation's folder, where its report names it; any other path as it is.

    Args:
        path: a bundle's folder or zip, or what ``mani adapt --out`` named.

    Raises:
        InputError: when the report says to keep the source model: which of the two is meant has to be said.
    """
    if not (path / REPORT).is_file() or (path / "configs").exists():
        return path
    bundles = sorted(place.parents[1] for place in path.glob("adapted/*/configs/metadata.json"))
    if len(bundles) != 1:
        return path
    commands = read_object(path / REPORT, "adapt again").get("next") or {}
    if "adapted model" not in commands:
        kept = commands.get("source model") or "the source model"
        raise InputError(
            f"{path}: its report says to keep the source model ({kept}); name {bundles[0]} to use the adapted one."
        )
    return bundles[0]
