"""Costly figures are made once for what they are made of."""

from __future__ import annotations

from studies.kept_figures import kept_figures


def test_figures_are_kept_for_as_long_as_they_are_made_of_the_same(tmp_path):
    path, calls = tmp_path / "figures.json", []

    def make():
        calls.append(1)
        return {"calls": len(calls)}

    assert kept_figures(path, {"weights": ["a"], "batches": 2}, make) == {"calls": 1}
    assert kept_figures(path, {"weights": ["a"], "batches": 2}, make) == {"calls": 1}
    assert kept_figures(path, {"weights": ["b"], "batches": 2}, make) == {"calls": 2}
    assert kept_figures(path, {"weights": ["b"], "batches": 3}, make) == {"calls": 3}
    assert list(tmp_path.iterdir()) == [path]
