"""A command that starts its work once its whole command line is understood."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import fire
from fire.decorators import SetParseFn, SetParseFns
from fire.parser import DefaultParseValue

from .errors import InputError

TEXT = {"str", "str | None"}
"""Annotations of values that stay as they were typed: fire itself would make a number of the folder 2024."""


@dataclass(frozen=True)
class _Understood:
    """A command line that fits a function; fire has nothing left to do with it."""

    given: inspect.BoundArguments


def run_command(function: Callable[..., Any], arguments: Sequence[str] | None = None) -> Any:
    """Runs a function by its command line: fire's, help included, but nothing starts before all of it is understood.

    Fire by itself calls the function and complains of an unknown flag afterwards, when the work is done; and it hands
    on values of any kind.

    Args:
        function: one parameter a flag. Those annotated ``str``, ``int``, ``float`` and ``bool``, or one of these and
            None, get nothing else; the function checks the others.
        arguments: the command line after the program; by default this process's own.

    Returns:
        What the function returns; None where only help was asked for.

    Raises:
        InputError: for a value of another kind than its flag's.
    """
    signature = inspect.signature(function)
    kinds = {name: str(parameter.annotation) for name, parameter in signature.parameters.items()}

    @SetParseFn(str)
    @SetParseFns(**{name: DefaultParseValue for name, kind in kinds.items() if kind not in TEXT})
    @functools.wraps(function)
    def understood(*args: Any, **kwargs: Any) -> _Understood:
        return _Understood(signature.bind(*args, **kwargs))

    line = list(sys.argv[1:] if arguments is None else arguments)
    line = ["--help"] if "--help" in line else line  # fire would help with what it has come to by then
    found = fire.Fire(understood, line, serialize=lambda _: None)
    if not isinstance(found, _Understood):
        return None
    for name, value in found.given.arguments.items():
        _check_kind(name, value, kinds[name])
    return function(*found.given.args, **found.given.kwargs)


def _check_kind(name: str, value: Any, kind: str) -> None:
    kind, _, optional = kind.partition(" | ")
    if optional == "None" and value is None:
        return
    if kind == "bool" and type(value) is not bool:
        raise InputError(f"--{name} {value}: takes no value; write --{name} alone, or leave it out.")
    if kind == "int" and type(value) is not int:
        raise InputError(f"--{name} {value}: is no whole number.")
    if kind == "float" and type(value) not in (int, float):
        raise InputError(f"--{name} {value}: is no number.")
