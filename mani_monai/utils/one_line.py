"""Bad input as the one line that a process prints before it ends."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from .errors import InputError, input_error_of, input_line, is_cut_off
from .folders import SHORTEN, shown

BUNDLE_PROGRAM = "monai/bundle/__main__.py"
BROKEN_PIPE = 128 + 13
"""Status of a process whose output nobody reads any more, as shells give it."""
NO_PLACE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO}
"""What a file system says of a write by its descriptor, which names no file."""
EXTRAS = {
    "pyarrow": "slides", "shapely": "slides", "openslide": "slides", "tiffslide": "slides", "zarr": "slides",
    "imagecodecs": "slides", "highdicom": "dicom", "pydicom": "dicom", "submitit": "cluster", "ray": "ray",
    "pandas": "studies",
}  # fmt: skip
"""The extra of mani-monai that brings a module, by the module's name."""
STOPPED = "stopped: start the same command again to go on."


@contextmanager
def ending_in_one_line() -> Iterator[None]:
    """Ends the process with an :class:`~mani_monai.utils.InputError`'s line and status 1; for commands alone.

    Raises:
        SystemExit: in the place of an InputError, of an error that was raised from one, of a file system's refusal, and
            of an interrupt; with ``BROKEN_PIPE`` where nobody reads what is printed.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:  # a command says with it how to go on, where the same line would not
        raise SystemExit(str(interrupt) or STOPPED) from None
    except BrokenPipeError:  # a reader such as head has seen enough
        with suppress(OSError):  # so that nothing is written at the end, either
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(BROKEN_PIPE) from None
    except Exception as error:
        bad_input = input_error_of(error)
        if bad_input is not None:
            raise SystemExit(str(bad_input)) from error
        if (line := refusal_line(error)) is not None:
            raise SystemExit(line) from error
        raise


def refusal_line(error: BaseException | None) -> str | None:
    """What a file system refuses, or which extra is not installed, in one line.

    Args:
        error: of whose causes the first such counts.

    Returns:
        the line; None for any other error, and for one that was raised from none such.
    """
    while error is not None:
        if isinstance(error, OSError) and isinstance(error.filename, (str, bytes, os.PathLike)):
            remedy = SHORTEN if error.errno == errno.ENAMETOOLONG else "mend that, or name another place"
            return f"{shown(os.fsdecode(error.filename))}: {error.strerror}; {remedy}."
        if isinstance(error, OSError) and error.errno in NO_PLACE:
            return f"the file system refuses ({error.strerror}); free some space, or name another place."
        if is_cut_off(error):
            return "a file of weights cannot be written; free some space, or name another place."
        if (line := missing_extra(error)) is not None:
            return line
        error = error.__cause__
    return None


def missing_extra(error: BaseException) -> str | None:
    """The line on a package that an extra brings, where its lack is what an error says; None of any other error."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return None
    name = error.name.partition(".")[0]
    return f'the package {name} is missing; pip install "mani-monai[{EXTRAS[name]}]".' if name in EXTRAS else None


def file_line(path: Path, error: Exception) -> str:
    """What went wrong with a file, in one line that names it.

    Args:
        path: the file.
        error: what its work ended with.
    """
    line = " ".join(str(error).split()) or type(error).__name__
    if not isinstance(error, InputError):  # which names the very file that a disk refuses
        line = refusal_line(error) or f"{type(error).__name__}: {line[:200]}"
    return line if str(path) in line else f"{path}: {line}"


def is_bundle_run() -> bool:
    """Whether this process is ``python -m monai.bundle``, where no code of the project stands around the run."""
    return sys.argv[:1] != [] and sys.argv[0].replace("\\", "/").endswith(BUNDLE_PROGRAM)


def install_in_bundle_runs() -> None:
    """Has ``python -m monai.bundle`` print an InputError as one line; other processes are left alone.

    The package calls this on import, since a config's import is all that it sees of such a process.
    """
    if is_bundle_run() and sys.excepthook is not _print_line:
        sys.excepthook = _print_line
        make = logging.getLogRecordFactory()
        logging.setLogRecordFactory(lambda *args, **kwargs: _without_traceback(make(*args, **kwargs)))


def _print_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    line = input_error_of(error) or refusal_line(error)
    if line is None:
        sys.__excepthook__(kind, error, trace)
    else:
        print(line, file=sys.stderr)


def _without_traceback(record: logging.LogRecord) -> logging.LogRecord:
    """Ignite and MONAI log an error that ends a run, each with a traceback of its own."""
    error: Any = record.exc_info[1] if record.exc_info else None
    line = input_line(record.getMessage())
    if error is not None and (input_error_of(error) or refusal_line(error)) is not None:
        record.exc_info = None
    if line is not None:
        record.msg, record.args = line, ()
    return record
