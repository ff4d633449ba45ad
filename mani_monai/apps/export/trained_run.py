"""What is exported of a training: weights, what they are, the data they were trained on, and what they scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from mani_monai.data.datalists import data_set_names
from mani_monai.declaration import Declaration

FACTS = ("source", "target", "split", "seed", "iterations")
"""What a training says of itself."""
ORACLE = "oracle"  # the selection that target labels chose


@dataclass(frozen=True)
class Domain:
    """A data set and its part in a training.

    Attributes:
        name: the prepared data set's.
        role: "source" or "target".
        licence: what preparation recorded of it.
        types: names of its cell types by number; empty where it has none.
    """

    name: str
    role: str
    licence: str
    types: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Domain:
        """What a bundle's metadata says of a data set."""
        return cls(record["name"], record["role"], record["licence"], record.get("types") or {})


@dataclass(frozen=True)
class TrainedRun:
    """What is exported of a training.

    Attributes:
        weights: the file that the weights came from.
        state: the network's state dictionary.
        declaration: the network and the steps around it.
        domains: every data set that the weights were ever trained on.
        facts: source, target, split, seed, iterations and the method in words.
        scores: of these weights on labelled test images; None where there are none.
        changes: what was new in earlier versions, by version.
    """

    weights: Path
    state: Mapping[str, Tensor]
    declaration: Declaration
    domains: tuple[Domain, ...]
    facts: Mapping[str, Any]
    scores: Mapping[str, Any] | None
    changes: Mapping[str, str] = field(default_factory=dict)

    @property
    def mpp(self) -> float | None:
        """Micrometres per pixel of the images that it was trained on; None where that is not known."""
        return self.declaration.mpp

    def named(self, role: str) -> str:
        """Names of the data sets of a role in the last training, for a sentence."""
        return " and ".join(data_set_names(self.facts[role]))

    @property
    def unlabelled(self) -> str:
        """Names of the targets that are no source, for a sentence; empty where there are none."""
        sources = data_set_names(self.facts["source"])
        return " and ".join(name for name in data_set_names(self.facts["target"]) if name not in sources)
