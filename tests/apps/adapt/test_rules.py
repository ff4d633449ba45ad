"""Every rule at both sides of its bound."""

from __future__ import annotations

from dataclasses import replace

import pytest
from adapted import figures

from mani_monai.apps.adapt.rules import KEEP, LOOK, RULES, USE
from mani_monai.apps.adapt.verdict import NOT_ADAPTED, judge


def broken(verdict):
    return [rule.name for rule, _ in verdict.findings]


@pytest.mark.parametrize("share", [0.0, 0.009, 0.76, 1.0])
def test_a_collapse_is_never_used_however_perfect_its_scores(evidence, share):
    perfect = {"stain": 1.0, "symmetry": 1.0, "entropy": 0.0}
    verdict = judge(evidence(after=figures(share=share), scores_after=perfect))
    assert verdict.outcome == KEEP
    assert broken(verdict)[0] == "collapse"
    assert verdict.line.startswith(f"{KEEP}, because the adapted model calls ")


def test_a_collapse_on_some_images_shows(evidence):
    two_of_four = figures(shares=(0.4, 0.4, 0.0, 0.01))
    verdict = judge(evidence(after=two_of_four))
    assert (verdict.outcome, broken(verdict)) == (KEEP, ["images lost"])
    assert "in 2 of 4 target images" in verdict.line
    assert judge(evidence(after=figures(shares=(0.3, 0.3, 0.2, 0.0)))).outcome == USE, (
        "one of four is no more than that"
    )


def test_images_without_nuclei_before_cannot_lose_them(evidence):
    empty = figures(shares=(0.4, 0.4, 0.0, 0.0))
    assert judge(evidence(before=empty, after=empty)).outcome == USE


def test_what_is_not_finite(evidence):
    """Statistics, too, of which no training is."""
    verdict = judge(evidence(finite=False, after=figures(share=0.0, count=0)))
    assert (verdict.outcome, broken(verdict)[0]) == (KEEP, "not finite")
    assert verdict.line == f"{KEEP}, because weights or answers of the adapted model are not finite"


NAN = float("nan")


@pytest.mark.parametrize("name", ["stain", "symmetry", "entropy"])
def test_scores_that_are_no_numbers_are_no_fall(evidence, name):
    after = judge(evidence(scores_after={name: NAN}))
    assert (after.outcome, broken(after)) == (KEEP, ["not finite"])
    before = judge(evidence(scores_before={name: NAN}))
    assert (before.outcome, broken(before)) == (LOOK, ["source model failed"])
    both = judge(evidence(scores_before={name: NAN}, scores_after={name: NAN}))
    assert (both.outcome, broken(both)) == (KEEP, ["not finite", "source model failed"])
    assert "nan" not in " ".join(found for verdict in (after, before, both) for _, found in verdict.findings)


@pytest.mark.parametrize(
    ("changes", "outcome", "rules"),
    [
        ({"after": {"share": 0.62}}, KEEP, ["share", "share changed", "share unlike the source"]),
        ({"after": {"share": 0.41}}, LOOK, ["share changed"]),
        ({"after": {"share": 0.39}}, USE, []),
        ({"after": {"share": 0.62}, "before": {"share": 0.3}}, LOOK, ["share changed", "share unlike the source"]),
        ({"after": {"share": 0.62}, "source": {"share": 0.3}}, LOOK, ["share changed"]),
        ({"after": {"count": 310}}, KEEP, ["count", "count changed"]),
        ({"after": {"count": 30}}, KEEP, ["count", "count changed"]),
        ({"after": {"count": 290}}, LOOK, ["count changed"]),
        ({"after": {"count": 310}, "source": {"count": 200}}, LOOK, ["count changed"]),
        ({"after": {"count": 190}}, USE, []),
        ({"after": {"area": 450}}, LOOK, ["size changed"]),
        ({"after": {"area": 390}}, USE, []),
    ],
)
def test_shares_counts_and_sizes(evidence, changes, outcome, rules):
    verdict = judge(evidence(**{name: figures(**values) for name, values in changes.items()}))
    assert (verdict.outcome, broken(verdict)) == (outcome, rules)


@pytest.mark.parametrize(
    ("scores", "outcome", "rules"),
    [
        ({"stain": 0.84}, KEEP, ["stain consistency"]),
        ({"stain": 0.86}, LOOK, ["slightly less stable"]),
        ({"stain": 0.895}, USE, []),
        ({"symmetry": 0.84}, LOOK, ["turned copies"]),
        ({"symmetry": 0.86}, USE, []),
        ({"entropy": 0.6, "density": 0.0, "information": 0.0}, USE, []),
    ],
)
def test_scores(evidence, scores, outcome, rules):
    verdict = judge(evidence(scores_after=scores))
    assert (verdict.outcome, broken(verdict)) == (outcome, rules)


