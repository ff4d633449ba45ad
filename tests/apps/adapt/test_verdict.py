"""What the rules come to together."""

from __future__ import annotations

from adapted import figures

from mani_monai.apps.adapt.rules import KEEP, USE
from mani_monai.apps.adapt.verdict import NOT_ADAPTED, judge


def test_a_sane_adaptation_is_used(evidence):
    better = evidence(scores_after={"stain": 0.95}, after=figures(share=0.25, count=130, area=190))
    assert judge(better).outcome == USE
    assert judge(better).line == USE


def test_what_decides_comes_first(evidence):
    verdict = judge(evidence(after=figures(area=1000), scores_after={"stain": 0.7}))
    assert [rule.name for rule, _ in verdict.findings] == ["stain consistency", "size changed"]
    assert verdict.line == f"{KEEP}, because stain consistency falls from 0.900 to 0.700"


def test_what_was_not_adapted_is_kept():
    assert NOT_ADAPTED.outcome == KEEP
    assert NOT_ADAPTED.line == f"{KEEP}, because no adaptation was asked for"
