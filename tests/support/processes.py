"""Waiting for what another process does."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path


def wait_for(path: Path, process: subprocess.Popen, seconds: float = 1800) -> None:
    """Returns once a file is there; fails where the process ends or the time is up before it is."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        if path.exists():
            return
        time.sleep(0.1)
    raise AssertionError(f"{path} never came")
