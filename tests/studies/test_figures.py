"""Pictures of a table."""

from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import pytest
from PIL import Image

from studies import figures
from studies.figures import bargains, shown_selection, write_cost_figure, write_figure


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are closed after they were written, so that a test can look at what stands in them."""
    found = []
    monkeypatch.setattr(plt, "close", found.append)
    yield found
    monkeypatch.undo()
    plt.close("all")


def test_bars_have_means_seeds_and_error_bars(rows, tmp_path, drawn):
    write_figure(rows, tmp_path / "figure.png")
    panel = drawn[0].axes[0]
    assert [round(bar.get_width(), 3) for bar in panel.patches] == [0.5, 0.6, 0.55, 0.7, pytest.approx(0.767)]
    assert [label.get_text() for label in panel.get_yticklabels()][3] == "MaNi"
    assert len([line for line in panel.lines if line.get_marker() == "o"]) == 5
    assert len(panel.collections) == 5  # one bar of spread each
    assert panel.get_title() == "a → b"
    assert Image.open(tmp_path / "figure.png").size[0] > 300


def test_more_rows_make_a_taller_picture(rows, tmp_path):
    many = [
        replace(row, method=replace(row.method, title=f"{row.title} {n}")) for n in range(6) for row in rows["a__b"]
    ]
    write_figure({"a__b": many}, tmp_path / "figure.png")
    width, height = Image.open(tmp_path / "figure.png").size
    assert height > width


def test_gain_against_cost_has_a_point_a_row(rows, tmp_path, drawn):
    write_cost_figure(bargains(rows), tmp_path / "cost.png")
    panel = drawn[0].axes[0]
    points = {bar.get_label(): tuple(bar[0].get_xydata()[0]) for bar in panel.containers}
    assert points["MaNi"] == (pytest.approx(2.5), pytest.approx(0.2))
    assert list(points) == ["source-only + AdaBN", "control", "MaNi", "MaNi + AdaBN"]
    assert len({(bar[0].get_color(), bar[0].get_marker()) for bar in panel.containers}) == 4
    assert (tmp_path / "cost.png").exists()


def test_a_row_of_fewer_shifts_says_so(rows, tmp_path, drawn):
    further = {**rows, "b__c": [row for row in rows["a__b"] if row.method.name != "target_statistics"]}
    write_cost_figure(bargains(further), tmp_path / "cost.png")
    labels = [bar.get_label() for bar in drawn[0].axes[0].containers]
    assert "control (1 of 2 shifts)" in labels
    assert "MaNi" in labels


def test_nothing_to_draw(rows, tmp_path):
    """No row, a row alone and no known cost are no figure, and an older one goes."""
    for alone in ({}, {"a__b": rows["a__b"][:1]}):
        (tmp_path / "figure.png").write_text("of older runs")
        write_figure(alone, tmp_path / "figure.png")
        assert not (tmp_path / "figure.png").exists()
    (tmp_path / "cost.png").write_text("of older runs")
    write_cost_figure([], tmp_path / "cost.png")
    assert not (tmp_path / "cost.png").exists()
    assert len(figures.MARKERS) >= 3


def test_averages_are_shown_where_most_rows_have_them(rows, tmp_path):
    assert shown_selection(rows) == shown_selection({}) == "last"
    found = rows["a__b"]
    with_averages = [replace(row, scores={**row.scores, "average": row.scores["last"]}) for row in found]
    most = {"a__b": [*with_averages[:-1], found[-1]]}
    assert shown_selection(most) == "average"
    assert shown_selection({"a__b": [with_averages[0], *found[1:]]}) == "last"
    write_figure(most, tmp_path / "figure.png", selection="average")
    assert (tmp_path / "figure.png").stat().st_size > 0
