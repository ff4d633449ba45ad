"""A signal ends a process soon, also in the middle of one long call of C."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import pytest
from processes import started

from mani_monai.utils.prompt_end import prompt_end

LONG = """
import hashlib
import signal
from threading import Timer
from mani_monai.utils.prompt_end import prompt_end
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has what runs in its background ignore it
with prompt_end(lambda: "stopped: go on.", 0.2):
    Timer(1, print, ["begun"], {"flush": True}).start()  # once the call below has begun
    hashlib.pbkdf2_hmac("sha256", b"word", b"salt", 2 * 10**9)  # one call of half an hour, which lets other threads run
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_call_of_half_an_hour_is_ended_in_one_line(number):
    with started([sys.executable, "-c", LONG], stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        try:
            assert process.wait(60) == 1
        finally:
            process.kill()
        assert process.stderr.read() == "\nstopped: go on.\n"


@pytest.fixture
def handled_interrupt():
    """A shell has what runs in its background ignore an interrupt, and this process would, too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("handled_interrupt")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_between_two_steps_of_python_it_is_an_interrupt(number):
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    with pytest.raises(KeyboardInterrupt), prompt_end(lambda: "never said"):
        signal.raise_signal(number)
    assert {each: signal.getsignal(each) for each in before} == before
    assert signal.set_wakeup_fd(-1) == -1


def test_an_ignored_signal_stays_ignored():
    """A shell has its background ignore the interrupt that ends what is in front."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with prompt_end(lambda: "never said", 0.01):
            signal.raise_signal(signal.SIGINT)
            time.sleep(0.1)  # longer than the thread would wait
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows forks no process")
def test_a_child_s_signals_are_its_own():
    with prompt_end(lambda: "never said", 0.01):
        child = os.fork()
        if not child:
            os._exit(int(signal.set_wakeup_fd(-1) != -1))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_in_another_thread_nothing_changes():
    seen = []

    def work() -> None:
        with prompt_end(lambda: "never said"):
            seen.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
