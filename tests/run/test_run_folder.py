"""A run's folder: its config is kept, and another one is refused."""

from __future__ import annotations

import pytest

from mani_monai.run.run_folder import PLACES, check_same_config, write_config
from mani_monai.utils import InputError

CONFIG = {"seed": 0, "loss": {"weight": 1.0, "parts": ["a", {"kind": "mean"}]}, "resume": False, "output_dir": "here"}


def test_a_folder_with_another_config_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not say what it was trained on"):
        check_same_config(tmp_path, CONFIG)
    write_config({**CONFIG, **dict.fromkeys(PLACES, "other")}, tmp_path)
    check_same_config(tmp_path, CONFIG | {"loss": {"weight": 1.0, "parts": ("a", {"kind": "mean"})}})
    with pytest.raises(InputError, match=r"whose seed is not what is asked for now \(0, not 1\)") as error:
        check_same_config(tmp_path, {**CONFIG, "seed": 1})
    assert "\n" not in str(error.value)


def test_a_config_that_cannot_be_read(tmp_path):
    write_config(CONFIG, tmp_path).write_text('{"seed"')
    with pytest.raises(InputError, match="is no JSON"):
        check_same_config(tmp_path, CONFIG)


def test_what_may_differ_in_a_longer_training(tmp_path):
    write_config({**CONFIG, "iterations": 4}, tmp_path)
    check_same_config(tmp_path, {**CONFIG, "iterations": 6}, ["iterations"])
    with pytest.raises(InputError, match="whose iterations is not what is asked for now"):
        check_same_config(tmp_path, {**CONFIG, "iterations": 6})


def test_a_config_that_no_file_can_hold(tmp_path):
    with pytest.raises(InputError, match="cannot be kept in the run's folder"):
        write_config({"network": object()}, tmp_path)
