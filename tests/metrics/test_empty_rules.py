"""What images without nuclei score under each rule."""

from __future__ import annotations

import numpy as np
import pytest

from mani_monai.metrics import EMPTY_RULES, PanopticCounts, apply_empty_rule
from mani_monai.metrics.empty_rules import check_empty_rule

#                     both empty     label empty    prediction empty  neither
COUNTS = np.array([[0, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0], [1, 0, 0, 0.8]])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("skip_gt_empty", [np.nan, np.nan, 0, 0.8]),
        ("skip_both_empty", [np.nan, 0, 0, 0.8]),
        ("both_empty_1", [1, 0, 0, 0.8]),
        ("both_empty_0", [0, 0, 0, 0.8]),
    ],
)
def test_by_hand(rule, expected):
    counts = PanopticCounts.from_array(COUNTS)
    np.testing.assert_array_equal(apply_empty_rule(counts.pq, counts, rule), expected)
    check_empty_rule(rule)
    assert rule in EMPTY_RULES


def test_an_unknown_rule_is_refused():
    with pytest.raises(ValueError, match=r"empty_rule must be one of .*got 'skip'"):
        check_empty_rule("skip")
