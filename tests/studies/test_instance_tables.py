"""Tables of every figure and by tissue."""

from __future__ import annotations

from studies.instance_tables import figures_table, tissues_table


def test_every_figure_has_a_column(finished):
    lines = figures_table(*finished, ("dice", "pq")).splitlines()
    assert lines[:3] == ["**a → b, every figure, last iterate**", "", "| row | Dice | PQ |"]
    assert lines[4] == "| source-only | 0.500 | 0.225 |"  # PQ: half of .4 and .5, image y has none
    assert len(lines) == 4 + 5


def test_a_figure_that_no_run_has_makes_no_column(finished):
    assert figures_table(*finished, ("dice", "count_error")) == ""
    lines = figures_table(*finished, ("dice", "pq", "count_error")).splitlines()
    assert lines[2] == "| row | Dice | PQ |"


def test_every_tissue_has_a_column(finished):
    lines = tissues_table(*finished, "dice").splitlines()
    assert lines[:3] == ["**a → b, Dice by tissue**", "", "| row | colon | liver |"]
    assert lines[7] == "| MaNi | 0.600 | 0.750 |"


def test_a_tissue_without_a_score_has_an_empty_cell(finished):
    runs, folder = finished
    (folder / "a__b__mani__seed1.json").unlink()
    line = next(line for line in tissues_table(runs, folder, "pq").splitlines() if line.startswith("| MaNi |"))
    assert line == "| MaNi | 0.300 |  |"


def test_one_tissue_makes_no_table(finished):
    runs, folder = finished
    for path in folder.glob("*.json"):
        path.write_text(path.read_text().replace("colon", "liver"))
    assert tissues_table(runs, folder, "dice") == ""
