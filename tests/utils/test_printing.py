"""A command whose reader has gone still writes its files; bars move while a step is long."""

from __future__ import annotations

import errno
import io
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tqdm import tqdm

from mani_monai.utils import InputError
from mani_monai.utils.command_line import run_command
from mani_monai.utils.printing import lasting_output, lines_between_bars, moving_bars

WORK = """
import sys
from pathlib import Path
from contextlib import nullcontext
from mani_monai.utils.printing import lasting_output
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


def test_a_bar_moves_while_its_step_is_long():
    drawn = io.StringIO()
    with moving_bars(0.01):
        bar = tqdm(total=1, file=drawn)
        before = drawn.getvalue().count("\r")
        for _ in range(500):
            if drawn.getvalue().count("\r") > before + 1:
                break
            time.sleep(0.01)
    assert drawn.getvalue().count("\r") > before + 1
    assert bar.disable  # closed


@pytest.mark.parametrize("error", [KeyboardInterrupt(), InputError("a: broken; mend it.")])
def test_no_bar_is_drawn_after_the_last_word(error):
    drawn = io.StringIO()
    bars = []

    def command() -> None:
        bars.extend([tqdm(range(3), "outer", file=drawn), tqdm(range(9), "inner", file=drawn, leave=False)])
        for _ in bars[0]:
            for _ in bars[1]:
                raise error

    with pytest.raises(SystemExit):
        run_command(command, [], "x")
    ended = drawn.getvalue()
    assert all(bar.disable for bar in bars)
    bars.clear()
    assert drawn.getvalue() == ended


class Disk(io.StringIO):
    """A file on a disk that may be full."""

    full = False

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(text)


def test_a_bar_that_cannot_be_drawn_keeps_no_other_waiting(command_environment):
    """It did for ever: the lock of all bars was left with a thread that had ended."""
    code = (
        "import time\nfrom test_printing import Disk, moving_bars, tqdm\n"
        "disk = Disk()\nwith moving_bars(0.01):\n    bar = tqdm(total=1, file=disk)\n    disk.full = True\n"
        "    time.sleep(0.2)\n    disk.full = False\n    bar.close()\n"  # after several drawings
    )
    path = os.pathsep.join([command_environment["PYTHONPATH"], str(Path(__file__).parent)])
    environment = command_environment | {"PYTHONPATH": path}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)


def test_a_full_disk_beside_the_work_ends_none(monkeypatch):
    disk = Disk()
    disk.full = True
    monkeypatch.setattr(sys, "stderr", disk)

    def command() -> str:
        print("said", file=sys.stderr, flush=True)
        return "".join(tqdm("done", mininterval=0))

    assert run_command(command, [], "x") == "done"
    with pytest.raises(OSError, match="No space"):
        print("said", file=sys.stderr)


def test_no_bar_is_no_trouble(monkeypatch):
    monkeypatch.delitem(sys.modules, "tqdm.std")
    with moving_bars(0.001):
        time.sleep(0.01)


def test_a_line_between_bars_stands_alone(monkeypatch):
    """The bar and the line go to one terminal, by two streams."""
    terminal = io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(sys, "stdout", terminal)
    handler = logging.StreamHandler(terminal)
    with lines_between_bars(), tqdm(total=2, desc="training", file=terminal, leave=False):
        handler.emit(logging.makeLogRecord({"msg": "a better one"}))
    before, _, after = terminal.getvalue().partition("a better one\n")
    assert before.rpartition("\r")[2].strip() == ""  # the bar is cleared before the line
    assert after.lstrip("\r").startswith("training:")  # and drawn below it
    handler.emit(logging.makeLogRecord({"msg": "as before"}))
    assert terminal.getvalue().endswith("\ras before\n")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows forks no process")
def test_a_fork_says_its_lines_though_a_bar_was_being_drawn(monkeypatch):
    """The thread that draws, and would free the lock of all bars, is not there in a fork."""
    drawing, forked = threading.Event(), threading.Event()

    def draw() -> None:
        with tqdm.get_lock():
            drawing.set()
            forked.wait(60)

    thread = threading.Thread(target=draw)
    with lines_between_bars():
        thread.start()
        assert drawing.wait(60)
        child = os.fork()
        if not child:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(30)  # which ends it
            logging.StreamHandler(io.StringIO()).emit(logging.makeLogRecord({"msg": "a line"}))
            os._exit(0)
        forked.set()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    thread.join(60)


@pytest.mark.skipif(os.name == "nt", reason="a shell of Unix")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_takes_what_is_printed(closed, tmp_path, command_environment):
    code = (
        "import os, sys\nfrom mani_monai.utils.printing import open_streams\nopen_streams()\n"
        "file = open(sys.argv[1], 'w')\n"
        "print('one', flush=True)\nprint('two', file=sys.stderr)\nos.write(1, b'a')\nos.write(2, b'b')\n"
        "file.write('done')\n"
    )
    line = ["sh", "-c", f'exec "$0" "$@" {closed}', sys.executable, "-c", code, str(tmp_path / "file")]
    done = subprocess.run(line, env=command_environment, capture_output=True, text=True)
    streams = {"stdout": "" if ">&-" in closed.split() else "one\na", "stderr": "" if "2>&-" in closed else "two\nb"}
    assert {"stdout": done.stdout, "stderr": done.stderr} == streams
    assert done.returncode == 0
    assert (tmp_path / "file").read_text() == "done"


def test_lines_without_bars_are_lines(monkeypatch):
    monkeypatch.delitem(sys.modules, "tqdm.std")
    said = io.StringIO()
    with lines_between_bars():
        logging.StreamHandler(said).emit(logging.makeLogRecord({"msg": "a line"}))
    assert said.getvalue() == "a line\n"
