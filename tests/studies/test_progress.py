"""How far the runs of a table are."""

from __future__ import annotations

import io
import os

from mani_monai.run.progress import Position
from studies import Method, Run
from studies.runner import ProgressTable

MANI, OTHER = (Run("a", "b", Method(name, name), 0) for name in ("mani", "other"))


def test_lines(tmp_path):
    table = ProgressTable(4, io.StringIO())
    assert (
        table.lines({MANI: Position("train")}, 1, 0, now=-50)[1] == "  a__b__mani__seed0: train"
    )  # loading is no pace
    running = {MANI: Position("train", 100, 500), OTHER: Position("evaluation_plain")}
    assert table.lines(running, done=1, failed=0, now=0) == [
        "runs: 1 of 4 done, 2 running, 0 failed",
        "  a__b__mani__seed0: train 100/500",
        "  a__b__other__seed0: evaluation plain",
    ]
    running[MANI] = Position("train", 200, 500)
    assert table.lines(running, done=1, failed=0, now=100)[1] == "  a__b__mani__seed0: train 200/500, 5:00 left"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_is_written_anew_in_place(monkeypatch):
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((30, 24)))
    file = Terminal()
    table = ProgressTable(2, file)
    table.update({MANI: Position("train", 1, 9)}, 0, 0)
    first = file.getvalue()
    assert "\x1b[2A" not in first
    assert "\x1b[2K  a__b__mani__seed0: train 1/9"[:30] in first
    assert all(len(line.removeprefix("\x1b[2K")) < 30 for line in first.splitlines())
    table.update({}, 1, 0)
    assert file.getvalue()[len(first) :].startswith("\x1b[2A\x1b[2Kruns: 1 of 2")


def test_elsewhere_it_is_written_now_and_then_and_at_the_end():
    file = io.StringIO()
    table = ProgressTable(2, file, interval=1e6)
    table.last = float("-inf")
    for done in (0, 0, 1):
        table.update({}, done, 0)
    table.update({}, 2, 0, last=True)
    assert file.getvalue() == "runs: 0 of 2 done, 0 running, 0 failed\nruns: 2 of 2 done, 0 running, 0 failed\n"
