"""All that an adaptation has come to: what the report shows and report.json holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mani_monai.apps.adapt.curves import VALIDATION_TAG, Curves
from mani_monai.apps.adapt.evidence import Evidence
from mani_monai.apps.adapt.verdict import Verdict
from mani_monai.evaluation.label_free_scorer import CRITERIA, DEFAULT_CRITERION


@dataclass(frozen=True)
class Outcome:
    """An adaptation, measured.

    Attributes:
        source: name of the labelled data set.
        target: name of the unlabelled one.
        settings: what was asked for and what was made of it, in words by name.
        notes: sentences that a reader has to know.
        left_out: one line for each file of the target's folder that is not used.
        evidence: what is known of both models.
        changes: of each measured image, the part of its pixels that changed, by name.
        curves: what the trainings logged, by name.
        verdict: what the rules come to.
    """

    source: str
    target: str
    settings: Mapping[str, str]
    notes: tuple[str, ...]
    left_out: tuple[str, ...]
    evidence: Evidence
    changes: Mapping[str, float]
    curves: Mapping[str, Curves]
    verdict: Verdict

    def record(self) -> dict[str, Any]:
        """The content of ``report.json``."""
        e = self.evidence
        return {
            "source": self.source,
            "target": self.target,
            "settings": dict(self.settings),
            "notes": list(self.notes),
            "left_out": list(self.left_out),
            "verdict": {
                "outcome": self.verdict.outcome,
                "line": self.verdict.line,
                "findings": [
                    {"rule": rule.name, "says": rule.outcome, "found": found, "reason": rule.reason}
                    for rule, found in self.verdict.findings
                ],
            },
            "criterion": DEFAULT_CRITERION,
            "label_free": {
                name: {
                    "before": e.scores_before[name],
                    "after": e.scores_after[name],
                    "higher_is_better": criterion.higher_is_better,
                }
                for name, criterion in CRITERIA.items()
            },
            "nuclei": {
                "before": e.before.summary(),
                "after": e.after.summary(),
                "source_labels": e.source.summary(),
            },
            "agreement": e.agreement,
            "changed_share_by_image": dict(self.changes),
            "source_validation_dice": {
                name: curves[VALIDATION_TAG][-1][1] for name, curves in self.curves.items() if VALIDATION_TAG in curves
            },
        }
