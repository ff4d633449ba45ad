"""Files of the repository that several tests of bundles read."""

from __future__ import annotations

import json
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SCHEMA = REPOSITORY / "tests" / "bundles" / "reference" / "meta_schema_20240725.json"


def read_json(path):
    """A JSON file in which no key stands twice."""

    def no_twins(pairs):
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names)), f"{path}: a key stands twice among {names}"
        return dict(pairs)

    return json.loads(path.read_text(), object_pairs_hook=no_twins)


def pinned_versions() -> dict[str, str]:
    """Versions that requirements.txt pins, by package."""
    lines = (REPOSITORY / "requirements.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if "==" in line[:40])


def named_versions(metadata: dict) -> dict[str, str]:
    """Versions that a bundle's metadata names, by package."""
    of_the_schema = {"monai": "monai_version", "torch": "pytorch_version", "numpy": "numpy_version"}
    return {
        **{package: metadata[key] for package, key in of_the_schema.items()},
        **metadata["required_packages_version"],
    }
