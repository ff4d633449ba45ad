"""A command that starts its work once its whole command line is understood."""

from __future__ import annotations

import functools
import inspect
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
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

    function: Callable[..., Any]
    given: inspect.BoundArguments

    def __dir__(self) -> tuple[str, ...]:
        """Empty: fire would take a surplus word for the name of a member."""
        return ()


def run_command(
    commands: Callable[..., Any] | Mapping[str, Callable[..., Any]], arguments: Sequence[str] | None = None
) -> Any:
    """Runs a function by its command line: fire's, help included, but nothing starts before all of it is understood.

    Fire by itself calls the function and complains of an unknown flag afterwards, when the work is done; and it hands
    on values of any kind.

    Args:
        commands: the function, or one for each first word of the command line. One parameter a flag: those annotated
            ``str``, ``int``, ``float`` and ``bool``, or one of these and None, get nothing else; the function checks
            the others.
        arguments: the command line after the program; by default this process's own.

    Returns:
        What the function returns; None where only help was asked for.

    Raises:
        InputError: for a value of another kind than its flag's.
    """
    line = list(sys.argv[1:] if arguments is None else arguments)
    several = isinstance(commands, Mapping)
    # Fire would help with what it has come to by then, and name what tells it how to parse as a group of commands.
    if "--help" in line:
        return fire.Fire(commands, [*(line[:1] if several else []), "--help"])
    parts = {name: _understanding(part) for name, part in commands.items()} if several else _understanding(commands)
    found = fire.Fire(parts, line, serialize=lambda _: None)
    if not isinstance(found, _Understood):
        return None
    for name, value in found.given.arguments.items():
        _check_kind(name, value, str(found.given.signature.parameters[name].annotation))
    return found.function(*found.given.args, **found.given.kwargs)


def _understanding(function: Callable[..., Any]) -> Callable[..., _Understood]:
    """What fire calls in a function's place."""
    signature = inspect.signature(function)
    parsed = [name for name, parameter in signature.parameters.items() if str(parameter.annotation) not in TEXT]

    @SetParseFn(str)
    @SetParseFns(**dict.fromkeys(parsed, DefaultParseValue))
    @functools.wraps(function)
    def understood(*args: Any, **kwargs: Any) -> _Understood:
        return _Understood(function, signature.bind(*args, **kwargs))

    return understood


def end_on_signals() -> None:
    """Has an interrupt or a request to end be the end of a command that goes on where it was, without a traceback."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit("stopped: start the same command again to go on."))


def _check_kind(name: str, value: Any, kind: str) -> None:
    kind, _, optional = kind.partition(" | ")
    if optional == "None" and value is None:
        return
    if kind == "str" and value == "True":  # what fire makes of a flag without a value
        raise InputError(f"--{name}: needs a value.")
    if kind == "bool" and type(value) is not bool:
        raise InputError(f"--{name} {value}: takes no value; write --{name} alone, or leave it out.")
    if kind == "int" and type(value) is not int:
        raise InputError(f"--{name} {value}: is no whole number.")
    if kind == "float" and type(value) not in (int, float):
        raise InputError(f"--{name} {value}: is no number.")
