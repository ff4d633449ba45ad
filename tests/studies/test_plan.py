"""The runs of a table, and the plans of the repository."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

from mani_monai.config_index import find_config
from mani_monai.utils import InputError
from studies import RunMaker, load_table, table_path
from studies.results import read_folder, table_names

ROOT = Path(__file__).parents[2]
PLAN = {
    "bundle": "bundles/mani_unet",
    "base": ["train.json"],
    "shifts": [{"source": "a", "target": "b"}, {"source": "b", "target": "c"}],
    "methods": {
        "source_only": {"title": "source-only", "overlays": ["source_only.json"], "evaluations": ["adabn"]},
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
        ({**PLAN, "run": "unet"}, "unknown run; known are base, bundle"),
        ({**PLAN, "methods": {"mani": {"title": "MaNi", "overlays": [], "adabn": True}}}, "unknown adabn"),
        ({**PLAN, "methods": {}}, "has no methods"),
        ({**PLAN, "shifts": []}, "has no shifts"),
        (
            {**PLAN, "methods": {"mani": {"title": "MaNi", "overlays": [], "control": "target_statistics"}}},
            "the control of mani, 'target_statistics', is none of its methods",
        ),
        ({**PLAN, "bundle": "bundles/none"}, r"plan\.json: train\.json: none has no such config"),
        (
            {**PLAN, "methods": {"a": {"title": "A", "overlays": ["a.json"]}}},
            r"plan\.json: a\.json: mani_unet has no such config",
        ),
        (
            {**PLAN, "methods": {"a": {"title": "A", "overlays": [], "evaluations": ["adabm"]}}},
            r"adabm\.json: mani_unet has no such config; did you mean adabn\?",
        ),
    ],
)
def test_a_broken_plan_is_one_line(tmp_path, plan, message):
    with pytest.raises(InputError, match=message) as caught:
        load_table(written(tmp_path, plan))
    assert "\n" not in str(caught.value)


def test_a_missing_plan(tmp_path):
    with pytest.raises(InputError, match=r"none\.json: cannot be read"):
        load_table(tmp_path / "none.json")


def repository_tables():
    return [load_table(path) for path in sorted((ROOT / "studies" / "plans").glob("*.json"))]


def test_the_plans_of_the_repository_name_files_that_exist():
    assert {"table1", "table2", "table3", "table4", "unet", "hovernet", "toy"} <= {t.name for t in repository_tables()}
    for table in repository_tables():
        methods = table.methods.values()
        names = {*table.base, *(name for method in methods for name in method.overlays)}
        names |= {f"{name}.json" for method in methods for name in method.evaluations}
        for name in names:
            assert find_config(ROOT / table.bundle, name).is_file()
        assert {method.control for method in methods} - {None} <= table.methods.keys()


def test_tables_that_share_runs_mean_the_same_by_a_name():
    """A run of one is taken for a run of another by its name alone."""
    meanings = defaultdict(set)
    for table in repository_tables():
        for method in table.methods.values():
            made_of = (table.bundle, table.base, method.overlays, method.options, method.supervised)
            meanings[table.folder, method.name].add(made_of)
    assert [name for name, found in meanings.items() if len(found) > 1] == []
    assert len([table for table in repository_tables() if table.folder == "unet"]) >= 4


def test_the_finished_runs_of_unet_count_in_tables_1_3_and_4():
    names = read_folder(ROOT / "studies" / "results" / "unet").keys()
    counts = [len({run.name for run in table.runs(5)} & names) for table in repository_tables()]
    by_name = dict(zip([table.name for table in repository_tables()], counts, strict=True))
    assert by_name["table1"] >= by_name["unet"] >= 31
    assert by_name["table3"] >= 15
    assert by_name["table4"] >= 10


def test_finished_runs_were_made_as_the_plans_say():
    """Each is a run of a plan, with the plan's configs and options, which ``is_done`` checks."""
    results = ROOT / "studies" / "results"
    done = defaultdict(set)
    for table in repository_tables():
        make = RunMaker(table, "data", Path("runs"), results / table.folder)
        done[table.folder] |= {run.name for run in table.runs(5) if make.is_done(run)}
    found = {name: set(read_folder(results / name)) for name in table_names(results)}
    assert {name: runs for name, runs in done.items() if runs} == found


def test_ablations_are_options_alone():
    for name in ("table3", "table4"):
        methods = load_table(ROOT / table_path(name[-1])).methods.values()
        assert all(bool(method.options) != bool(method.overlays) or method.name == "mani" for method in methods)


def test_folders_of_runs(tmp_path):
    assert load_table(written(tmp_path, PLAN)).folder == "plan"
    assert load_table(written(tmp_path, {**PLAN, "runs": "shared"})).folder == "shared"


@pytest.mark.parametrize(
    ("table", "path"),
    [
        (1, "studies/plans/table1.json"),
        ("4", "studies/plans/table4.json"),
        ("mine/2.json", "mine/2.json"),
    ],
)
def test_a_table_by_number_or_path(table, path):
    assert table_path(table) == Path(path)


def test_another_preset_has_pages_and_runs_of_its_own(monkeypatch):
    monkeypatch.chdir(ROOT)
    table = load_table(table_path(1))
    assert table.with_preset("small") == table
    for preset, base in (("quick", ("train.json", "quick.json")), ("paper", ("train.json",))):
        other = table.with_preset(preset)
        assert (other.base, other.name, other.folder) == (base, f"table1_{preset}", f"unet_{preset}")
        assert other.methods == table.methods
    with pytest.raises(InputError, match="no such preset; there are small, medium, quick, paper, authors_code"):
        table.with_preset("large")
    with pytest.raises(InputError, match=r"authors_code\.json: mani_hovernet has no such config"):
        load_table(table_path(2)).with_preset("authors_code")


def test_a_table_is_of_dice_where_it_does_not_say(tmp_path):
    assert load_table(written(tmp_path, PLAN)).metrics == ("dice", "pq", "aji", "count_error")
    assert load_table(written(tmp_path, {**PLAN, "metrics": ["pq", "aji"]})).metrics == ("pq", "aji")
