"""Figures that stand on several pages: they agree, and follow from the scores of single images."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from studies.unseen_tissue import summarise

REPOSITORY = Path(__file__).parents[2]
README, WEIGHTS = (REPOSITORY / name / "README.md" for name in (".", "pretrained"))
OFFSETS = REPOSITORY / "studies" / "results" / "offsets.md"


def cells(page: Path, label: str) -> list[str]:
    """What stands behind a row's label, which one row alone has."""
    (row,) = re.findall(rf"^\| {re.escape(label)} \|(.*)\|$", page.read_text(encoding="utf-8"), re.M)
    return [cell.strip().replace(" %", "%") for cell in row.split("|")]


def figures_of(model: str) -> list[str]:
    """Dice, AJI, PQ and the median count error of a model on MoNuSeg."""
    rows = pd.read_csv(REPOSITORY / "studies" / "results" / "weights.csv")
    chosen = rows[(rows["model"] == model) & (rows["data"] == "monuseg") & (rows["downscale"] == 1)]
    summary = summarise(chosen.to_dict("records"))["all"]
    return [*(f"{summary[key]:.3f}"[1:] for key in ("dice", "aji", "pq")), f"{summary['median_count_error']:.1%}"]


@pytest.mark.parametrize(
    ("label", "model"),
    [
        ("haematoxylin, Otsu", "haematoxylin, Otsu"),
        ("`mani_unet_any_stain`", "shipped, 1.0.1"),
        ("these weights' recipe, half as long", "shipped, 2.0.0"),
        ("the same, another seed", "as 2.0.0, seed 1"),
        ("these weights", "shipped, 2.1.0"),
    ],
)
def test_the_page_of_weights_has_the_scores_of_single_images(label, model):
    assert cells(WEIGHTS, label) == figures_of(model)


def test_the_readme_has_the_same_figures():
    hovernet = cells(WEIGHTS, "MoNuSeg, 30 images: `mani_hovernet`")
    found = [figures_of("shipped, 2.1.0"), hovernet, figures_of("haematoxylin, Otsu")]
    assert cells(README, "[PQ](docs/glossary.md#pq)") == [each[2] for each in found]
    assert cells(README, "count, median error") == [each[3] for each in found]


def test_the_other_weights_have_the_figures_of_their_study():
    dice, aji, pq, _, _, counts, error = cells(OFFSETS, "light, mean teacher | MoNuSeg (30)")
    assert cells(WEIGHTS, "MoNuSeg, 30 images: `mani_hovernet`") == [dice, aji, pq, error, counts]
