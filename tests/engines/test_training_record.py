"""What a training says of itself."""

from __future__ import annotations

import json

import pytest

from mani_monai.engines import record_training
from mani_monai.utils import InputError


def test_facts_lie_beside_the_weights(tmp_path):
    facts = {"source": "breast", "target": "kidney", "split": "split_0", "seed": 1, "iterations": 20}
    record_training(tmp_path / "models", facts)
    assert json.loads((tmp_path / "models" / "training.json").read_text()) == facts


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "models").write_text("")
    with pytest.raises(InputError, match=r"training\.json: cannot be written"):
        record_training(tmp_path / "models", {})
