"""The lowest versions that the package says it runs with: ``python tests/support/lowest_versions.py`` prints them."""

from __future__ import annotations

import re
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def lowest_versions(path: Path = PYPROJECT) -> list[str]:
    """Every dependency of the package pinned to its lower bound, as pip takes it.

    Args:
        path: a ``pyproject.toml``.

    Raises:
        ValueError: when a dependency has no lower bound, or another one besides.
    """
    pins = []
    for dependency in tomllib.loads(path.read_text(encoding="utf-8"))["project"]["dependencies"]:
        bound = re.fullmatch(r"([\w.-]+)>=([\d.]+)", dependency)
        if bound is None:
            raise ValueError(f"{dependency}: is not written as name>=version.")
        pins.append(f"{bound[1]}=={bound[2]}")
    return pins


if __name__ == "__main__":
    print("\n".join(lowest_versions()))
