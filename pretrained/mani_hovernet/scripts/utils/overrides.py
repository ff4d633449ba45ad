"""Mistyped options of a bundle's command line."""

from __future__ import annotations

import ast
import difflib
import sys
from collections.abc import Sequence
from typing import Any

from fire.parser import DefaultParseValue
from monai.bundle import ConfigParser

from .errors import InputError
from .one_line import is_bundle_run

RUN_OPTIONS = {
    "run_id",
    "init_id",
    "final_id",
    "meta_file",
    "config_file",
    "logging_file",
    "tracking",
    "args_file",
}


REFERENCES = ("$", "@", "%")
"""What texts begin with that a config evaluates."""
LEAST = {
    "iterations": 1,
    "epochs": 1,
    "epoch_length": 1,
    "batch_size": 1,
    "val_interval": 1,
    "checkpoint_interval": 1,
    "warmup": 0,
    "seed": 0,
    "num_workers": 0,
    "learning_rate": 0.0,
}
"""Least values of settings that are numbers; whole ones are given as such."""


def check_overrides(arguments: Sequence[str] | None = None) -> None:
    """Refuses an option of ``python -m monai.bundle run`` that MONAI takes silently, to no or another effect.

    That is one that no config file defines; of a switch, any text but "true", which would count as true; of a text,
    a name that is read as a number, say the folder 2024.

    Args:
        arguments: the command line after the program; by default this process's own, looked at only where the
            process is such a run.

    Raises:
        InputError: for the first unknown option, with the nearest known one; for a value that is read as another kind,
            or is out of its range.
    """
    if arguments is None:
        arguments = sys.argv[1:] if is_bundle_run() else []
    options = _options(arguments)
    if not options.get("config_file"):
        return
    parser = ConfigParser()
    parser.read_config(_file_list(options["config_file"]))
    for name in options.keys() - RUN_OPTIONS:
        if name not in parser:
            known = sorted({key for key in parser.get() if not key.startswith("_")} | RUN_OPTIONS)
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean --{near[0]}?" if near else f"known ones: {', '.join(known)}."
            raise InputError(f"--{name}: no such option in {options['config_file']}; {hint}")
        _check_kind(name, options[name], parser.get(name))
        check_range(name, options[name])


def _check_kind(name: str, text: str, default: Any) -> None:
    value = DefaultParseValue(text)
    if isinstance(value, str) and value[:1] in REFERENCES:
        return
    if isinstance(default, bool) and not isinstance(value, bool) and value != "true":
        raise InputError(f"--{name} {text}: is a switch; write it with a capital, --{name} True or --{name} False.")
    named = isinstance(default, str) and (default[:1] not in REFERENCES or name.endswith("_dir"))
    if named and isinstance(value, (int, float)) and not isinstance(value, bool):
        raise InputError(f"--{name} {text}: is read as the number {value}; write it as --{name} \"'{text}'\".")


def check_switch(name: str, value: Any, default: Any) -> None:
    """Refuses what is neither true nor false where a setting is a switch: any text would count as true.

    Args:
        name: of the setting.
        value: that it gets.
        default: that it has.

    Raises:
        InputError: for such a value.
    """
    evaluated = isinstance(value, str) and value[:1] in REFERENCES
    if isinstance(default, bool) and not isinstance(value, bool) and not evaluated:
        raise InputError(f"--{name} {value}: is a switch; write True or False.")


def check_range(name: str, text: str) -> None:
    """Refuses a number that a setting of the configs cannot have; other settings pass.

    Raises:
        InputError: when it is too small, not whole where it has to be, or no number.
    """
    least, value = LEAST.get(name), DefaultParseValue(text)
    if least is None or (isinstance(value, str) and value[:1] in REFERENCES):
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= least:
        raise InputError(f"--{name} {text}: is no number from {least} on.")
    if isinstance(value, float) and isinstance(least, int):
        raise InputError(f"--{name} {text}: is no whole number.")


def _options(arguments: Sequence[str]) -> dict[str, str]:
    options = {}
    for position, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument.startswith("--"):
            name, equals, value = argument[2:].partition("=")
            following = arguments[position + 1] if position + 1 < len(arguments) else "True"
            following = "True" if following.startswith("--") else following  # as fire reads a flag without a value
            options[name.replace("-", "_").replace("#", "::")] = value if equals else following
    return options


def _file_list(text: str) -> list[str]:
    """One path, or a list of paths as the command line takes it."""
    return list(ast.literal_eval(text)) if text.startswith("[") else text.split(",")
