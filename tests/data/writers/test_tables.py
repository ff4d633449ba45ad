"""The table of nuclei as CSV."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from mani_monai.data.writers import write_nuclei_csv
from mani_monai.data.writers.tables import PALETTE, YELLOW, NucleusClass, nucleus_class, rows_of
from mani_monai.utils.json_files import safe_cells

TABLE = {
    "id": np.array([3, 9], np.int32),
    "centroid_x": np.array([12345.678949, 1 / 3]),
    "area": np.array([40, 7]),
    "probability": np.array([0.9, np.nan], np.float32),
}


def read(path):
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_line_a_nucleus(tmp_path):
    write_nuclei_csv(tmp_path / "a.csv", TABLE)
    assert (tmp_path / "a.csv").read_text() == ("id,centroid_x,area,probability\n3,12345.6789,40,0.9\n9,0.3333,7,\n")


def test_types_get_their_names(tmp_path):
    table = {**TABLE, "type": np.array([2, 0]), "type_share": np.array([0.75, 1.0])}
    write_nuclei_csv(tmp_path / "a.csv", table, ["background", "epithelial", 'inflammatory, "round"'])
    rows = read(tmp_path / "a.csv")
    assert list(rows[0]) == [*TABLE, "type", "class", "type_share"]
    assert [(row["type"], row["class"], row["type_share"]) for row in rows] == [
        ("2", 'inflammatory, "round"', "0.75"),
        ("0", "nucleus", "1.0"),
    ]


def test_no_nucleus_leaves_the_header(tmp_path):
    write_nuclei_csv(tmp_path / "a.csv", {name: column[:0] for name, column in TABLE.items()})
    assert (tmp_path / "a.csv").read_text() == "id,centroid_x,area,probability\n"


def test_rows_are_plain_numbers_and_finite():
    first, second = rows_of(TABLE)
    assert first == {"id": 3, "centroid_x": 12345.6789, "area": 40, "probability": 0.9}
    assert second == {"id": 9, "centroid_x": 0.3333, "area": 7}
    assert {type(value) for value in first.values()} == {int, float}


def test_columns_of_unequal_length_are_refused(tmp_path):
    with pytest.raises(ValueError, match="columns of one length, got id 2, area 1"):
        write_nuclei_csv(tmp_path / "a.csv", {"id": np.arange(2), "area": np.arange(1)})
    assert list(tmp_path.iterdir()) == []


def test_no_spreadsheet_takes_a_text_for_a_formula():
    row = {"image": "=1+1.png", "note": "@SUM(A1)", "nuclei": -3, "share": -0.5, "plain": "a=b-c.png", "none": None}
    expected = {**row, "image": "'=1+1.png", "note": "'@SUM(A1)"}
    assert safe_cells(row) == expected


NAMES = ["background", "epithelial", "inflammatory"]


@pytest.mark.parametrize(
    ("kind", "names", "expected"),
    [
        (0, None, NucleusClass("nucleus", YELLOW)),
        (0, NAMES, NucleusClass("nucleus", YELLOW)),
        (1, None, NucleusClass("type 1", PALETTE[0])),
        (1, NAMES, NucleusClass("epithelial", PALETTE[0])),
        (2, NAMES, NucleusClass("inflammatory", PALETTE[1])),
        (3, NAMES, NucleusClass("type 3", PALETTE[2])),
        (len(PALETTE) + 1, None, NucleusClass(f"type {len(PALETTE) + 1}", PALETTE[0])),
    ],
)
def test_name_and_colour(kind, names, expected):
    assert nucleus_class(kind, names) == expected


def test_colours_differ():
    assert len({YELLOW, *PALETTE}) == len(PALETTE) + 1
