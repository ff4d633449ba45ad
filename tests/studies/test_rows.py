"""From the scores of finished runs to rows."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from studies.rows import collect_rows, compare, merged_titles


def row(rows, title):
    return next(found for found in rows["a__b"] if found.title == title)


def test_rows_hold_every_seed_and_evaluation(rows):
    assert [found.title for found in rows["a__b"]] == [
        "source-only",
        "source-only + AdaBN",
        "control",
        "MaNi",
        "MaNi + AdaBN",
    ]
    assert row(rows, "MaNi").scores["last"] == {0: {"x": 0.6, "y": 0.8}, 1: {"z": 0.7}}


def test_each_row_is_compared_with_source_only_and_its_own_control(rows):
    def differences(title):
        found = compare(row(rows, title), rows["a__b"], "last")
        return [None if part is None else round(part.mean, 3) for part in (found.from_baseline, found.from_control)]

    assert differences("source-only") == [None, None]
    assert differences("source-only + AdaBN") == [0.1, None]
    assert differences("MaNi") == [0.2, 0.15]
    assert differences("MaNi + AdaBN") == [pytest.approx(0.267), pytest.approx(0.167)]


def test_a_further_evaluation_is_compared_with_the_controls_where_there_is_one(rows):
    """As a control's AdaBN: source-only's stands in only where the control has none."""
    evaluated = replace(row(rows, "control"), evaluation="adabn", scores=row(rows, "MaNi").scores)
    found = compare(row(rows, "MaNi + AdaBN"), [*rows["a__b"], evaluated], "last")
    assert round(found.from_control.mean, 3) == 0.067


def test_another_metric_leaves_out_images_without_a_score(finished):
    scores = row(collect_rows(*finished, "pq"), "MaNi").scores["last"]
    assert scores == {0: {"x": pytest.approx(0.3)}, 1: {"z": pytest.approx(0.35)}}


def test_a_selection_that_one_seed_lacks_is_of_the_others(finished):
    path = finished[1] / "a__b__mani__seed1.json"
    result = json.loads(path.read_text())
    del result["scores"]["plain"]["oracle"]
    path.write_text(json.dumps(result))
    rows = collect_rows(*finished)
    assert {name: list(seeds) for name, seeds in row(rows, "MaNi").scores.items()} == {"last": [0, 1], "oracle": [0]}
    assert list(row(rows, "MaNi + AdaBN").scores["oracle"]) == [0, 1]


def test_an_evaluation_that_a_run_lacks_is_not_shown_and_one_that_is_not_asked_for_neither(finished):
    runs, folder = finished
    for path in folder.glob("a__b__mani__*.json"):
        result = json.loads(path.read_text())
        if result["seed"] == 0:
            del result["scores"]["adabn"]
        result["scores"]["other"] = result["scores"]["plain"]
        path.write_text(json.dumps(result))
    rows = collect_rows(runs, folder)
    assert [found.title for found in rows["a__b"]][-2:] == ["MaNi", "MaNi + AdaBN"]
    assert row(rows, "MaNi + AdaBN").scores["last"] == {1: {"z": 0.9}}

    plain = [replace(run, method=replace(run.method, evaluations=())) for run in runs]
    assert [found.title for found in collect_rows(plain, folder)["a__b"]] == ["source-only", "control", "MaNi"]


def test_rows_stand_in_the_order_of_the_table_whatever_is_done(finished):
    runs, folder = finished
    (folder / "a__b__source_only__seed0.json").unlink()
    assert [found.title for found in collect_rows(runs, folder)["a__b"]][:3] == [
        "source-only",
        "source-only + AdaBN",
        "control",
    ]


def test_an_evaluation_that_source_only_has_not_is_compared_with_the_row_without_it(rows):
    method = replace(row(rows, "MaNi").method, evaluations=("dense_crf",))
    crf = replace(row(rows, "MaNi + AdaBN"), method=method, evaluation="dense_crf")
    found = compare(crf, [*rows["a__b"], crf], "last")
    assert crf.title == "MaNi + dense CRF"
    assert found.from_control.mean == pytest.approx((0 + 0 + 0.2) / 3)
    assert found.from_baseline.mean == pytest.approx((0.2 + 0.2 + 0.4) / 3)


def test_memory_is_the_mean_of_what_was_recorded(rows, finished):
    assert row(rows, "MaNi").memory == 1536
    runs, folder = finished
    assert row(collect_rows(runs[:3], folder), "MaNi").memory is None
    assert row(rows, "MaNi").seconds == 300


def test_a_fold_without_a_scored_image_has_no_seed(finished):
    """PQ has nothing to score where an image has no nuclei."""
    path = finished[1] / "a__b__mani__seed1.json"
    result = json.loads(path.read_text())
    for evaluation in result["scores"].values():
        for selection in evaluation.values():
            selection["dice"] = dict.fromkeys(selection["dice"])
    path.write_text(json.dumps(result))
    rows = collect_rows(*finished)
    assert list(row(rows, "MaNi").scores["last"]) == [0]
    assert compare(row(rows, "MaNi"), rows["a__b"], "last").summary.seeds == 1


def test_rows_without_a_common_image_are_not_compared(rows):
    other = replace(row(rows, "control"), scores={"last": {0: {"elsewhere": 0.5}}})
    rest = [found for found in rows["a__b"] if found.method.name != "control"]
    assert compare(row(rows, "MaNi"), [*rest, other], "last").from_control is None


@pytest.mark.parametrize(
    ("columns", "merged"),
    [
        (["ab", "abc"], "abc"),
        (["ac", "bc", "ad"], "abcd"),
        (["ae", "abe", "ace"], "abce"),
        ([], ""),
    ],
)
def test_titles_keep_the_tables_order_where_a_shift_lacks_some(columns, merged):
    assert merged_titles(columns) == list(merged)
