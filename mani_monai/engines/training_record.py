"""What a training says of itself, beside its weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..data.writers.atomic import replacing

TRAINING_RECORD = "training.json"


def record_training(folder: str | Path, facts: Mapping[str, Any]) -> None:
    """Writes ``training.json``, by which an export knows whose images the weights were trained on.

    Args:
        folder: the training's output folder.
        facts: source, target, split, seed and iterations.

    Raises:
        InputError: when it cannot be written.
    """
    with replacing(Path(folder) / TRAINING_RECORD) as path:
        path.write_text(json.dumps(dict(facts), indent=1) + "\n")
