"""The study of criteria on a few made-up runs whose figures are known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import spearmanr

from mani_monai.evaluation.label_free_criteria import CRITERIA, SHARE
from studies.label_free import (
    NONE,
    REFERENCES,
    Weights,
    chosen,
    rank_correlation,
    read_scored_runs,
    study,
    summarised,
    write_study,
)


def weights(truth, **scores):
    """Weights whose further scores are all alike."""
    return Weights({**dict.fromkeys(CRITERIA, 0.0), SHARE: 0.2, **scores}, truth)


def entry(name, truth, **scores):
    one = weights(truth, **scores)
    return {"weights": name, "label_free": one.scores, "test": {"dice": truth, "pq": None}}


TRUTHS = (0.3, 0.8, 0.6, 0.5)
STAIN = (0.1, 0.7, 0.9, 0.2)  # prefers the second best
ENTROPY = (0.9, 0.1, 0.2, 0.3)  # lower is better: ranks as the truth does


def run_file(folder, method, last, stain, seed=0, source="a", supervised=False, evaluations=("plain",)):
    snapshots = [
        entry(f"snapshots/iteration_{number:06d}.pt", truth, stain=stain_score, entropy=entropy)
        for number, (truth, stain_score, entropy) in enumerate(zip(TRUTHS, STAIN, ENTROPY, strict=True))
    ]
    ends = [entry("model.pt", last, stain=stain), entry("model_source_val.pt", 0.7)]
    result = {"source": source, "target": "b", "method": method, "seed": seed, "target_labels_train": supervised}
    result |= {"scores": {}, "snapshots": {evaluation: [*ends, *snapshots] for evaluation in evaluations}}
    folder.mkdir(exist_ok=True)
    (folder / f"{source}__b__{method}__seed{seed}.json").write_text(json.dumps(result))


@pytest.fixture
def folder(tmp_path):
    """Three methods on one shift and seed, a fourth alone on another shift, and what must not count."""
    folder = tmp_path / "runs"
    run_file(folder, "one", last=0.5, stain=0.3, evaluations=("plain",))
    run_file(folder, "two", last=0.4, stain=0.5)
    run_file(folder, "three", last=0.6, stain=0.2)
    run_file(folder, "alone", last=0.58, stain=0.2, source="c")
    run_file(folder, "oracle", last=0.99, stain=0.99, supervised=True)
    old = {"source": "a", "target": "b", "method": "old", "seed": 0, "target_labels_train": False, "scores": {}}
    (folder / "old.json").write_text(json.dumps(old))
    (folder / "off.json").write_text(json.dumps({**old, "snapshots": {"plain": []}}))
    return folder


def test_reading(folder):
    runs = read_scored_runs([folder])
    assert sorted(run.method for run in runs) == ["alone", "one", "three", "two"]
    one = next(run for run in runs if run.method == "one")
    assert (one.shift, one.seed, one.evaluation) == ("a__b", 0, "plain")
    assert tuple(snapshot.truth for snapshot in one.snapshots) == TRUTHS
    assert (one.last.truth, one.source_validation.truth) == (0.5, 0.7)
    assert read_scored_runs([folder], "pq") == [], "no weights have this score"


def test_every_evaluation_counts(tmp_path):
    run_file(tmp_path / "runs", "one", 0.5, 0.3, evaluations=("plain", "adabn"))
    assert [run.evaluation for run in read_scored_runs([tmp_path / "runs"])] == ["plain", "adabn"]


@pytest.mark.parametrize(
    ("name", "scores", "expected"),
    [
        ("stain", STAIN, spearmanr(STAIN, TRUTHS).statistic),
        ("entropy", ENTROPY, 1),
        (SHARE, (0.4, 0.1, 0.2, 0.3), -1),
        ("density", (1, 1, 1, 1), None),
    ],
)
def test_rank_correlation_is_positive_where_the_score_is_right(name, scores, expected):
    found = rank_correlation([weights(truth, **{name: s}) for truth, s in zip(TRUTHS, scores, strict=True)], name)
    assert found == (None if expected is None else pytest.approx(expected))


def test_nothing_to_rank():
    assert rank_correlation([weights(0.1, stain=1), weights(0.2, stain=2)], "stain") is None
    assert rank_correlation([weights(0.5, stain=score) for score in (1, 2, 3)], "stain") is None


def test_the_guard_holds_in_the_study_too():
    empty = weights(0.1, stain=0.9, nuclei_share=0.001)
    assert chosen([empty, weights(0.6, stain=0.3)], "stain").truth == 0.6


def test_figures_by_hand(folder):
    figures = study(read_scored_runs([folder]))
    assert list(figures) == [*CRITERIA, SHARE, *REFERENCES]
    stain = figures["stain"]
    rho = spearmanr(STAIN, TRUTHS).statistic
    assert stain["within"] == pytest.approx([rho] * 4)
    assert stain["across"] == pytest.approx([-1]), "shift c has one method: nothing to compare"
    assert stain["lost"] == pytest.approx([0.8 - 0.6] * 4)
    assert sorted(stain["gained"]) == pytest.approx(sorted(0.6 - last for last in (0.5, 0.4, 0.6, 0.58)))
    assert stain["method_lost"] == pytest.approx([0.6 - 0.4])
    assert figures["entropy"]["lost"] == pytest.approx([0] * 4)
    assert figures["entropy"]["across"] == []
    assert figures[SHARE] == {"within": [], "across": []}
    assert sorted(figures["last"]["lost"]) == pytest.approx(sorted(0.8 - last for last in (0.5, 0.4, 0.6, 0.58)))
    assert figures["last"]["gained"] == [0] * 4
    assert figures["source_validation"]["lost"] == pytest.approx([0.8 - 0.7] * 4)
    assert figures["mean of the snapshots"]["lost"] == pytest.approx([0.8 - np.mean(TRUTHS)] * 4)


def test_summary():
    assert summarised({"stain": {"within": [0.5, 1.0], "across": []}}) == {
        "stain": {"within": {"mean": 0.75, "spread": 0.25, "count": 2}}
    }


def test_page_and_figures(folder, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- tables -->\nold\n<!-- /tables -->\nafter\n")
    write_study(read_scored_runs([folder]), page)
    text = page.read_text()
    assert text.startswith("before\n<!-- tables -->\n**all shifts** (evaluations: 4, snapshots: 16)\n")
    assert text.endswith("<!-- /tables -->\nafter\n")
    assert "**a → b** (evaluations: 3," in text
    assert "**c → b** (evaluations: 1," in text
    line = next(line for line in text.splitlines() if line.startswith("| **stain**"))
    assert line.endswith(
        "| +0.800 ± 0.000 (4) | -1.000 ± 0.000 (1) | 0.200 ± 0.000 (4) | +0.080 ± 0.079 (4) | 0.200 ± 0.000 (1) |"
    )
    assert "| _last_ |  |  | 0.280 ± 0.079 (4) | +0.000 ± 0.000 (4) |  |" in text


def test_no_run_yet(tmp_path):
    text = write_study([], tmp_path / "page.md")
    assert text == NONE
    assert NONE in (tmp_path / "page.md").read_text()


def test_what_diverged_is_left_out(folder):
    path = folder / "a__b__one__seed0.json"
    result = json.loads(path.read_text())
    diverged = next(one for one in result["snapshots"]["plain"] if one["weights"].startswith("snapshots/"))
    diverged["label_free"]["entropy"] = None
    path.write_text(json.dumps(result))
    one = next(run for run in read_scored_runs([folder]) if run.method == "one")
    assert tuple(snapshot.truth for snapshot in one.snapshots) == TRUTHS[1:]
