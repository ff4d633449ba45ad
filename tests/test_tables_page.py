"""The page of tables explains every column that a command writes."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from mani_monai.apps.infer.folder_result import ImageResult
from mani_monai.apps.slides.slide_result import SlideResult
from mani_monai.apps.slides.tile_nuclei import SCHEMA
from mani_monai.apps.slides.tile_quality import TileQuality
from mani_monai.transforms import nuclei_table

PAGE = (Path(__file__).parents[1] / "docs" / "tables.md").read_text(encoding="utf-8")


def nuclei_columns() -> list[str]:
    one = np.ones((3, 3))
    table = nuclei_table(one.astype(int), one, np.stack([0 * one, one]), temperature=1.0)
    return [*table, "area_um2", "class"]


@pytest.mark.parametrize(
    ("heading", "columns"),
    [
        ("A row a nucleus, of an image", nuclei_columns()),
        ("A line an image", [each.name for each in fields(ImageResult)]),
        ("A row a nucleus, of a slide", SCHEMA.names),
        (
            "A line a slide, and a row a tile",
            [each.name for kind in (SlideResult, TileQuality) for each in fields(kind)],
        ),
    ],
)
def test_every_column_is_explained_and_no_other(heading, columns):
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)[1]
    rows = re.findall(r"^\| (`[^|]*) \|", section, re.M)
    explained = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(explained) == sorted(set(columns))
