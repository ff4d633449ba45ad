"""The runs of a table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mani_monai.experiments import load_table
from mani_monai.utils import InputError

ROOT = Path(__file__).parents[2]
PLAN = {
    "bundle": "bundles/mani_unet",
    "base": ["train.json"],
    "shifts": [{"source": "a", "target": "b"}, {"source": "b", "target": "c"}],
    "methods": {
        "source_only": {"title": "source-only", "overlays": ["source_only.json"], "adabn": True},
        "supervised": {"title": "supervised (oracle)", "overlays": [], "source": "target"},
    },
}


def written(folder, plan):
    path = folder / "plan.json"
    path.write_text(plan if isinstance(plan, str) else json.dumps(plan))
    return path


def test_one_seed_of_every_row_before_the_next_seed(tmp_path):
    runs = load_table(written(tmp_path, PLAN)).runs(seeds=2)
    assert [run.name for run in runs[:4]] == [
        "a__b__source_only__seed0",
        "a__b__supervised__seed0",
        "b__c__source_only__seed0",
        "b__c__supervised__seed0",
    ]
    assert [run.seed for run in runs] == [0] * 4 + [1] * 4
    assert runs[4].split == "fold_1"


def test_only_the_supervised_row_trains_on_the_target(tmp_path):
    runs = load_table(written(tmp_path, PLAN)).runs(seeds=1)
    assert [(run.training_source, run.target) for run in runs] == [("a", "b"), ("b", "b"), ("b", "c"), ("c", "c")]
    assert [run.method.supervised for run in runs] == [False, True, False, True]


def test_shifts_and_methods_to_keep(tmp_path):
    table = load_table(written(tmp_path, PLAN))
    assert [run.name for run in table.runs(1, ["b__c"], ["supervised"])] == ["b__c__supervised__seed0"]
    with pytest.raises(InputError, match="has no shift 'c__a'; it has a__b, b__c"):
        table.runs(1, ["c__a"])
    with pytest.raises(InputError, match="has no method 'mani'"):
        table.runs(1, [], ["mani"])


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ("{", "is not the plan of a table"),
        ({"bundle": "x"}, "'methods'"),
        ({**PLAN, "shifts": [{"source": "a"}]}, "'target'"),
    ],
)
def test_a_broken_plan_is_one_line(tmp_path, plan, message):
    with pytest.raises(InputError, match=message) as caught:
        load_table(written(tmp_path, plan))
    assert "\n" not in str(caught.value)


def test_a_missing_plan(tmp_path):
    with pytest.raises(InputError, match=r"none\.json: cannot be read"):
        load_table(tmp_path / "none.json")


def test_the_plans_of_the_repository_name_files_that_exist():
    plans = sorted((ROOT / "docs" / "results" / "tables").glob("*.json"))
    assert plans
    for plan in plans:
        table = load_table(plan)
        names = {*table.base, *(overlay for method in table.methods.values() for overlay in method.overlays)}
        for name in names:
            assert (ROOT / table.bundle / "configs" / name).is_file(), f"{plan.name}: {name}"
        assert {method.control for method in table.methods.values()} - {None} <= table.methods.keys()


def test_a_table_is_of_dice_where_it_does_not_say(tmp_path):
    assert load_table(written(tmp_path, PLAN)).metrics == ("dice",)
    assert load_table(written(tmp_path, {**PLAN, "metrics": ["pq", "aji"]})).metrics == ("pq", "aji")
