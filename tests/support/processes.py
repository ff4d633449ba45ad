"""Other processes: waiting for what they do, and their end."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def wait_for(path: Path, process: subprocess.Popen, seconds: float = 1800) -> None:
    """Returns once a file is there; fails where the process ends or the time is up before it is."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        if path.exists():
            return
        time.sleep(0.1)
    raise AssertionError(f"{path} never came")


@contextmanager
def started(words: Sequence[str], **options: Any) -> Iterator[subprocess.Popen]:
    """A process that does not outlive the block, however that ends: ``Popen`` by itself waits for its end for ever."""
    with subprocess.Popen(words, **options) as process:
        try:
            yield process
        finally:
            process.kill()
