"""A command whose reader has gone still writes its files; others end as before."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mani_monai.utils.lasting_output import lasting_output

WORK = """
import sys
from pathlib import Path
from contextlib import nullcontext
from mani_monai.utils.lasting_output import lasting_output
from mani_monai.utils.one_line import ending_in_one_line
with ending_in_one_line(), lasting_output() if sys.argv[2] == "lasting" else nullcontext():
    for number in range(50):
        print("x" * 4000, number, flush=True)
        print("y" * 4000, number, file=sys.stderr)
    Path(sys.argv[1]).write_text("done")
"""


def after_its_reader_left(tmp_path, environment, kind):
    """Status of a process whose reader takes one line of both streams and goes."""
    line = [sys.executable, "-c", WORK, str(tmp_path / "file"), kind]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment) as process:
        process.stdout.readline()
        process.stdout.close()
        return process.wait(120)


def test_files_are_written_when_the_reader_has_gone(tmp_path, command_environment):
    assert after_its_reader_left(tmp_path, command_environment, "lasting") == 0
    assert (tmp_path / "file").read_text() == "done"


def test_without_it_the_next_line_ends_the_work(tmp_path, command_environment):
    assert after_its_reader_left(tmp_path, command_environment, "plain") == 141
    assert not (tmp_path / "file").exists()


def test_a_reader_that_stays_reads_all(capsys):
    before = sys.stdout
    with lasting_output():
        print("seen")
        assert sys.stdout.encoding == before.encoding
    assert sys.stdout is before
    assert capsys.readouterr().out == "seen\n"


def test_other_errors_stay_errors():
    with pytest.raises(ZeroDivisionError), lasting_output():
        print(1 / 0)
