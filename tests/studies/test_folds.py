"""Rows of several tables over the folds that all of them have."""

from __future__ import annotations

import json

import pytest

from mani_monai.utils import InputError
from studies.folds import folds_table, read_folds

ROWS = ["source_only", "mani", "mani/adabn"]


@pytest.fixture
def folders(tmp_path):
    """Two tables: a -> b with seeds 0 and 1, c -> b with seed 0, where MaNi has no AdaBN."""

    def write(table, source, method, seed, **evaluations):
        scores = {name: {"last": {"dice": dice}, "oracle": {"dice": {"x": 1.0}}} for name, dice in evaluations.items()}
        run = {"source": source, "target": "b", "method": method, "seed": seed, "scores": scores}
        (tmp_path / table).mkdir(exist_ok=True)
        (tmp_path / table / f"{source}__b__{method}__seed{seed}.json").write_text(json.dumps(run))

    write("one", "a", "source_only", 0, plain={"x": 0.4, "y": 0.6, "z": None})
    write("one", "a", "mani", 0, plain={"x": 0.5, "y": 0.9, "z": 0.9}, adabn={"x": 0.6, "y": 0.6, "w": 0.1})
    write("one", "a", "source_only", 1, plain={"x": 0.5})
    write("one", "a", "mani", 1, plain={"x": 0.7}, adabn={"x": 0.8})
    write("two", "c", "source_only", 0, plain={"x": 0.5})
    write("two", "c", "mani", 0, plain={"x": 0.7})
    return [tmp_path / "one", tmp_path / "two"]


def test_a_fold_counts_where_every_row_has_it_and_so_does_an_image(folders):
    folds = read_folds(folders, ROWS, "last")
    assert list(folds) == [("a__b", 0), ("a__b", 1)]
    assert folds["a__b", 0] == {
        "source_only": {"x": 0.4, "y": 0.6},
        "mani": {"x": 0.5, "y": 0.9},
        "mani/adabn": {"x": 0.6, "y": 0.6},
    }
    assert list(read_folds(folders, ROWS[:2], "last")) == [("a__b", 0), ("a__b", 1), ("c__b", 0)]
    assert list(read_folds(folders, ROWS, "last", only=[("a__b", 1)])) == [("a__b", 1)]


def test_means_and_leads_count_folds_alike(folders):
    lines = folds_table(read_folds(folders, ROWS, "last"), "last").splitlines()
    assert lines[0] == "**2 folds, last iterate**"
    assert lines[2] == "| shift, seed | images | source only | mani | mani + AdaBN |"
    assert lines[4:] == [
        "| a → b, 0 | 2 | 0.500 | 0.700 | 0.600 |",
        "| a → b, 1 | 1 | 0.500 | 0.700 | 0.800 |",
        "| **mean over folds** (images: sum) | 3 | **0.500** | **0.700** | **0.700** |",
        "| lead of mani + AdaBN |  | +0.200 | +0.000 |  |",
        "| folds where it is ahead |  | 2 | 1 |  |",
    ]


def test_the_interval_is_of_folds(tmp_path):
    """Six folds that agree have an interval without width, whatever their images do."""
    images = {"plain": {"x": 0.1, "y": 0.9}, "adabn": {"x": 0.9, "y": 0.3}}
    scores = {name: {"last": {"dice": dice}} for name, dice in images.items()}
    for seed in range(6):
        run = {"source": "a", "target": "b", "method": "mani", "seed": seed, "scores": scores}
        (tmp_path / f"{seed}.json").write_text(json.dumps(run))
    text = folds_table(read_folds([tmp_path], ["mani", "mani/adabn"], "last"), "last")
    assert "| lead of mani + AdaBN |  | +0.100 [+0.100, +0.100] |  |" in text


@pytest.mark.parametrize(
    ("rows", "only", "message"),
    [
        (["nothing"], (), "no fold has the selection last of all of nothing; ask for fewer rows"),
        (ROWS, [("c__b", 0)], "c__b/0: the selection last is missing of mani/adabn"),
        (ROWS, [("a__b", 7)], "a__b/7: the selection last is missing of source_only, mani, mani/adabn"),
    ],
)
def test_what_is_not_there_is_named(folders, rows, only, message):
    with pytest.raises(InputError, match=message):
        read_folds(folders, rows, "last", only=only)


def test_a_row_that_two_folders_have(folders, tmp_path):
    (tmp_path / "two" / "again.json").write_text((tmp_path / "one" / "a__b__mani__seed0.json").read_text())
    with pytest.raises(InputError, match="two: has mani on a__b/0, and so has another folder; leave one out"):
        read_folds(folders, ROWS, "last")


def test_an_empty_folder(tmp_path):
    with pytest.raises(InputError, match="holds no finished run"):
        read_folds([tmp_path], ROWS, "last")
