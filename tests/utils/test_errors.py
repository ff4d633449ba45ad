"""The exception for bad input, found again in what other libraries raise from it."""

from __future__ import annotations

import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import DataLoader, Dataset

from mani_monai.utils import InputError, failure_reason, input_error_of
from mani_monai.utils.errors import counted

EXPRESSION = "$(_ for _ in ()).throw(__import__('mani_monai.utils').utils.InputError('data.json: broken; mend it.'))"


def refuse(item):
    raise InputError("x.png: broken; mend it.")


class Refusing(torch.utils.data.Dataset):
    """A data set that refuses by itself, with no transform around it."""

    def __len__(self):
        return 1

    def __getitem__(self, index):
        refuse(index)


def line_of(call):
    try:
        call()
    except Exception as error:
        return str(input_error_of(error))


def test_it_is_a_value_error():
    with pytest.raises(ValueError, match=r"^x\.png: broken; mend it\.$"):
        refuse(None)


def test_is_found_behind_the_errors_of_the_config_parser():
    line = line_of(lambda: ConfigParser({"run": EXPRESSION}).get_parsed_content("run"))
    assert line == "data.json: broken; mend it."


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("data", [Dataset([{"image": 1}], refuse), Refusing()], ids=["transform", "dataset"])
def test_is_found_behind_those_of_transforms_and_workers(data, workers):
    """A worker hands on the text of a traceback alone."""
    loader = DataLoader(data, num_workers=workers, multiprocessing_context="fork" if workers else None)
    assert line_of(lambda: next(iter(loader))) == "x.png: broken; mend it."


def test_other_errors_are_none():
    assert input_error_of(ValueError("InputError: no traceback")) is None
    own = KeyError("a fault of its own")
    own.__context__ = InputError("x.png: broken; mend it.")  # raised while that was handled, not of it
    assert input_error_of(own) is None


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["start", "ValueError: first", "  at a line", "RuntimeError: second", ""], "ValueError: first"),
        (["torch.OutOfMemoryError: much", "end"], "torch.OutOfMemoryError: much"),
        (["data.json: broken; mend it.", " "], "data.json: broken; mend it."),
        (["an Error: in the middle", "last"], "last"),
        (["", "  "], "no output"),
        ([], "no output"),
    ],
)
def test_the_reason_of_a_failure_is_the_first_error_or_the_last_line(lines, reason):
    assert failure_reason(lines) == reason


def test_one_of_a_kind_has_no_s():
    assert [counted(number, "image") for number in (0, 1, 2)] == ["0 images", "1 image", "2 images"]
    assert counted(1234, "nucleus", "nuclei") == "1,234 nuclei"
    assert counted(1, "nucleus", "nuclei") == "1 nucleus"
