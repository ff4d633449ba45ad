"""What trained a network: the key "training" of a run's or a bundle's ``metadata.json``."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

from mani_monai.utils import InputError

TRAINING = "training"
"""Key of ``metadata.json``: what the weights were trained on and how."""
PROTOTYPES = "prototypes"
"""Key in it: vectors of the source's nuclei and background, where they were noted."""
RECORDED = ("name", "role", "licence")
"""Texts that a run's metadata hold of every data set that trained it."""


def training_of(metadata: Mapping[str, Any], place: str | Path, remedy: str) -> dict[str, Any]:
    """What a run's or a bundle's ``metadata.json`` says of its training; empty where it says nothing.

    Args:
        metadata: the file's content.
        place: the file, or what holds it, for messages.
        remedy: what to do about it, the end of a sentence.

    Returns:
        the value of ``TRAINING``, with a list of records of name, role and licence in "domains".

    Raises:
        InputError: when it is no such object.
    """
    training = metadata.get(TRAINING) or {}
    records = training.get("domains") if isinstance(training, Mapping) else None
    if not isinstance(training, Mapping) or not isinstance(records or [], (list, tuple)):
        raise InputError(f"{place}: its {TRAINING!r} is no object with a list of data sets; {remedy}.")
    for record, name in product(records or [], RECORDED):
        if not isinstance(record, Mapping) or not isinstance(record.get(name), str):
            raise InputError(f"{place}: a data set of its {TRAINING!r} lacks its {name}; {remedy}.")
    return dict(training)
