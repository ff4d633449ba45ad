"""The stain alone, as the first row of a table."""

from __future__ import annotations

import pytest

from studies.instance_tables import figures_table
from studies.rows import collect_rows
from studies.stain_baseline import FILE, TITLE, with_stain

HEAD = "data,image,dice,aji,pq,dq,sq,count_error\n"


@pytest.fixture
def table(finished):
    """The folder of the runs, one below that of the results."""
    runs, folder = finished
    place = folder / "plan"
    place.mkdir()
    for path in folder.glob("*.json"):
        path.rename(place / path.name)
    return runs, place


def keep(folder, images: str) -> None:
    """Dice .2, and PQ .1, of some images of data set b."""
    (folder / FILE).write_text(HEAD + "".join(f"b,{image},.2,.15,.1,.2,.5,1\n" for image in images))


def test_its_scores_are_those_of_the_images_that_the_runs_tested(table):
    keep(table[1].parent, "wxyz")
    first, *others = with_stain(collect_rows(*table), table[1], "dice")["a__b"]
    assert (first.title, first.scores) == (TITLE, {"last": {0: {"x": 0.2, "y": 0.2}, 1: {"z": 0.2}}})
    assert [row.title for row in others] == [row.title for row in collect_rows(*table)["a__b"]]


def test_a_metric_that_an_image_lacks_is_not_asked_of_it(table):
    keep(table[1].parent, "xz")  # no run has a PQ of y
    assert with_stain(collect_rows(table[0], table[1], "pq"), table[1], "pq")["a__b"][0].scores["last"] == {
        0: {"x": 0.1},
        1: {"z": 0.1},
    }


@pytest.mark.parametrize(("images", "metric"), [("xy", "dice"), ("xyz", "aji_plus")])
def test_what_was_not_measured_makes_no_row(table, images, metric):
    keep(table[1].parent, images)
    rows = collect_rows(*table)
    assert with_stain(rows, table[1], metric) == rows


def test_no_figures_make_no_row(table):
    rows = collect_rows(*table)
    assert with_stain(rows, table[1], "dice") == rows


def test_a_table_of_every_figure_begins_with_it(table):
    keep(table[1].parent, "xyz")
    lines = figures_table(table[0], table[1], ("dice", "pq", "count_error")).splitlines()
    assert lines[2] == "| row | Dice | PQ |"  # no run has a count error
    assert lines[4] == f"| {TITLE} | 0.200 | 0.100 |"


def test_a_folder_of_results_below_finds_it_too(table):
    keep(table[1].parent.parent, "xyz")
    try:
        assert with_stain(collect_rows(*table), table[1], "dice")["a__b"][0].title == TITLE
    finally:
        (table[1].parent.parent / FILE).unlink()
