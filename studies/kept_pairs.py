"""Rows of pairs of a model and a tissue in a CSV file, so that what is measured is not measured again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mani_monai import Model
from mani_monai.utils import InputError
from studies.statistics_page import PAIR

SETTINGS = ("weights", "split", "most")
"""Columns that say what a row was measured with: the weights' SHA-256, the split, and images of a tissue at most."""
ALL = "all"
"""Of the column "most": no image was left out."""


def named_bundles(bundles: str | Sequence[str]) -> list[str]:
    """Paths of bundles whose names tell their rows apart.

    Args:
        bundles: paths with commas, or several.

    Raises:
        InputError: when two have one name.
    """
    paths = bundles.split(",") if isinstance(bundles, str) else list(bundles)  # fire parts words alone, no paths
    if len({Path(path).name for path in paths}) < len(paths):
        raise InputError(f"--bundles {','.join(paths)}: two have one name; rename a folder.")
    return paths


class KeptPairs:
    """Rows by pair.

    Args:
        out: the CSV file, which need not be there; None keeps nothing.
    """

    def __init__(self, out: str | None) -> None:
        self.out = out
        self.rows: list[dict[str, Any]] = []
        if out is not None and Path(out).is_file():
            self.rows = pd.read_csv(out, dtype=dict.fromkeys(SETTINGS, str)).to_dict("records")

    @property
    def table(self) -> pd.DataFrame:
        """All rows."""
        return pd.DataFrame(self.rows)

    def holds(self, pair: Mapping[str, str], settings: Mapping[str, str]) -> bool:
        """Whether anything is measured of a pair; arguments are those of :meth:`held`."""
        return bool(self.held(pair, settings))

    def held(self, pair: Mapping[str, str], settings: Mapping[str, str]) -> list[dict[str, Any]]:
        """The rows of a pair.

        Args:
            pair: as of :func:`pair_of`.
            settings: as of :func:`settings_of`.

        Raises:
            InputError: when the file holds it with other weights, another split or another number of images.
        """
        same = [row for row in self.rows if all(row[key] == value for key, value in pair.items())]
        for row in same:
            other = [name for name in SETTINGS if row.get(name) != settings[name]]
            if other:
                names, what = " ".join(pair.values()), " and ".join(other)
                raise InputError(f"{self.out}: holds {names} with other {what} than these; name another --out.")
        return same

    def add(self, pair: Mapping[str, str], settings: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> None:
        """Adds what was measured of a pair, and writes the file."""
        self.rows.extend({**pair, **settings, **row} for row in rows)
        if self.out is not None:
            self.table.round(5).to_csv(self.out, index=False, lineterminator="\n")


def pair_of(bundle: str, data: str, tissue: str) -> dict[str, str]:
    """A row's first columns."""
    return dict(zip(PAIR, (Path(bundle).name, data, tissue), strict=True))


def settings_of(model: Model, split: str, most: int | None) -> dict[str, str]:
    """The columns ``SETTINGS``."""
    return dict(zip(SETTINGS, (model.weights, str(split), ALL if most is None else str(most)), strict=True))
