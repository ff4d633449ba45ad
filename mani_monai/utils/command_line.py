"""A command that starts its work once its whole command line is understood."""

from __future__ import annotations

import difflib
import inspect
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import Any

import fire
from fire.parser import DefaultParseValue

from .errors import InputError
from .library_words import quiet_decoders
from .one_line import STOPPED, ending_in_one_line
from .printing import lasting_output, lines_between_bars, moving_bars

TEXT = {"str", "str | None"}
"""Annotations of values that stay as they were typed: fire itself would make a number of the folder 2024."""
HELP = ("--help", "-h")
_FLAG = re.compile(r"--.+|-[A-Za-z].*")

Command = Callable[..., Any]


def run_command(
    commands: Command | Mapping[str, Command], arguments: Sequence[str] | None = None, program: str | None = None
) -> Any:
    """Runs a function by its command line: values and help are fire's, what does not fit is said in one line.

    Fire by itself calls the function and complains of an unknown flag afterwards, when the work is done; and it hands
    on values of any kind.

    Args:
        commands: the function, or one for each first word of the command line. One parameter a flag: those annotated
            ``str``, ``int``, ``float`` and ``bool``, or one of these and None, get nothing else; the function checks
            the others.
        arguments: the command line after the program; by default this process's own.
        program: its name in messages and help.

    Returns:
        What the function returns.

    Raises:
        SystemExit: with its line for an InputError of the function, and for a line that does not fit; after help.
    """
    line = list(sys.argv[1:] if arguments is None else arguments)
    program = program or Path(sys.argv[0]).name
    with ending_in_one_line():
        if isinstance(commands, Mapping):
            if not line:
                raise InputError(f"{program}: name what to do: {', '.join(commands)}; {program} --help says more.")
            if line[0] in HELP:
                return _help(dict(commands), program)
            commands, program = _chosen(commands, line.pop(0), program)
        if any(word in HELP for word in line):
            return _help(commands, program)
        given = understood(commands, line, program)
        with quiet_decoders, lasting_output(["stderr"]), moving_bars(), lines_between_bars():
            result = commands(*given.args, **given.kwargs)
        sys.stdout.flush()
        return result


def _help(commands: Command | dict[str, Command], program: str) -> None:
    """Prints fire's help without what it says of itself, or a list of commands, and ends the process.

    Raises:
        SystemExit: with status 0.
    """
    if isinstance(commands, dict):
        print(listing({name: summary(each) for name, each in commands.items()}, program), flush=True)
        sys.exit(0)
    said = StringIO()
    with redirect_stdout(said), redirect_stderr(said), suppress(SystemExit):
        fire.Fire(commands, ["--help"], name=program)
    text = re.sub(r"^INFO: .*\n\n?", "", said.getvalue()).replace(f"'{program}'", program)
    text = re.sub(r"Type: Optional\['(\w+).*", r"Type: \1", re.sub(r"Type: '(\w+)'", r"Type: \1", text))
    print(text.rstrip("\n"), flush=True)
    sys.exit(0)


def listing(summaries: Mapping[str, str], program: str) -> str:
    """Commands with what each does, by name."""
    lines = [f"  {program} {name:<10} {text}" for name, text in summaries.items()]
    return "\n".join([*lines, "", f"{program} COMMAND --help says what each takes."])


def summary(described: Any) -> str:
    """The first line of what a function or module says of itself."""
    return (inspect.getdoc(described) or "").partition("\n")[0]


