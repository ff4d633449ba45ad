"""What a command prints: lines that nobody reads any more end no work, and no bar stands still for long."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from threading import Event, Thread
from typing import Any, TextIO

STREAMS = ("stdout", "stderr")


@contextmanager
def lasting_output(names: Sequence[str] = STREAMS) -> Iterator[None]:
    """Lets what is printed vanish once it reaches nobody, say by ``| head -1``: the files still get written.

    Without it the next line that is printed ends the work.

    Args:
        names: of the streams of ``sys``.
    """
    before = {name: getattr(sys, name) for name in names}
    for name, stream in before.items():
        setattr(sys, name, _Lasting(stream))
    try:
        yield
    finally:
        for name, stream in before.items():
            setattr(sys, name, stream)


class _Lasting:
    """A stream whose reader may go, or whose disk may be full."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            self._let_go()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            self._let_go()

    def _let_go(self) -> None:
        with suppress(OSError, ValueError):  # a stream without a file
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


def open_streams() -> None:
    """Opens what this process was started without, as by ``2>&-``: what is printed there goes nowhere.

    Else the next file that is opened has the number of the stream, and gets what a library in C prints.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
    for number, name in enumerate(STREAMS, start=1):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w"))


@contextmanager
def lines_between_bars() -> Iterator[None]:
    """Has a logged line clear all bars of tqdm before it and draw them anew below it.

    Without it the line goes on where a bar ends, and a piece of the bar stays behind.
    """
    emit, process = logging.StreamHandler.emit, os.getpid()

    def emit_between(self: logging.StreamHandler[Any], record: logging.LogRecord) -> None:
        module = sys.modules.get("tqdm.std")
        if module is None or os.getpid() != process:  # a fork's bars are not its own, and nobody frees their lock
            return emit(self, record)
        with module.tqdm.external_write_mode(self.stream):
            return emit(self, record)

    logging.StreamHandler.emit = emit_between
    try:
        yield
    finally:
        logging.StreamHandler.emit = emit


SECONDS = 5.0
"""From one drawing to the next of a bar whose step takes longer."""


@contextmanager
def moving_bars(seconds: float = SECONDS) -> Iterator[None]:
    """Draws all bars of tqdm anew in the meantime, so that a long step shows its time, and closes them at the end.

    A bar that an exception leaves is else closed once that is forgotten, which is after its line is printed.

    Args:
        seconds: from one drawing to the next.
    """
    end = Event()

    def beat() -> None:
        while not end.wait(seconds):
            for bar in _open_bars():
                with bar.get_lock(), suppress(OSError, ValueError):  # refresh() itself would keep the lock of an error
                    bar.refresh(nolock=True)

    thread = Thread(target=beat, name="moving bars", daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join(1)
        for bar in reversed(_open_bars()):
            bar.close()


@contextmanager
def phase(words: str) -> Iterator[None]:
    """A bar of a phase whose steps nobody counts: it shows for how long it has been going on.

    Args:
        words: what is done.
    """
    from tqdm import tqdm  # which other commands never need

    with tqdm(desc=words, bar_format="{desc}: {elapsed}"):
        yield


def phases(say: Callable[[str], None], number: int) -> Callable[[str], None]:
    """What tells a person each part of a long work as it begins: "1/4 checking the images", then "2/4 ...".

    Args:
        say: tells a line.
        number: how many parts there will be.
    """
    places = count(1)
    return lambda line: say(f"{next(places)}/{number} {line}")


def _open_bars() -> list[Any]:
    """The outermost first; none where nothing has imported tqdm."""
    module = sys.modules.get("tqdm.std")
    bars = list(getattr(module.tqdm, "_instances", ())) if module else []
    return sorted((bar for bar in bars if hasattr(bar, "start_t")), key=lambda bar: abs(bar.pos))  # made to the end
