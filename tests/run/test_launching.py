"""Child processes: what they used, and their end."""

from __future__ import annotations

import os
import sys
import threading
import time

import pytest

from mani_monai.run.launching import Launcher

SLEEP = [sys.executable, "-c", "import time; print('began', flush=True); time.sleep(900)"]


def code(text):
    """The interpreter alone, which starts in some ten milliseconds."""
    return [sys.executable, "-I", "-S", "-c", text]


def wait_for(path, text, seconds=300):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if path.exists() and text in path.read_text():
            return
        time.sleep(0.02)
    raise AssertionError(f"{path} never held {text!r}")


def test_what_a_process_used(tmp_path):
    """It holds 200 MiB and computes for a fifth of a second."""
    text = (
        "import time; held = bytearray(200 * 2**20); t = time.process_time()\nwhile time.process_time() - t < .2: pass"
    )
    usage = Launcher()(code(text), tmp_path / "log", os.environ)
    assert usage.status == 0
    assert usage.peak_memory_mib > 200
    assert 0.2 <= usage.cpu_seconds <= usage.seconds + 0.5
    idle = Launcher()(code("import time; time.sleep(.3)"), tmp_path / "log", os.environ)
    assert idle.seconds >= 0.3
    assert idle.cpu_seconds < usage.cpu_seconds


def test_output_and_errors_are_added_to_the_log(tmp_path):
    launch, log = Launcher(), tmp_path / "log"
    assert launch(code("print('one')"), log, os.environ).status == 0
    assert launch(code("import sys; sys.exit('two')"), log, os.environ).status == 1
    assert log.read_text() == "one\ntwo\n"


def test_environment_and_inherited_files(tmp_path):
    reading, writing = os.pipe()
    Launcher()(
        code(f"import os; os.write({writing}, os.environ['WORD'].encode())"), tmp_path / "log", {"WORD": "x"}, [writing]
    )
    os.close(writing)
    assert os.read(reading, 10) == b"x"
    os.close(reading)


def test_stop_ends_what_runs_and_what_is_still_started(tmp_path):
    launch, log, found = Launcher(), tmp_path / "log", []
    thread = threading.Thread(target=lambda: found.append(launch(SLEEP, log, os.environ)))
    thread.start()
    wait_for(log, "began")
    launch.stop()
    thread.join(300)
    assert found[0].status == -15
    assert not launch.running
    assert launch(SLEEP, log, os.environ).status == -15


def test_a_process_does_not_outlive_an_interruption(tmp_path, monkeypatch):
    def interrupted(process, flags):
        wait_for(tmp_path / "log", "began")
        raise KeyboardInterrupt

    launch = Launcher()
    monkeypatch.setattr(os, "wait4", interrupted)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        launch(SLEEP, tmp_path / "log", os.environ)
    assert time.monotonic() - start < 600
    assert not launch.running
