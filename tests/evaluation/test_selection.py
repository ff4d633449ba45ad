"""Which weights of a run are scored, and how the scores are written down."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch
from table_evaluators import TableEvaluator, TableScorer
from torch import nn

from mani_monai.evaluation.selection import evaluate_selections
from mani_monai.utils import InputError
from mani_monai.utils.files import save_atomically

FACTS = {"source": "tnbc", "target": "tcia", "split": "split_0", "seed": 3, "iterations": 30}
ITEMS = [{"image": "/data/images/a.png", "label": "/data/labels/a.png"}, {"image": "b.tile.png", "label": "b.png"}]


@pytest.fixture
def network() -> nn.Module:
    return nn.Linear(1, 1, bias=False)


@pytest.fixture
def run_dir(tmp_path):
    """A run whose every saved weight names itself: 1 the last, 2 the best on the source, 10, 20, 30 the snapshots."""
    folder = tmp_path / "run"
    files = {"models/model.pt": 1, "models/model_source_val.pt": 2}
    files |= {f"snapshots/iteration_{number:06d}.pt": number for number in (10, 20, 30)}
    for name, value in files.items():
        save_atomically({"weight": torch.full((1, 1), float(value))}, folder / name)
    return folder


TEST = {1: [0.5, 0.7], 2: [0.25, 0.75], 10: [0.9, 0.9], 20: [0.1, 0.3], 25: [0.7, 0.8], 30: [0.6, 0.6]}
VALIDATION = {10: [0.2, 0.2], 20: [0.9, 0.5], 30: [0.8, 0.5]}


def evaluate(network, run_dir, oracle=True, items=ITEMS):
    test = TableEvaluator(network, TEST)
    validation = TableEvaluator(network, VALIDATION) if oracle else None
    out = run_dir.parent / "evaluation"
    return evaluate_selections(network, test, validation, items, str(run_dir), str(out), FACTS), test, out


def test_four_selections_are_scored(network, run_dir):
    result, test, _ = evaluate(network, run_dir)
    assert test.asked == [1, 2, 25, 20], "the oracle chooses on validation images, never on the test's"
    assert list(result["selections"]) == ["last", "source_validation", "average", "oracle"]
    average = "snapshots/iteration_000020.pt to snapshots/iteration_000030.pt"
    assert result["selections"]["average"]["weights"] == average
    assert result["selections"]["oracle"]["weights"] == "snapshots/iteration_000020.pt"
    for name, scores in {
        "last": TEST[1],
        "source_validation": TEST[2],
        "average": TEST[25],
        "oracle": TEST[20],
    }.items():
        selection = result["selections"][name]
        assert selection["dice_mean"] == pytest.approx(np.mean(scores))
        assert selection["dice_std"] == pytest.approx(np.std(scores))
        assert selection["dice"] == pytest.approx(dict(zip(("a", "b.tile"), scores, strict=True)))


def test_no_oracle_without_target_labels_or_snapshots(network, run_dir):
    assert list(evaluate(network, run_dir, oracle=False)[0]["selections"]) == ["last", "source_validation", "average"]
    for path in run_dir.glob("snapshots/*.pt"):
        path.unlink()
    assert list(evaluate(network, run_dir)[0]["selections"]) == ["last", "source_validation"]


def test_a_single_snapshot_needs_no_choice(network, run_dir):
    for number in (20, 30):
        (run_dir / f"snapshots/iteration_0000{number}.pt").unlink()
    selections = evaluate(network, run_dir)[0]["selections"]
    assert selections["oracle"]["weights"] == "snapshots/iteration_000010.pt"
    assert "average" not in selections


def test_files_hold_facts_and_every_image(network, run_dir):
    result, _, out = evaluate(network, run_dir)
    written = json.loads((out / "metrics.json").read_text())
    assert written == result
    assert {name: written[name] for name in FACTS} == FACTS
    with open(out / "scores.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["selection", "image", "dice"],
        ["last", "a", "0.500000"],
        ["last", "b.tile", "0.700000"],
        ["source_validation", "a", "0.250000"],
        ["source_validation", "b.tile", "0.750000"],
        ["average", "a", "0.700000"],
        ["average", "b.tile", "0.800000"],
        ["oracle", "a", "0.100000"],
        ["oracle", "b.tile", "0.300000"],
    ]


def test_table_names_the_oracle_for_what_it_is(network, run_dir, capsys):
    evaluate(network, run_dir)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["selection", "dice", "spread", "images", "weights"]
    assert lines[1].split() == ["last", "0.600", "0.100", "2", "model.pt"]
    assert lines[2].split() == ["source_validation", "0.500", "0.250", "2", "model_source_val.pt"]
    assert lines[3].split()[:3] == ["average", "0.750", "0.050"]
    assert lines[4].startswith("oracle (uses target labels: not adaptation)")
    assert lines[4].split()[-4:] == ["0.200", "0.100", "2", "snapshots/iteration_000020.pt"]
    assert lines[5].endswith("scores.csv")


class SeveralMetrics(TableEvaluator):
    """Scores two metrics; the second image has nothing to score in one of them."""

    def run(self) -> None:
        super().run()
        self.state.metric_details["pq"] = torch.tensor([0.5, float("nan")])
        self.state.metric_details["counts"] = torch.tensor([[3, 1], [0, 0]])


def test_every_metric_is_written_and_what_has_no_score_counts_for_nothing(network, run_dir, tmp_path):
    evaluator = SeveralMetrics(network, TEST)
    result = evaluate_selections(network, evaluator, None, ITEMS, str(run_dir), str(tmp_path / "out"), FACTS)
    last = result["selections"]["last"]
    assert last["pq"] == {"a": 0.5, "b.tile": None}
    assert (last["pq_mean"], last["pq_std"], last["dice_mean"]) == (0.5, 0, pytest.approx(0.6))
    assert last["counts"] == {"a": [3, 1], "b.tile": [0, 0]}
    assert "counts_mean" not in last
    rows = (tmp_path / "out" / "scores.csv").read_text().splitlines()
    assert rows[:3] == ["selection,image,dice,pq", "last,a,0.500000,0.500000", "last,b.tile,0.700000,"]


def test_weights_that_two_selections_share_are_scored_once(network, run_dir):
    save_atomically({"weight": torch.full((1, 1), 1.0)}, run_dir / "models/model_source_val.pt")
    result, test, _ = evaluate(network, run_dir)
    assert test.asked == [1, 25, 20]
    assert result["selections"]["source_validation"]["dice"] == result["selections"]["last"]["dice"]
    assert result["selections"]["source_validation"]["weights"] == "model_source_val.pt"


def test_what_cannot_be_scored_is_refused(network, run_dir):
    with pytest.raises(InputError, match=r"no labels to score; prepare the target with --masks\."):
        evaluate(network, run_dir, items=[])
    with pytest.raises(InputError, match=r"model\.pt: holds another network"):
        evaluate(nn.Linear(2, 1, bias=False), run_dir)
    (run_dir / "models/model.pt").unlink()
    with pytest.raises(InputError, match=r"model\.pt: no such file; train first"):
        evaluate(network, run_dir)


STAIN = {1: 0.95, 2: 0.99, 10: 0.7, 20: 0.6, 25: 0.5, 30: 0.9}


@pytest.fixture
def evaluate_label_free(network, run_dir, tmp_path):
    def evaluate(test=None, oracle=True, items=ITEMS, truth=TEST):
        test = test or TableEvaluator(network, truth)
        validation = TableEvaluator(network, VALIDATION) if oracle else None
        scorer = TableScorer(network, STAIN)
        out = str(tmp_path / "out")
        return evaluate_selections(network, test, validation, items, str(run_dir), out, FACTS, scorer), test, scorer

    return evaluate


def test_label_free_chooses_among_the_snapshots(evaluate_label_free):
    result, _, _ = evaluate_label_free()
    assert list(result["selections"]) == ["last", "source_validation", "average", "label_free", "oracle"]
    chosen = result["selections"]["label_free"]
    assert chosen["weights"] == "snapshots/iteration_000030.pt", (
        "the last iterate and the source's best are no snapshots"
    )
    assert list(chosen["dice"].values()) == pytest.approx(TEST[30])


def test_every_snapshot_is_scored_once_in_the_state_that_the_evaluator_left(network, evaluate_label_free):
    class Reestimating(TableEvaluator):
        def run(self) -> None:
            super().run()
            network.weight.data += 0.5

    test = Reestimating(network, TEST)
    _, _, scorer = evaluate_label_free(test)
    assert test.asked == [1, 2, 10, 20, 30, 25]
    assert scorer.asked == [weight + 0.5 for weight in test.asked]


def test_snapshots_are_written_with_both_kinds_of_scores(evaluate_label_free, tmp_path):
    result, _, _ = evaluate_label_free()
    names = {"model.pt": 1, "model_source_val.pt": 2}
    names |= {f"snapshots/iteration_0000{number}.pt": number for number in (10, 20, 30)}
    assert result["snapshots"] == [
        {"weights": name, "label_free": {"stain": STAIN[key]}, "test": {"dice": pytest.approx(np.mean(TEST[key]))}}
        for name, key in names.items()
    ]
    assert (result["label_free"]["criterion"], result["label_free"]["images"]) == ("stain", 8)
    assert "choose nothing" in result["label_free"]["note"]
    assert json.loads((tmp_path / "out" / "metrics.json").read_text()) == result


def test_scores_of_several_numbers_have_no_mean(network, evaluate_label_free):
    result, _, _ = evaluate_label_free(SeveralMetrics(network, TEST))
    assert result["snapshots"][0]["test"] == {"dice": pytest.approx(0.6), "pq": 0.5}


def test_the_truth_has_no_part_in_the_choice(evaluate_label_free):
    before, _, _ = evaluate_label_free()
    after, _, _ = evaluate_label_free(truth={key: [1 - score for score in scores] for key, scores in TEST.items()})
    weights = [result["selections"]["label_free"]["weights"] for result in (before, after)]
    assert weights[0] == weights[1]
    assert [one["label_free"] for one in before["snapshots"]] == [one["label_free"] for one in after["snapshots"]]
    assert before["snapshots"] != after["snapshots"]


def test_no_snapshots_leave_nothing_to_choose(evaluate_label_free, run_dir):
    for path in run_dir.glob("snapshots/*.pt"):
        path.unlink()
    result, _, _ = evaluate_label_free()
    assert list(result["selections"]) == ["last", "source_validation"]
    assert not result.keys() & {"snapshots", "label_free"}


def test_without_a_scorer_no_snapshot_is_looked_at(network, run_dir):
    result, test, _ = evaluate(network, run_dir, oracle=False)
    assert test.asked == [1, 2, 25]
    assert not result.keys() & {"snapshots", "label_free"}