def understood(function: Command, line: Sequence[str], program: str) -> inspect.BoundArguments:
    """The values that a command line gives a function.

    Args:
        function: as for :func:`run_command`.
        line: the words after the program.
        program: its name in messages.

    Raises:
        InputError: for an unknown or repeated flag, a surplus word, a missing value, a value of another kind.
    """
    signature = inspect.signature(function)
    parameters = signature.parameters
    words, flags = _sorted_out(line)
    open_list = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters.values())
    given: dict[str, str] = {}
    for name, text in flags:
        if name not in parameters:
            raise InputError(f"--{name}: no such option of {program}; {_nearest(name, [*parameters], '--', program)}")
        if name in given:
            raise InputError(f"--{name}: is given twice; give it once.")
        given[name] = text
    if not open_list:
        needed = [name for name, parameter in parameters.items() if _is_needed(parameter)]
        by_flag = any(name in given for name in needed)  # words behind are a shell's, or meant as others
        free = [name for name in (needed if by_flag else parameters) if name not in given]
        if len(words) > len(free):
            raise InputError(_surplus(words[len(free) :], given, program))
        given |= dict(zip(free, words, strict=False))
        words = []
    missing = [name for name, parameter in parameters.items() if _is_needed(parameter) and name not in given]
    if missing:
        flags_missing = " and ".join(f"--{name}" for name in missing)
        raise InputError(f"{program}: needs {flags_missing}; {program} --help says more.")
    for name, text in given.items():
        if not text.strip() and str(parameters[name].annotation) in TEXT and parameters[name].default != "":
            raise InputError(f"--{name}: is empty; it needs a value.")
    values = {name: _value(name, text, str(parameters[name].annotation)) for name, text in given.items()}
    return signature.bind(*words, **values)


def end_on_signals() -> None:
    """Has an interrupt or a request to end be the end of a command, in one line and without a traceback.

    A signal that is ignored, as a shell has it for what runs in the background, stays so.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) == signal.SIG_IGN:
            continue
        signal.signal(number, lambda *_: sys.exit(STOPPED))


def nearest_command(word: str, known: Sequence[str], program: str) -> str:
    """What to say of a word that names no command."""
    return f"{word}: no such command of {program}; {_nearest(word, known, '', program)}"


def _chosen(commands: Mapping[str, Command], word: str, program: str) -> tuple[Command, str]:
    if word not in commands:
        raise InputError(nearest_command(word, list(commands), program))
    return commands[word], f"{program} {word}"


def _sorted_out(line: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Words that stand alone, and flags with their values; a flag without one is a switch."""
    words: list[str] = []
    flags: list[tuple[str, str]] = []
    rest = list(line)
    while rest:
        word = rest.pop(0)
        if not _FLAG.fullmatch(word):
            words.append(word)
            continue
        name, equals, value = word.lstrip("-").partition("=")
        if not equals:
            value = rest.pop(0) if rest and not _FLAG.fullmatch(rest[0]) else "True"
        flags.append((name.replace("-", "_"), value))
    return words, flags


def _is_needed(parameter: inspect.Parameter) -> bool:
    return parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL


def _nearest(word: str, known: Sequence[str], mark: str, program: str) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    near = near or [name for name in known if name.startswith(word)][:1]
    return f"did you mean {mark}{near[0]}?" if near else f"{program} --help names them."


def _surplus(words: Sequence[str], given: Mapping[str, str], program: str) -> str:
    more = f" (and {len(words) - 1} more)" if len(words) > 1 else ""
    suffix = Path(words[0]).suffix
    files = [name for name, value in given.items() if suffix and Path(value).suffix == suffix]
    if files:
        folder = Path(words[0]).parent
        return f"{words[0]}{more}: --{files[0]} takes one; a shell made many of a *: name their folder, {folder}."
    return f"{words[0]}{more}: one word too many; {program} --help names the options."


def _value(name: str, text: str, annotation: str) -> Any:
    if text.startswith(f"~{os.sep}"):  # a shell leaves it so behind the = of --out=~/nuclei
        text = os.path.expanduser(text)
    value = text if annotation in TEXT else DefaultParseValue(text)
    if annotation.startswith("float") and re.fullmatch(r"-?\d+,\d+", text):
        value = float(text.replace(",", "."))
    kind, _, optional = annotation.partition(" | ")
    if optional == "None" and value is None:
        return None
    if kind == "str" and value == "True":  # of a flag without a value
        raise InputError(f"--{name}: needs a value.")
    if kind == "bool" and type(value) is not bool:
        raise InputError(f"--{name} {value}: takes no value; write --{name} alone, or leave it out.")
    if kind == "int" and type(value) is not int:
        raise InputError(f"--{name} {text}: is no whole number.")
    if kind == "float" and type(value) not in (int, float):
        raise InputError(f"--{name} {text}: is no number.")
    return value
