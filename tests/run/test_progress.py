"""How far a run is, from its log."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import pytest

from mani_monai.run.progress import TAIL, LinesInPlace, Pace, Position, duration, read_position, watched
from mani_monai.utils import InputError


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


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (42, "0:42"), (725, "12:05"), (11229, "3:07:09")])
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_folder_is_read_by_path(tmp_path):
    assert read_position(Path(tmp_path / "none")) is None


def test_a_training_is_watched_until_it_ends(tmp_path, capsys, monkeypatch):
    told = threading.Event()
    write = LinesInPlace.write
    monkeypatch.setattr(LinesInPlace, "write", lambda *words: (write(*words), told.set()))

    def train():
        written(tmp_path, "train.log", "training: [3/9]")
        assert told.wait(300), "nothing was said"
        return "done"

    assert watched(train, tmp_path, "mani", lambda: None, 0.01) == "done"
    assert capsys.readouterr().err.splitlines()[0] == "  mani: train 3/9"


def test_what_is_interrupted_is_stopped_and_an_error_comes_out(tmp_path):
    stopped = []

    def fail():
        raise InputError("the reason")

    with pytest.raises(InputError, match="the reason"):
        watched(fail, tmp_path, "mani", lambda: stopped.append(True), 0.01)
    assert stopped == [True]
