"""An interrupt ends a process soon, also in the middle of a call of C that takes minutes."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

SECONDS = 5.0
"""How long a process waits for the end of a call of C."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)
_noticed: list[socket.socket] = []
"""What the signals of this process are noticed by, innermost last."""


@contextmanager
def prompt_end(line: Callable[[], str], seconds: float = SECONDS) -> Iterator[None]:
    """Has an interrupt and a request to end raise ``KeyboardInterrupt``, and end the process where that cannot be.

    Python handles a signal between two of its own steps. One backward pass of a wide network on a CPU is one step, and
    takes a minute. A thread notices the signal at once. Where no step ends in time, it says the line and ends the
    process with status 1. What :func:`~mani_monai.utils.folders.replacing` writes is whole or absent then, too.

    Outside of the main thread, which alone handles signals, nothing changes. A signal that is ignored, as a shell has
    it for what runs in the background, stays so.

    Args:
        line: makes the last line.
        seconds: to wait for the end of a step.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handled = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        handled.set()
        raise KeyboardInterrupt

    ours, noticed = socket.socketpair()
    noticed.setblocking(False)
    kept = (signal.SIG_IGN, None)  # None is a handler that is not Python's, which could not be set again
    handlers = {number: handler for number in SIGNALS if (handler := signal.getsignal(number)) not in kept}
    for number in handlers:
        signal.signal(number, interrupt)
    before = signal.set_wakeup_fd(noticed.fileno(), warn_on_full_buffer=False)
    _noticed.append(noticed)
    threading.Thread(target=_watch, args=(ours, set(handlers), handled, line, seconds), daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        _noticed.remove(noticed)
        noticed.close()


def _watch(
    ours: socket.socket, numbers: set[signal.Signals], handled: threading.Event, line: Callable[[], str], seconds: float
) -> None:
    """Reads the numbers of signals as they come, until the other end closes."""
    with ours:
        while number := ours.recv(1):
            if number[0] in numbers and not handled.wait(seconds):
                with suppress(OSError):  # nobody reads it any more
                    os.write(2, f"\n{line()}\n".encode(errors="backslashreplace"))
                os._exit(1)


def _forget_in_child() -> None:
    """A child of a fork handles signals of its own, and shares this process's socket."""
    if _noticed:
        signal.set_wakeup_fd(-1)


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget_in_child)
