"""What a training says of itself."""

from __future__ import annotations

import json

import pytest
from monai.transforms import EnsureTyped

from mani_monai.engines import check_image_steps, read_training_record, record_training
from mani_monai.engines.training_record import takes_normalised_stains
from mani_monai.transforms import NormaliseStainsd
from mani_monai.utils import InputError

READ, NORMALISE = EnsureTyped("image"), NormaliseStainsd("image")


def test_facts_lie_beside_the_weights(tmp_path):
    facts = {"source": "breast", "target": "kidney", "split": "split_0", "seed": 1, "iterations": 20}
    record_training(tmp_path / "models", facts, [READ, NORMALISE])
    record = {**facts, "image_steps": ["NormaliseStainsd"]}
    assert json.loads((tmp_path / "models" / "training.json").read_text()) == record
    assert read_training_record(tmp_path / "models") == record
    assert read_training_record(tmp_path) == {}


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "models").write_text("")
    with pytest.raises(InputError, match=r"training\.json: cannot be written"):
        record_training(tmp_path / "models", {})


@pytest.mark.parametrize("content", ["{", "[1]"])
def test_a_record_that_cannot_be_read_is_named(tmp_path, content):
    (tmp_path / "training.json").write_text(content)
    with pytest.raises(InputError, match=r"training\.json: .*train again, or delete it\.") as raised:
        read_training_record(tmp_path)
    assert "\n" not in str(raised.value)


def test_images_go_through_what_those_of_the_training_did(tmp_path):
    check_image_steps(tmp_path, [READ])  # no record
    assert not takes_normalised_stains(tmp_path)
    record_training(tmp_path, {}, [READ, NORMALISE])
    assert takes_normalised_stains(tmp_path)
    check_image_steps(tmp_path, [NORMALISE])
    with pytest.raises(InputError, match=r"went through NormaliseStainsd, and these configs have no step") as raised:
        check_image_steps(tmp_path, [READ])
    assert "stain_normalisation.json" in str(raised.value)
    record_training(tmp_path, {}, [READ])
    assert not takes_normalised_stains(tmp_path)
    with pytest.raises(InputError, match=r"went through no step of this project, and these configs have Normalise"):
        check_image_steps(tmp_path, [NORMALISE])
