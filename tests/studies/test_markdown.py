"""Tables as Markdown."""

from __future__ import annotations

from pandas import DataFrame

from studies.markdown import arrow, markdown_table


def test_cells_stand_under_their_heads_and_what_is_missing_is_empty():
    frame = DataFrame({"row": ["one", "two"], "a": ["1", None], "b": [2, 3]})
    assert markdown_table(frame, "**title**").splitlines() == [
        *["**title**", "", "| row | a | b |", "|---|---|---|"],
        *["| one | 1 | 2 |", "| two |  | 3 |"],
    ]


def test_the_first_head_may_be_empty():
    assert markdown_table(DataFrame([["x", "y"]], columns=["", "b"])).splitlines() == [
        "| | b |",
        "|---|---|",
        "| x | y |",
    ]


def test_a_shift():
    assert arrow("tnbc__monuseg") == "tnbc → monuseg"
