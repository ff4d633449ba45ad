"""Words of the libraries that decode images, which stand on the screen beside the project's own line on a file."""

from __future__ import annotations

import ctypes
import logging
import warnings

from PIL import Image

_HANDLERS = ("TIFFSetErrorHandler", "TIFFSetWarningHandler")


def silence_decoders() -> None:
    """Has Pillow, tifffile and Pillow's libtiff print nothing of a damaged file: the project says it in one line.

    Libtiff prints to the process's standard error itself, past Python's. It is told not to by its own functions, which
    are found through Pillow. Where Pillow hides them, as in a build for Windows, libtiff goes on printing.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")
    for name in ("PIL", "tifffile"):
        logging.getLogger(name).addHandler(logging.NullHandler())
    try:
        pillow = ctypes.CDLL(Image.core.__file__)  # that is loaded already, and with it what it depends on
        for handler in _HANDLERS:
            getattr(pillow, handler)(None)
    except (OSError, AttributeError, TypeError):
        return
