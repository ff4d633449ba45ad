"""What a finished run lacks is scored where its weights still lie, and added to its JSON."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from studies import TableRunner, ThreadScheduler

TRAINING = ("training_seconds", "training_cpu_seconds", "peak_memory_mib", "sessions", "device", "versions")


@pytest.fixture
def finish(make, fake, run):
    """Makes the run, then changes its JSON; what an evaluation scores from then on is .75, not .5."""

    def finish(change):
        assert make(run) == "done"
        result = json.loads(make.result_path(run).read_text())
        change(result)
        make.result_path(run).write_text(json.dumps(result))
        for folder in make.folder(run).glob("evaluation_*/"):
            shutil.rmtree(folder)
        fake.commands.clear()
        fake.dice = 0.75
        return result

    return finish


def steps(fake):
    return [command["files"][-1] for command in fake.commands]


def without_adabn(result):
    """As an old JSON: without options too, and with the figures of a training long ago."""
    for part in ("scores", "snapshots", "label_free"):
        del result[part]["adabn"]
    del result["options"]
    result |= {"training_seconds": 12345, "threads": 64, "device": "old", "versions": {}}


def without_snapshots(result):
    del result["snapshots"], result["label_free"]


def without_adabns_snapshots(result):
    result["snapshots"]["adabn"] = []


def without_criterion(result):
    del result["label_free"]


def test_an_evaluation_that_the_plan_asks_for_now_is_scored_and_added(make, fake, run, finish):
    before = finish(without_adabn)
    assert not make.is_done(run)
    assert make(run) == "done"
    assert steps(fake) == ["adabn.json"]
    after = json.loads(make.result_path(run).read_text())
    assert after["scores"] == {"plain": {"last": {"dice": {"x": 0.5}}}, "adabn": {"last": {"dice": {"x": 0.75}}}}
    assert after["snapshots"].keys() == after["label_free"].keys() == {"plain", "adabn"}
    assert {name: value for name, value in after.items() if name not in ("scores", "snapshots", "label_free")} == {
        name: value for name, value in before.items() if name not in ("scores", "snapshots", "label_free")
    }
    assert make.is_done(run)
    assert make.lost(run) == []


@pytest.mark.parametrize(
    ("change", "scored"),
    [
        (without_snapshots, ["evaluate.json", "adabn.json"]),
        (without_adabns_snapshots, ["adabn.json"]),
        (without_criterion, ["evaluate.json", "adabn.json"]),
    ],
)
def test_snapshots_are_asked_for(make, fake, run, finish, change, scored):
    before = finish(change)
    assert not make.is_done(run)
    assert make(run) == "done"
    assert steps(fake) == scored
    after = json.loads(make.result_path(run).read_text())
    assert all(after["snapshots"].values())
    assert after["label_free"]["adabn"] == {"criterion": "stain", "images": 8}
    assert {name: after[name] for name in TRAINING} == {name: before[name] for name in TRAINING}
    assert make.is_done(run)


def test_selections_that_are_not_scored_anew_stay(make, run, finish):
    def older(result):
        without_snapshots(result)
        result["scores"]["plain"]["oracle"] = {"dice": {"x": 0.9}}

    finish(older)
    make(run)
    scores = json.loads(make.result_path(run).read_text())["scores"]["plain"]
    assert scores == {"last": {"dice": {"x": 0.75}}, "oracle": {"dice": {"x": 0.9}}}


def test_snapshots_are_not_asked_for_where_the_bundle_scores_none(make, table, run, finish):
    (table.bundle / "configs" / "evaluate.json").write_text(json.dumps({"label_free_images": 0}))
    finish(without_snapshots)
    assert make.is_done(run)
    assert make.lost(run) == []


@pytest.mark.parametrize(
    ("change", "gone", "lost"),
    [
        (without_adabn, "models/model.pt", ["adabn"]),
        (without_snapshots, "models/model.pt", ["snapshots"]),
        (without_snapshots, "snapshots", ["snapshots"]),
        (without_criterion, "snapshots", ["what chose among the snapshots"]),
        (without_snapshots, "", ["snapshots"]),
    ],
)
def test_what_can_no_longer_be_scored_is_named(make, fake, run, finish, change, gone, lost, capsys):
    finish(change)
    place = make.folder(run) / gone
    place.unlink() if place.suffix else shutil.rmtree(place)
    assert make.is_done(run)
    assert make.lost(run) == lost
    assert TableRunner(make, ThreadScheduler(make, 1), seconds=0)([run]) == []
    assert capsys.readouterr().out.splitlines() == [
        "1 of 1 runs are done, 0 to go.",
        f"1 runs lack {lost[0]} and their weights are gone: {run.name}",
    ]
    assert fake.commands == []


def test_an_evaluation_is_scored_even_where_no_snapshots_are_left(make, fake, run, finish):
    finish(without_adabn)
    shutil.rmtree(make.folder(run) / "snapshots")
    assert make(run) == "done"
    assert steps(fake) == ["adabn.json"]
    assert make.is_done(run)
    assert make.lost(run) == ["snapshots"]


def test_runs_are_named_by_what_they_lack(make, table, capsys):
    runs = table.runs(3, methods=["source_only"])
    for run in runs:
        make(run)
        (make.folder(run) / "models/model.pt").unlink()
    for run, change in zip(runs, (without_adabn, without_adabn, without_snapshots), strict=True):
        result = json.loads(make.result_path(run).read_text())
        change(result)
        make.result_path(run).write_text(json.dumps(result))
    TableRunner(make, ThreadScheduler(make, 1), seconds=0)(runs)
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"2 runs lack adabn and their weights are gone: {runs[0].name}, {runs[1].name}",
        f"1 runs lack snapshots and their weights are gone: {runs[2].name}",
    ]


def test_a_run_that_is_not_begun_lacks_nothing(make, run):
    assert not make.is_done(run)
    assert make.lost(run) == []


def test_an_evaluation_that_fails_leaves_the_result_as_it_was(make, fake, run, finish):
    before = finish(without_adabn)
    fake.failing = "evaluation_adabn"
    assert make(run) == "failed"
    assert json.loads(make.result_path(run).read_text()) == before
    plain = replace(run, method=replace(run.method, evaluations=()))
    assert make.is_done(plain)
