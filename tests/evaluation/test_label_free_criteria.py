"""The rule that chooses among batch statistics, on scores by hand."""

from __future__ import annotations

import pytest

from mani_monai.evaluation.label_free_criteria import chosen_statistics, consistency
from mani_monai.evaluation.statistics_candidates import SOURCE_SHARES


def scores(stain, symmetry, share=0.2):
    return {"stain": stain, "symmetry": symmetry, "nuclei_share": share}


def test_the_most_consistent_is_chosen():
    assert consistency(scores(0.9, 0.7)) == pytest.approx(0.8)
    candidates = {"source": scores(0.9, 0.7), "half": scores(0.7, 0.95), "target": scores(0.8, 0.8)}
    assert chosen_statistics(candidates) == "half"


def test_of_equals_the_least_changed_is_chosen():
    assert chosen_statistics({name: scores(0.8, 0.8) for name in SOURCE_SHARES}) == "source"


@pytest.mark.parametrize("share", [0.0, 0.9])
def test_a_collapse_is_chosen_only_where_all_are(share):
    candidates = {"source": scores(0.5, 0.5), "target": scores(1.0, 1.0, share)}
    assert chosen_statistics(candidates) == "source"
    candidates["source"] = scores(0.5, 0.5, share)
    assert chosen_statistics(candidates) == "target"


def test_scores_that_are_no_numbers_are_the_last():
    assert chosen_statistics({"source": scores(float("nan"), 0.9), "target": scores(0.1, 0.1)}) == "target"
