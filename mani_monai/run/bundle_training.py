"""A training of a bundle: its configs, its overrides, and what they come to."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fire.parser import DefaultParseValue

from mani_monai.config_index import DESCRIPTION
from mani_monai.utils import InputError

if TYPE_CHECKING:
    from monai.bundle import ConfigParser


@dataclass(frozen=True)
class BundleTraining:
    """A training as the command line of ``python -m monai.bundle run`` names it.

    Attributes:
        name: for messages.
        configs: paths of the config files, later ones last.
        options: overrides by name, as texts; data, split, seed and output folder are among them.
    """

    name: str
    configs: tuple[str, ...]
    options: Mapping[str, str]

    def parser(self, overlays: Sequence[str] = ()) -> ConfigParser:
        """The configs with their overrides, read as the command line reads them.

        Args:
            overlays: paths of further config files.

        Raises:
            InputError: when an option names a place that the configs do not have.
        """
        from monai.bundle import ConfigParser  # seconds, which a table with nothing left to run need not wait

        parser = ConfigParser()
        files = [*self.configs, *overlays]
        parser.read_config(files)
        for name, value in self.options.items():
            if name not in parser:
                raise InputError(f"{self.name}: there is no option {name!r} in {', '.join(files)}.")
            parser[name] = DefaultParseValue(value)
        return parser

    def resolved(self) -> dict[str, Any]:
        """What configs and overrides come to: one config that trains the same by itself."""
        parser = self.parser()
        parser.resolve_macro_and_relative_ids()
        return {name: value for name, value in parser.get().items() if name not in ("_meta_", DESCRIPTION)}

    def command(self, overlays: Sequence[str] = (), options: Mapping[str, str] | None = None) -> list[str]:
        """Program and arguments of a process that runs it.

        Args:
            overlays: paths of further config files, such as an evaluation's.
            options: further overrides.
        """
        command = [sys.executable, "-m", "monai.bundle", "run", "--config_file", str([*self.configs, *overlays])]
        for name, value in {**self.options, **(options or {})}.items():
            command += [f"--{name}", value]
        return command


def as_text(value: str) -> str:
    """A text so that the command line leaves it one: it would make a number of a data set called 2024."""
    return value if DefaultParseValue(value) == value else repr(value)
