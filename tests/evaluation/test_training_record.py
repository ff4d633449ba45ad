"""What a training says of itself, and what is held against it."""

from __future__ import annotations

import json

import pytest
from monai.transforms import Compose, EnsureTyped

from mani_monai.evaluation import (
    check_image_steps,
    read_training_record,
    write_training_record,
)
from mani_monai.transforms import NormaliseStainsd
from mani_monai.utils import InputError

READ, NORMALISE = EnsureTyped("image"), NormaliseStainsd("image")
FACTS = {"source": "breast", "target": "kidney", "split": "split_0", "seed": 1, "iterations": 20}


def test_facts_lie_beside_the_weights(tmp_path):
    folder = tmp_path / "models"
    assert read_training_record(folder) == {}
    write_training_record(folder, FACTS, [READ, Compose([NORMALISE])])
    record = {**FACTS, "image_steps": ["EnsureTyped", "NormaliseStainsd"]}
    assert json.loads((folder / "training.json").read_text()) == record
    assert read_training_record(folder) == record


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "models").write_text("")
    with pytest.raises(InputError, match=r"training\.json: cannot be written"):
        write_training_record(tmp_path / "models", {}, [])


@pytest.mark.parametrize("content", ["{", "[1]", '{"image_steps": null}', '{"image_steps": [1]}'])
def test_a_record_that_cannot_be_read_is_named(tmp_path, content):
    (tmp_path / "training.json").write_text(content)
    with pytest.raises(InputError, match=r"training\.json: .*; train again\.") as raised:
        read_training_record(tmp_path)
    assert "\n" not in str(raised.value)


def test_the_same_steps_pass(tmp_path):
    check_image_steps(tmp_path, [READ])  # no record
    write_training_record(tmp_path, {}, [READ, NORMALISE])
    check_image_steps(tmp_path, [EnsureTyped("image"), NormaliseStainsd("image", white=1)])
    write_training_record(tmp_path, {}, [READ])


@pytest.mark.parametrize(
    ("trained", "asked", "line"),
    [
        (
            [READ, NORMALISE],
            [READ],
            "went through NormaliseStainsd, which these configs leave out; name the overlays that it was trained with",
        ),
        (
            [READ],
            [READ, NORMALISE],
            "did not go through NormaliseStainsd, which these configs add; leave out the overlay that adds it",
        ),
        ([NORMALISE], [NORMALISE, NORMALISE], "did not go through NormaliseStainsd, which these configs add"),
        ([READ, NORMALISE], [NORMALISE, READ], "went through EnsureTyped, NormaliseStainsd, in this order; keep to it"),
    ],
)
def test_other_steps_are_refused_with_what_to_do(tmp_path, trained, asked, line):
    write_training_record(tmp_path, {}, trained)
    with pytest.raises(InputError, match=line):
        check_image_steps(tmp_path, asked)
