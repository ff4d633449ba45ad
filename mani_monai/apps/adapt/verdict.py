"""What the rules on an adapted model come to: use it, look at the pictures, or keep the source model."""

from __future__ import annotations

from dataclasses import dataclass

from mani_monai.apps.adapt.evidence import Evidence
from mani_monai.apps.adapt.rules import KEEP, RULES, USE, Rule


@dataclass(frozen=True)
class Verdict:
    """What the rules come to.

    Attributes:
        outcome: ``USE``, ``LOOK`` or ``KEEP``.
        findings: each broken rule and its sentence, those that decided first.
    """

    outcome: str
    findings: tuple[tuple[Rule, str], ...] = ()

    @property
    def line(self) -> str:
        """The verdict in one line: of what decided, the first finding."""
        return f"{self.outcome}, because {self.findings[0][1]}" if self.findings else self.outcome


def judge(evidence: Evidence) -> Verdict:
    """Applies every rule: one that says keep decides, else one that says look."""
    broken = [(rule, found) for rule in RULES if (found := rule.finding(evidence)) is not None]
    broken.sort(key=lambda pair: pair[0].outcome != KEEP)  # stable: the rules' order otherwise
    return Verdict(broken[0][0].outcome if broken else USE, tuple(broken))


def kept(reason: str) -> Verdict:
    """The verdict of an adaptation whose before and after are the same weights.

    Args:
        reason: why, as the end of a sentence.
    """
    return Verdict(KEEP, ((Rule("no adaptation", KEEP, "before and after are the same weights", _nothing), reason),))


def _nothing(evidence: Evidence) -> None:
    return None


NOT_ADAPTED = kept("no adaptation was asked for")
"""Of a source-only training that is its own "before"."""
