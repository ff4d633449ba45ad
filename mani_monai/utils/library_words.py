"""Words of the libraries that decode images, which stand on the screen beside the project's own line on a file.

It is no part of :mod:`mani_monai.utils.one_line`, which bundles carry: an inspection refuses code that imports ctypes.
"""

from __future__ import annotations

import ctypes
import logging
import threading
import warnings
from contextlib import ExitStack, suppress
from typing import Any

_HANDLERS = ("TIFFSetErrorHandler", "TIFFSetWarningHandler")
_LOGGERS = ("PIL", "tifffile")


class QuietDecoders:
    """A block in which Pillow, tifffile and Pillow's libtiff print nothing: the project says in one line what is wrong.

    They are one for the whole process, and so is this: blocks may lie in one another, and in several threads at once.
    Once the last one ends, all is as it was before the first one.

    Libtiff prints to the process's standard error itself, past Python's. It is told not to by its own functions, which
    are found through Pillow. Where Pillow hides them, as in a build for Windows, libtiff goes on printing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks = 0
        self._undo = ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._blocks:
                self._silence()
            self._blocks += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._blocks -= 1
            if not self._blocks:
                self._undo.close()

    def _silence(self) -> None:
        warnings.filterwarnings("ignore", module=r"PIL\.")
        self._undo.callback(_forget, warnings.filters[0])
        for name in _LOGGERS:
            logger, handler = logging.getLogger(name), logging.NullHandler()
            logger.addHandler(handler)
            self._undo.callback(logger.removeHandler, handler)
        from PIL import Image  # which many commands never need

        with suppress(OSError, AttributeError, TypeError):
            pillow = ctypes.CDLL(Image.core.__file__)  # that is loaded already, and with it what it depends on
            for name in _HANDLERS:
                replace = getattr(pillow, name)
                replace.argtypes, replace.restype = [ctypes.c_void_p], ctypes.c_void_p
                self._undo.callback(replace, replace(None))


def _forget(entry: Any) -> None:
    with suppress(ValueError):  # filters that were set anew in the meantime
        warnings.filters.remove(entry)  # pyright: ignore[reportAttributeAccessIssue]: a list


quiet_decoders = QuietDecoders()
"""The one of this process."""
