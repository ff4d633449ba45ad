"""Progress bars of a command: none stands still for long, and none is drawn after the last word."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

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
                bar.refresh()

    thread = Thread(target=beat, name="moving bars", daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join(1)
        for bar in reversed(_open_bars()):
            bar.close()


def _open_bars() -> list[Any]:
    """The outermost first; none where nothing has imported tqdm."""
    module = sys.modules.get("tqdm.std")
    bars = list(getattr(module.tqdm, "_instances", ())) if module else []
    return sorted((bar for bar in bars if hasattr(bar, "start_t")), key=lambda bar: abs(bar.pos))  # made to the end
