"""The program ``mani``: its first word names a command, whose module is imported then."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from io import TextIOWrapper
from typing import Any

from mani_monai.utils import command_line
from mani_monai.utils.command_line import HELP, nearest_command, run_command
from mani_monai.utils.one_line import ending_in_one_line
from mani_monai.utils.printing import open_streams

PROGRAM = "mani"
COMMANDS = {
    "demo": "infer.demo_command:demo",
    "infer": "infer.infer_command:infer",
    "prepare": "prepare.prepare_command:COMMANDS",
    "adapt": "adapt.adapt_command:adapt",
    "train": "train.train_command:train",
    "evaluate": "steps.steps_command:evaluate",
    "calibrate": "steps.steps_command:calibrate",
    "reestimate": "steps.steps_command:reestimate",
    "average": "steps.steps_command:average",
    "prototypes": "steps.steps_command:prototypes",
    "export": "export.export_command:export",
    "inspect": "inspect.inspect_command:inspect",
    "configs": "configs.configs_command:configs",
    "label": "label.label_command:label",
    "slides": "slides.slides_command:slides",
    "sample": "infer.sample_command:sample",
    "toy": "prepare.toy_command:toy",
}
"""Where each command is: a module of ``mani_monai.apps``, and a function in it or several by their names."""
ENVIRONMENT = {"OMP_WAIT_POLICY": "passive", "THP_MEM_ALLOC_ENABLE": "1"}
"""What PyTorch reads when it is imported: threads that wait leave the processor to other processes, and large tensors
get large pages, which the kernel clears in less time."""


def main(arguments: Sequence[str] | None = None, first: str | None = None) -> None:
    """Runs a command and ends the process with its status.

    Args:
        arguments: the command line after the program; by default this process's own.
        first: the command, where the program is one command's script.

    Raises:
        SystemExit: always; with the command's status, or the line of a refusal.
    """
    if arguments is None:
        _check_here()
        open_streams()
        read_names_as_utf8()
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        for stream in (sys.stdout, sys.stderr):  # names in other bytes, and terminals without UTF-8
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
    line = list(sys.argv[1:] if arguments is None else arguments)
    line = [first, *line] if first else line
    broken = [word for word in line if len(word.splitlines()) > 1 or word.endswith(("\n", "\r"))]
    if broken:
        sys.exit(f"{PROGRAM}: {broken[0]!r} holds a line break; write it on one line.")
    if signal.getsignal(signal.SIGTERM) != signal.SIG_IGN:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # a request to end is an interrupt
    if not line or line[0] in HELP:
        with ending_in_one_line():
            print(listing(), flush=True)
    elif line[0] == "--version":
        print(f"{PROGRAM} {version('mani-monai')}")
    elif line[0] not in COMMANDS:
        sys.exit(nearest_command(line[0], list(COMMANDS), PROGRAM))
    else:
        sys.exit(run_command(command(line[0]), line[1:], f"{PROGRAM} {line[0]}"))
    sys.exit(0)


def _check_here() -> None:
    """Refuses a current folder that was removed, from which PyTorch cannot be loaded."""
    try:
        os.getcwd()
    except OSError:
        sys.exit(f"{PROGRAM}: the current folder is not there any more; change to another one.")


def read_names_as_utf8() -> None:
    """Starts this process anew in Python's UTF-8 mode, where the locale would take names of files for other bytes.

    Files are written in UTF-8 whatever the locale; so are their names.
    """
    if sys.getfilesystemencoding() != "utf-8" and "utf8" not in sys._xoptions:
        line = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
        os.execve(sys.executable, line, {**os.environ, "PYTHONUTF8": "1"})


def command(name: str) -> Callable[..., Any] | Mapping[str, Callable[..., Any]]:
    """The function of a command, or several by the next word."""
    module, _, member = COMMANDS[name].partition(":")
    return getattr(importlib.import_module(f"mani_monai.apps.{module}"), member)


def listing() -> str:
    """All commands with the first line of what each says of itself."""
    title = "Finds nuclei in tissue images, and adapts to other tissues without their labels.\n"
    return "\n".join([title, command_line.listing({name: _summary(name) for name in COMMANDS}, PROGRAM)])


def _summary(name: str) -> str:
    described: Any = command(name)
    if isinstance(described, Mapping):  # several: their module says what they are
        described = sys.modules[f"mani_monai.apps.{COMMANDS[name].partition(':')[0]}"]
    return command_line.summary(described)


if __name__ == "__main__":
    main()
