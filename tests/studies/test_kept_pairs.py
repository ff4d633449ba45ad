"""Pairs that are measured once: kept by name, told apart by their weights, written after each."""

from __future__ import annotations

import pandas as pd
import pytest

from mani_monai.utils import InputError
from studies.kept_pairs import KeptPairs, named_bundles, pair_of

PAIR = pair_of("runs/one", "tnbc", "breast")
SETTINGS = {"weights": "aa", "split": "split_0", "most": "all"}


def test_a_pair_is_kept_for_the_next_run(tmp_path):
    out = str(tmp_path / "rows.csv")
    kept = KeptPairs(out)
    assert not kept.holds(PAIR, SETTINGS)
    kept.add(PAIR, SETTINGS, [{"dice": 0.5}, {"dice": 0.25}])
    again = KeptPairs(out)
    assert again.holds(PAIR, SETTINGS)
    assert not again.holds(pair_of("runs/one", "tnbc", "colon"), SETTINGS)
    assert list(again.table.dice) == [0.5, 0.25]
    assert list(pd.read_csv(out).columns) == ["model", "data", "tissue", "weights", "split", "most", "dice"]


@pytest.mark.parametrize("name", SETTINGS)
def test_what_was_measured_otherwise_is_refused(tmp_path, name):
    kept = KeptPairs(str(tmp_path / "rows.csv"))
    kept.add(PAIR, SETTINGS, [{"dice": 0.5}])
    with pytest.raises(InputError, match=f"holds one tnbc breast with other {name} than these"):
        kept.holds(PAIR, {**SETTINGS, name: "other"})


def test_two_bundles_of_one_name_are_refused():
    assert named_bundles("a/one,b/two") == ["a/one", "b/two"]
    with pytest.raises(InputError, match="two have one name"):
        named_bundles(("a/one", "b/one"))
