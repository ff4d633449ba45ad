"""One command of ``mani`` in this process, and what a user may never see of it."""

from __future__ import annotations

import io
import re
import signal
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from mani_monai.__main__ import main

_UNFORESEEN = re.compile(r"\b(?!InputError)[A-Z][A-Za-z]*(Error|Exception|Warning)\b(: |\()|Traceback")
_HALF = (".partial", ".tmp", ".old")


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        status: its exit status.
        text: what it printed, and the line of a refusal.
        faults: what must not be: a traceback, a library's own words, several lines, half a file.
    """

    status: int
    text: str
    faults: tuple[str, ...]

    @property
    def refused(self) -> bool:
        return self.status != 0


def run(line: Sequence[str], place: Path) -> Ended:
    """Runs ``mani`` with a command line.

    Args:
        line: the words after ``mani``.
        place: the folder of all that the command may write.
    """
    before = signal.getsignal(signal.SIGTERM)
    out, faults, refusal, status = io.StringIO(), [], "", 0
    try:
        with redirect_stdout(out), redirect_stderr(out):
            main([str(word) for word in line])
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        refusal = stop.code if isinstance(stop.code, str) else ""
    except BaseException as error:
        status, faults = 1, [f"{type(error).__name__}: {error}"]
    finally:
        signal.signal(signal.SIGTERM, before)
    text = f"{out.getvalue()}\n{refusal}".strip()
    if status not in (0, 1):
        faults.append(f"exit status {status}")
    if status == 1 and not text:
        faults.append("no word")
    if "\n" in refusal.strip() or len(refusal) > 700:
        faults.append(f"a refusal of more than a line: {refusal[:300]}")
    if _UNFORESEEN.search(text):
        faults.append(f"a library's words: {text[-300:]}")
    faults += [f"half a file: {path.relative_to(place)}" for path in place.rglob("*") if path.name.endswith(_HALF)]
    return Ended(status, text, tuple(faults))
