"""How far runs are, from their logs."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from studies import Method, Run
from studies.progress import TAIL, Pace, Position, ProgressTable, duration, read_position

MANI, OTHER = (Run("a", "b", Method(name, name), 0) for name in ("mani", "other"))


def written(folder, name, text, age=0):
    path = folder / name
    path.write_text(text)
    then = path.stat().st_mtime - age
    os.utime(path, (then, then))
    return path


def test_the_last_iteration_in_the_log(tmp_path):
    bar = "\rtraining: [{}/1500]  10%|█   , loss=0.1 [00:10<01:30]"
    written(tmp_path, "train.log", "Loading.\n" + "".join(bar.format(n) for n in range(1, 451)))
    assert (tmp_path / "train.log").stat().st_size > TAIL
    assert read_position(tmp_path) == Position("train", 450, 1500)


def test_what_ignite_writes_is_understood(tmp_path):
    from ignite.engine import Engine
    from ignite.handlers import ProgressBar

    log = io.StringIO()
    engine = Engine(lambda engine, batch: None)
    ProgressBar(desc="training", persist=True, file=log).attach(engine)
    engine.run(range(3), max_epochs=1)
    written(tmp_path, "train.log", log.getvalue())
    assert read_position(tmp_path) == Position("train", 3, 3)


def test_before_the_first_iteration_and_in_an_evaluation(tmp_path):
    assert read_position(tmp_path) is None
    written(tmp_path, "train.log", "Loading.\n", age=10)
    assert read_position(tmp_path) == Position("train")
    written(tmp_path, "evaluation_adabn.log", "training: [1/2]")
    assert read_position(tmp_path) == Position("evaluation_adabn")


def test_a_log_of_an_earlier_session_is_none(tmp_path):
    log = written(tmp_path, "train.log", "training: [3/9]", age=100)
    assert read_position(tmp_path, since=log.stat().st_mtime + 50) is None
    assert read_position(tmp_path, since=log.stat().st_mtime - 50) == Position("train", 3, 9)


def test_time_left_follows_the_pace():
    pace = Pace()
    assert pace.left(Position("train", 100, 500), now=10) is None
    assert pace.left(Position("train", 100, 500), now=12) is None
    assert pace.left(Position("train", 120, 500), now=20) == pytest.approx(10 / 20 * 380)
    assert pace.left(Position("train", 5, 500), now=30) is None  # it began anew


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


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (42, "0:42"), (725, "12:05"), (11229, "3:07:09")])
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_folder_is_read_by_path(tmp_path):
    assert read_position(Path(tmp_path / "none")) is None
