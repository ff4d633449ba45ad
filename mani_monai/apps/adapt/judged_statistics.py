"""What the rules say of batch statistics that were chosen, once both models are measured as they are deployed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mani_monai.apps.adapt.evidence import Evidence
from mani_monai.apps.adapt.measurement import Measured, compared, measure_model
from mani_monai.apps.adapt.statistics_choice import SOURCE, Choice
from mani_monai.apps.adapt.verdict import Verdict, judge, kept
from mani_monai.data.pixel_size import PixelSize
from mani_monai.evaluation.statistics_candidates import SOURCE_SHARES
from mani_monai.model import Model

AS_IT_IS = kept("the model agrees with itself best as it is")
"""The verdict where the source's statistics were chosen."""


def measure_candidate(
    choice: Choice, name: str, model: Model, paths: Sequence[Path], size: PixelSize | None = None, title: str = ""
) -> Measured:
    """Measures a model with a candidate's statistics; its label-free scores are those of the choice.

    Args:
        choice: among statistics.
        name: of the candidate.
        model: what has its statistics: the model that was given for the source's, else ``choice.adapted``.
        paths: the images.
        size: of all images' pixels; what each file says by default.
        title: of a progress bar; none without one.
    """
    return replace(measure_model(model, paths, size, title, scored=()), scores=choice.scores[name])


def judge_candidate(name: str, before: Measured, after: Measured) -> tuple[Evidence, Verdict]:
    """The evidence of a candidate, and what the rules say of it.

    Args:
        name: of the candidate.
        before: the model that was given.
        after: the model with the candidate's statistics, on the same images.
    """
    evidence = replace(compared(before, after), trained=name not in SOURCE_SHARES)
    return evidence, AS_IT_IS if name == SOURCE else judge(evidence)
