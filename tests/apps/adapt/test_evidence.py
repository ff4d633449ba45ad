"""Shares that tissue can have, and how far figures lie apart."""

from __future__ import annotations

from mani_monai.apps.adapt.evidence import factor, plausible


def test_no_nuclei_at_all_on_either_side_is_finite():
    assert factor(0, 0) == 1
    assert factor(0, 3) == factor(3, 0) == float("inf")
    assert factor(2, 6) == factor(6, 2) == 3
    assert plausible(0.01)
    assert not plausible(0.0)
