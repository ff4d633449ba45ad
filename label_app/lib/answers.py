"""What goes wrong, as an HTTP answer of one line."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import HTTPException

from mani_monai.utils import InputError, input_error_of

logger = logging.getLogger(__name__)


class Answer:
    """Errors of a kind that fits the place where they are raised.

    Args:
        over_http: whether a client waits for an answer; else a process of its own ends with a line.
    """

    def __init__(self, over_http: bool) -> None:
        self.over_http = over_http

    def missing(self, line: str) -> BaseException:
        """The error for what is not there: status 404."""
        return HTTPException(404, line) if self.over_http else InputError(line)


@contextmanager
def answering(over_http: bool) -> Iterator[Answer]:
    """Turns errors of a block into HTTP answers: bad input into status 400, what nobody foresaw into 500.

    Args:
        over_http: as for :class:`Answer`; False ends the process with the line of bad input, and passes on the rest.
    """
    try:
        yield Answer(over_http)
    except HTTPException:
        raise
    except Exception as error:
        bad_input = input_error_of(error)
        if bad_input is not None:
            line = " ".join(str(bad_input).split())
            raise (HTTPException(400, line) if over_http else SystemExit(line)) from error
        if not over_http:
            raise
        logger.exception("A request failed.")
        line = str(error).strip().splitlines()
        raise HTTPException(500, f"{type(error).__name__}: {line[0] if line else 'no message'}") from error