def test_a_magnification_that_nobody_knows(evidence):
    verdict = judge(evidence(unsized=2))
    assert (verdict.outcome, broken(verdict)) == (LOOK, ["pixel size"])
    assert verdict.line.endswith(
        "the pixel size of 2 of 4 images is not known, and was taken as the network's; name it with --mpp"
    )


def test_two_models_that_are_both_unstable(evidence):
    verdict = judge(evidence(scores_before={"stain": 0.4}, scores_after={"stain": 0.45}))
    assert (verdict.outcome, broken(verdict)) == (LOOK, ["unstable"])


def test_a_source_model_that_failed_is_no_measure(evidence):
    """It calls everything nuclei, with perfect scores: the adapted model is not kept back for being worse."""
    failed = figures(share=1.0, count=1, area=10**6)
    perfect = {"stain": 1.0, "symmetry": 1.0}
    verdict = judge(evidence(before=failed, scores_before=perfect, scores_after={"stain": 0.8, "symmetry": 0.8}))
    assert (verdict.outcome, broken(verdict)) == (LOOK, ["source model failed"])
    both = judge(evidence(before=failed, after=failed))
    assert both.outcome == KEEP


def test_an_adaptation_that_changed_nothing(evidence):
    verdict = judge(evidence(agreement=0.995))
    assert (verdict.outcome, broken(verdict)) == (KEEP, ["unchanged"])
    assert judge(evidence(agreement=0.994)).outcome == USE


def test_two_models_that_disagree(evidence):
    """The figures of MoNuSeg kidney to CoNSeP, where the adapted model was worse and every other rule content."""
    scores = {"scores_before": {"stain": 0.757, "symmetry": 0.843}, "scores_after": {"stain": 0.935, "symmetry": 0.93}}
    nuclei = {"before": figures(0.119, 331, 239), "after": figures(0.08, 332, 205), "source": figures(0.108, 316, 320)}
    verdict = judge(evidence(agreement=0.682, **scores, **nuclei))
    assert (verdict.outcome, broken(verdict)) == (LOOK, ["disagreement"])
    assert judge(evidence(agreement=0.75, **scores, **nuclei)).outcome == USE


def test_statistics_that_agree_clearly_better_may_disagree(evidence):
    """The mean of both consistencies rises by .02 or more, and no weight was trained, which would flatter it."""
    clearer = evidence(agreement=0.6, trained=False, scores_after={"stain": 0.93, "symmetry": 0.911})
    assert judge(clearer).outcome == USE
    assert broken(judge(replace(clearer, trained=True))) == ["disagreement"]
    barely = evidence(agreement=0.6, trained=False, scores_after={"stain": 0.93, "symmetry": 0.909})
    assert broken(judge(barely)) == ["disagreement"]
    unknown = evidence(agreement=0.6, trained=False, scores_before={"stain": NAN})
    assert "disagreement" not in broken(judge(unknown)), "the source model failed: that is said in its place"


def test_a_training_is_spared_where_the_statistics_that_it_began_with_are(evidence):
    """The figures of a model of TNBC on breast: the statistics alone agree with themselves clearly better."""
    scores = {"scores_before": {"stain": 0.920, "symmetry": 0.896}, "scores_after": {"stain": 0.971, "symmetry": 0.936}}
    start = {"stain": 0.959, "symmetry": 0.927}
    assert judge(evidence(agreement=0.697, scores_start=start, **scores)).outcome == USE
    barely = {"stain": 0.930, "symmetry": 0.925}
    assert broken(judge(evidence(agreement=0.697, scores_start=barely, **scores))) == ["disagreement"]
    assert broken(judge(evidence(agreement=0.697, **scores))) == ["disagreement"]


def test_few_labelled_images(evidence):
    verdict = judge(evidence(source=replace(figures(), images=3)))
    assert (verdict.outcome, broken(verdict)) == (LOOK, ["few labelled images"])
    assert "learned from 3 images with labels" in verdict.line
    assert "from 1 image with" in judge(evidence(source=replace(figures(), images=1))).line
    assert judge(evidence(source=replace(figures(), images=4))).outcome == USE


def test_every_rule_says_why():
    assert all(rule.reason and rule.outcome in (KEEP, LOOK) for rule in RULES)
    assert len({rule.name for rule in RULES}) == len(RULES)


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
