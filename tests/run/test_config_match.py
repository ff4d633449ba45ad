"""Where two configs differ first."""

from __future__ import annotations

import json

import pytest

from mani_monai.run.config_match import PLACES, check_same_config, first_difference
from mani_monai.utils import InputError

CONFIG = {"seed": 0, "loss": {"weight": 1.0, "parts": ["a", {"kind": "mean"}]}, "resume": False, "output_dir": "here"}


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({}, None),
        ({"seed": 1, "loss": {}}, "seed"),
        ({"loss": {"weight": 0.1, "parts": CONFIG["loss"]["parts"]}}, "loss::weight"),
        ({"loss": {"weight": 1.0}}, "loss::parts"),
        ({"loss": {**CONFIG["loss"], "further": None}}, "loss::further"),
        ({"loss": {"weight": 1.0, "parts": ["a", {"kind": "max"}]}}, "loss::parts::1::kind"),
        ({"loss": {"weight": 1.0, "parts": ["a"]}}, "loss::parts"),
        ({"loss": "@other"}, "loss"),
    ],
)
def test_the_first_difference_has_a_name(change, key):
    changed = {**CONFIG, **change}
    assert first_difference(CONFIG, changed) == key
    assert first_difference(changed, CONFIG) == key


def test_a_folder_with_another_config_is_refused(tmp_path):
    check_same_config(tmp_path, CONFIG)
    (tmp_path / "config.json").write_text(json.dumps({**CONFIG, **dict.fromkeys(PLACES, "other")}))
    check_same_config(tmp_path, CONFIG | {"loss": {"weight": 1.0, "parts": ("a", {"kind": "mean"})}})
    with pytest.raises(InputError, match="whose seed is not") as error:
        check_same_config(tmp_path, {**CONFIG, "seed": 1})
    assert "\n" not in str(error.value)


def test_a_config_that_cannot_be_read(tmp_path):
    (tmp_path / "config.json").write_text('{"seed"')
    with pytest.raises(InputError, match="is no JSON"):
        check_same_config(tmp_path, CONFIG)
