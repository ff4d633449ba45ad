"""The exception for bad input: one line and exit status 1, wherever it is raised."""

from __future__ import annotations

import subprocess
import sys

import pytest
from monai.bundle import ConfigParser

from mani_monai.utils import InputError, failure_reason

EXPRESSION = "$(_ for _ in ()).throw(__import__('mani_monai.utils').utils.InputError('data.json: broken; mend it.'))"


def test_passes_through_the_config_parser():
    """MONAI wraps an exception of an expression in a RuntimeError; the line would drown in a traceback."""
    with pytest.raises(InputError, match=r"^data\.json: broken; mend it\.$"):
        ConfigParser({"run": EXPRESSION}).get_parsed_content("run")


def test_ends_a_process_with_its_line(command_environment):
    code = "from mani_monai.utils import InputError\nraise InputError('data.json: broken; mend it.')"
    done = subprocess.run([sys.executable, "-c", code], env=command_environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "data.json: broken; mend it.\n")


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
