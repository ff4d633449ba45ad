"""The page of tables explains every column that a command writes."""

from __future__ import annotations

import re
from dataclasses import fields

import numpy as np
import pytest
from bundle_files import REPOSITORY, read_json

from mani_monai.apps.infer.folder_result import ImageResult
from mani_monai.apps.slides.slide_result import SlideResult
from mani_monai.apps.slides.tile_nuclei import SCHEMA
from mani_monai.apps.slides.tile_quality import TileQuality
from mani_monai.evaluation.selection import LABEL_FREE, ORACLE, selection_table
from mani_monai.transforms import nuclei_table

PAGE = (REPOSITORY / "docs" / "tables.md").read_text(encoding="utf-8")


def nuclei_columns() -> list[str]:
    one = np.ones((3, 3))
    table = nuclei_table(one.astype(int), one, np.stack([0 * one, one]), temperature=1.0)
    return [*table, "area_um2", "class"]


def score_words() -> list[str]:
    """Of the table that is printed, and of the one that is written."""
    config = read_json(REPOSITORY / "bundles" / "mani_unet" / "configs" / "evaluate.json")
    metrics = ["dice", *config["evaluate"]["nuclei_metrics"]["pq"]["figures"], "count_error"]
    selection = {f"{name}_{kind}": 0.5 for name in metrics for kind in ("mean", "std")}
    selection |= {"dice": {"an_image": 0.5}, "weights": "model.pt"}
    names = ("last", "source_validation", "average", LABEL_FREE, ORACLE)
    head, *lines = selection_table({"selections": dict.fromkeys(names, selection)}).splitlines()
    return ["image", *head.split(), *(line.split()[0] for line in lines)]


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
        ("The scores of a run", score_words()),
    ],
)
def test_every_column_is_explained_and_no_other(heading, columns):
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)[1]
    rows = re.findall(r"^\| (`[^|]*) \|", section, re.M)
    explained = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(explained) == sorted(set(columns))
