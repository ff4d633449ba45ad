"""What may be wrong with an adapted model, found without a target label: rules with their reasons.

No rule can prove that a model is good. They find what goes wrong in adaptation: a network that calls nearly everything
background or nuclei, that forgets a part of the images, that breaks nuclei up or melts them together, or that has
become less sure of itself. Nobody tuned the bounds on a benchmark: they are wide where they decide, and narrow where
they only ask for a look at the pictures. Two rules, disagreement and few labelled images, were made from a failure on
real tissues. What disagreement spares was set on the setting half of the verdicts' pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from mani_monai.apps.adapt.evidence import Evidence, all_finite, factor, plausible
from mani_monai.evaluation.label_free_criteria import PLAUSIBLE_SHARES, consistency
from mani_monai.utils.errors import counted

USE = "use the adapted model"
LOOK = "look at the pictures before you choose"
KEEP = "keep the source model"

LOST_SHARE, LOST_PART, LOST_IMAGES = 0.01, 0.1, 0.25
FAR, NOTABLE = 3.0, 2.0
SCORE_HARM, SCORE_DOUBT, LOWEST_SCORE = 0.05, 0.01, 0.5
UNCHANGED, DISAGREEING, CLEARER = 0.995, 0.75, 0.02
FEW_IMAGES = 3


@dataclass(frozen=True)
class Rule:
    """One thing that may be wrong.

    Attributes:
        name: short.
        outcome: what to do where it holds, ``KEEP`` or ``LOOK``.
        reason: why the rule is there.
        finding: a sentence with the figures where it holds, None where it does not.
    """

    name: str
    outcome: str
    reason: str
    finding: Callable[[Evidence], str | None]


def _rule(name: str, outcome: str, reason: str) -> Callable[[Callable[[Evidence], str | None]], Rule]:
    """Makes a rule of the function below it, which is its finding."""
    return partial(Rule, name, outcome, reason)


@_rule("not finite", KEEP, "what is no finite number predicts nothing, and nothing can be compared with it")
def _not_finite(e: Evidence) -> str | None:
    if e.finite and all_finite(e.scores_after):
        return None
    return "weights or answers of the adapted model are not finite"


@_rule(
    "collapse",
    KEEP,
    "no tissue is all background or all nuclei; such a network is sure and consistent, so that its label-free "
    "scores can look perfect and must not be read",
)
def _implausible(e: Evidence) -> str | None:
    if plausible(e.after.share):
        return None
    low, high = PLAUSIBLE_SHARES
    return f"the adapted model calls {e.after.share:.1%} of the target nuclei, outside of {low:.0%} to {high:.0%}"


@_rule("images lost", KEEP, "a collapse on a part of the images hides in the mean over all of them")
def _images_lost(e: Evidence) -> str | None:
    held = [(b, a) for b, a in zip(e.before.shares, e.after.shares, strict=True) if b >= LOST_SHARE]
    lost = sum(after < LOST_PART * before for before, after in held)
    if lost <= LOST_IMAGES * len(held):
        return None
    return f"the adapted model loses nearly all nuclei in {lost} of {len(held)} target images where the source has some"


@_rule(
    "share",
    KEEP,
    "tissues differ in their nuclei, so a share may move away from the source model's or from the source's; far "
    "from both it follows neither",
)
def _share_far(e: Evidence) -> str | None:
    if min(factor(e.after.share, nuclei.share) for nuclei in e.references) <= FAR:
        return None
    shares = f"{e.before.share:.1%} with the source model"
    shares += "" if e.source is None else f" and {e.source.share:.1%} in the source's labels"
    return f"nuclei cover {e.after.share:.1%} of the target, far from {shares}"


@_rule("count", KEEP, "nuclei that break up or melt together leave the share as it is")
def _count_far(e: Evidence) -> str | None:
    if min(factor(e.after.density, nuclei.density) for nuclei in e.references) <= FAR:
        return None
    counts = f"{e.before.density:.0f} with the source model"
    counts += "" if e.source is None else f" and {e.source.density:.0f} in the source's labels"
    return f"there are {e.after.density:.0f} nuclei a megapixel, far from {counts}"


@_rule(
    "stain consistency",
    KEEP,
    "masks that depend more on the staining than before are less right more often than not; it is the criterion "
    "that the project chooses weights by",
)
def _less_stable(e: Evidence) -> str | None:
    loss = e.scores_before["stain"] - e.scores_after["stain"]
    if e.source_model_failed or not loss > SCORE_HARM:  # nan is no fall
        return None
    return f"stain consistency falls from {e.scores_before['stain']:.3f} to {e.scores_after['stain']:.3f}"


@_rule("unchanged", KEEP, "a model that is no better is no reason to change")
def _unchanged(e: Evidence) -> str | None:
    if e.agreement < UNCHANGED:
        return None
    return f"the masks before and after agree by {e.agreement:.3f}: the adaptation changed next to nothing"


@_rule(
    "pixel size",
    LOOK,
    "at another magnification both models miss nuclei, and no score tells: skin of .5 um taken as .25 um lost a "
    "fifth of its nuclei by an adaptation, and next to none at its own size",
)
def _unsized(e: Evidence) -> str | None:
    if not e.unsized:
        return None
    whose = f"{e.unsized} of {counted(e.after.images, 'image')}"
    return f"the pixel size of {whose} is not known, and was taken as the network's; name it with --mpp"


@_rule("source model failed", LOOK, "next to a failure everything looks better")
def _source_failed(e: Evidence) -> str | None:
    if not e.source_model_failed:
        return None
    if plausible(e.before.share):
        return "answers of the source model itself are not finite: there is nothing to compare with"
    return f"the source model itself calls {e.before.share:.1%} of the target nuclei: there is nothing to compare with"


@_rule("slightly less stable", LOOK, "such a difference lies within what another seed gives")
def _slightly_less_stable(e: Evidence) -> str | None:
    loss = e.scores_before["stain"] - e.scores_after["stain"]
    if e.source_model_failed or not SCORE_DOUBT < loss <= SCORE_HARM:
        return None
    return f"stain consistency falls a little, from {e.scores_before['stain']:.3f} to {e.scores_after['stain']:.3f}"


@_rule(
    "turned copies",
    LOOK,
    "a second criterion, since a training with stain augmentation is flattered by stain consistency",
)
def _less_symmetric(e: Evidence) -> str | None:
    if e.source_model_failed or not e.scores_before["symmetry"] - e.scores_after["symmetry"] > SCORE_HARM:
        return None
    before, after = e.scores_before["symmetry"], e.scores_after["symmetry"]
    return f"turned copies of an image agree less, {after:.3f} where it was {before:.3f}"


@_rule("unstable", LOOK, "where copies agree by less than half, neither model may be fit")
def _unstable(e: Evidence) -> str | None:
    if not e.scores_after["stain"] < LOWEST_SCORE:
        return None
    return f"differently stained copies of an image agree by {e.scores_after['stain']:.2f} only"


@_rule(
    "disagreement",
    LOOK,
    "scores without labels do not say which of the two is right: from MoNuSeg kidney to CoNSeP they agreed by .68, "
    "all else looked well, and the adapted model was the worse one by .15 Dice; batch statistics that agree with "
    "themselves clearly better were right, by up to .21 Dice, and so was a short training that began with them",
)
def _disagreeing(e: Evidence) -> str | None:
    untrained = e.scores_start if e.trained else e.scores_after
    clearer = untrained is not None and consistency(untrained) - consistency(e.scores_before) >= CLEARER
    if e.source_model_failed or e.agreement >= DISAGREEING or clearer:
        return None
    return f"the masks before and after agree by {e.agreement:.2f} only: one of the two models is far off"


@_rule(
    "few labelled images",
    LOOK,
    "from three labelled images of MoNuSeg's kidney the same recipe gained .10 Dice on one tissue and lost .15 on "
    "another",
)
def _few_labelled(e: Evidence) -> str | None:
    if e.source is None or e.source.images > FEW_IMAGES:
        return None
    labelled = counted(e.source.images, "image")
    return f"both models learned from {labelled} with labels, too few to know what a nucleus may look like"


@_rule("share changed", LOOK, "found nuclei or false ones: the pictures tell which")
def _share_changed(e: Evidence) -> str | None:
    if e.source_model_failed or factor(e.after.share, e.before.share) <= NOTABLE:
        return None
    return f"nuclei cover {e.after.share:.1%} of the target where it was {e.before.share:.1%}"


@_rule("share unlike the source", LOOK, "tissues differ by that much, but seldom")
def _share_unlike_source(e: Evidence) -> str | None:
    if e.source is None or factor(e.after.share, e.source.share) <= FAR:
        return None
    return f"nuclei cover {e.after.share:.1%} of the target but {e.source.share:.1%} of the source"


@_rule("count changed", LOOK, "found nuclei or false ones: the pictures tell which")
def _count_changed(e: Evidence) -> str | None:
    if e.source_model_failed or factor(e.after.density, e.before.density) <= NOTABLE:
        return None
    return f"there are {e.after.count} nuclei where there were {e.before.count}"


@_rule("size changed", LOOK, "contours that grew or shrank: the pictures tell which are right")
def _size_changed(e: Evidence) -> str | None:
    if e.source_model_failed or factor(e.after.median_area, e.before.median_area) <= NOTABLE:
        return None
    return f"the median nucleus has {e.after.median_area:.0f} px where it had {e.before.median_area:.0f} px"


RULES = (
    _not_finite,
    _implausible,
    _images_lost,
    _share_far,
    _count_far,
    _less_stable,
    _unchanged,
    _unsized,
    _source_failed,
    _slightly_less_stable,
    _less_symmetric,
    _unstable,
    _disagreeing,
    _few_labelled,
    _share_changed,
    _share_unlike_source,
    _count_changed,
    _size_changed,
)
