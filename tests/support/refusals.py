"""Refusals of bad input by a bundle's workflow, which MONAI wraps in errors of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mani_monai.utils import InputError, input_error_of


@contextmanager
def refusing(match: str = "") -> Iterator[list[str]]:
    """Fails unless the block raises an error that comes of an InputError whose line ``match`` is found in.

    Yields:
        a list that holds the line afterwards.
    """
    lines: list[str] = []
    try:
        yield lines
    except Exception as error:
        bad_input = input_error_of(error)
        if bad_input is None:
            raise
        lines.append(str(bad_input))
        assert re.search(match, lines[0]), lines[0]
    else:
        pytest.fail("nothing was refused")


def refuse(line: str) -> None:
    """Raises an InputError, for configs, whose expressions hold no statement."""
    raise InputError(line)
