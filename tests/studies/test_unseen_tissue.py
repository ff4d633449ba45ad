"""Scores by image and tissue, and the baseline that learned nothing."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from studies.unseen_tissue import FIGURES, Found, haematoxylin_nuclei, measure, parting_errors, scores_table, summarise

NUCLEI, STROMA = (90, 60, 140), (240, 190, 215)


def disks(*centres: tuple[int, int], size: int = 64, radius: int = 9) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    ids = np.zeros((size, size), np.uint16)
    for number, (row, column) in enumerate(centres, start=1):
        ids[(rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = number
    return ids


@pytest.fixture
def items(tmp_path):
    """Two images of "colon" with two nuclei each, one of "liver" with one."""
    items = []
    for name, tissue, centres in [
        ("a", "colon", [(20, 20), (45, 45)]),
        ("b", "colon", [(20, 44), (44, 20)]),
        ("c", "liver", [(32, 32)]),
    ]:
        ids = disks(*centres)
        Image.fromarray(np.where(ids[..., None] > 0, NUCLEI, STROMA).astype(np.uint8)).save(tmp_path / f"{name}.png")
        Image.fromarray(ids).save(tmp_path / f"{name}_label.png")
        paths = {"image": str(tmp_path / f"{name}.png"), "label": str(tmp_path / f"{name}_label.png")}
        items.append({**paths, "tissue": tissue})
    return items


def test_the_baseline_finds_every_nucleus(items):
    rows = measure(items, haematoxylin_nuclei).rows
    assert [(row["image"], row["found"], row["true"]) for row in rows] == [("a", 2, 2), ("b", 2, 2), ("c", 1, 1)]
    assert min(row["pq"] for row in rows) > 0.8


def test_the_baseline_parts_nuclei_that_touch():
    image = np.where(disks((32, 24), (32, 41))[..., None] > 0, NUCLEI, STROMA).astype(np.uint8)
    assert haematoxylin_nuclei(image).instances.max() == 2


def test_the_baseline_finds_nothing_on_glass():
    assert not haematoxylin_nuclei(np.full((20, 30, 3), 240, np.uint8)).instances.any()


def test_figures_by_tissue_are_means_over_images(items):
    answers = iter([disks((20, 20), (45, 45)), disks((20, 44)), np.zeros((64, 64), int)])
    summary = summarise(measure(items, lambda image: Found(next(answers))).rows)
    assert list(summary) == ["colon", "liver", "all"]
    colon = summary["colon"]
    assert (colon["images"], colon["found"], colon["true"]) == (2, 3, 4)
    assert colon["pq"] == pytest.approx((1 + 1 / 1.5) / 2)
    assert colon["dice"] == pytest.approx((1 + 2 / 3) / 2)
    assert colon["median_count_error"] == pytest.approx(0.25)
    assert (summary["liver"]["pq"], summary["liver"]["median_count_error"]) == (0, 1)
    assert summary["all"]["aji"] == pytest.approx(np.mean([1, 0.5, 0]))


def test_the_median_error_follows_from_whole_numbers_of_nuclei():
    """A file keeps four digits of an error, so that one of .08352 would be printed as 8.3 %."""
    row = {"tissue": "skin", **dict.fromkeys(FIGURES, 0.5), "found": 2, "true": 3, "count_error": 0.3}
    empty = {**row, "found": 1, "true": 0, "count_error": float("nan")}
    assert summarise([row, empty])["all"]["median_count_error"] == pytest.approx(1 / 3)


def test_a_table_has_a_row_a_tissue(items):
    summary = summarise(measure(items[:2], lambda image: Found(disks((20, 20)))).rows)
    lines = scores_table({"mine": summary}).splitlines()
    assert len(lines) == 3  # one tissue: no row of its own
    assert lines[2].startswith("| mine | all | 2 | ")
    assert lines[2].endswith("| 2 / 4 | 50.0% |")


def test_scores_stand_beside_what_is_right(items):
    found = Found(disks((20, 20), (5, 60)), np.array([0.9, 0.6]))
    measured = measure(items[:1], lambda image: found)
    assert (measured.scores, measured.right) == ([0.9, 0.6], [True, False])
    assert measure(items, haematoxylin_nuclei).scores == []


def test_images_and_labels_are_made_smaller_together(items):
    seen = []

    def find(image: np.ndarray) -> Found:
        seen.append(image.shape)
        return haematoxylin_nuclei(image)

    rows = measure(items, find, downscale=2).rows
    assert seen == [(32, 32, 3)] * 3
    assert [(row["found"], row["true"]) for row in rows] == [(2, 2), (2, 2), (1, 1)]
    assert min(row["pq"] for row in rows) > 0.6


def test_merges_and_splits_by_hand():
    """One found nucleus holds two true ones; one true nucleus holds three found ones; a neighbour's edge is neither."""
    true, found = np.zeros((2, 20, 40), int)
    true[0:4, 0:4], true[0:4, 5:9], found[0:4, 0:10] = 1, 2, 1
    true[8:12, 0:12], found[8:12, 0:3], found[8:12, 4:7], found[8:12, 8:11] = 3, 2, 3, 4
    true[16:20, 0:4], found[16:20, 0:6], true[16:20, 4:10] = 4, 5, 5
    assert parting_errors(found, true) == {"merges": 1, "splits": 2}
    assert parting_errors(np.zeros_like(true), true) == {"merges": 0, "splits": 0}
