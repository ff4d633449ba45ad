"""The workflow that is running: a config's expression has no other way to the config that it stands in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mani_monai.config_index import DESCRIPTION
from mani_monai.utils.files import weights_file

if TYPE_CHECKING:
    from monai.bundle import ConfigParser, ConfigWorkflow


def running_workflow() -> ConfigWorkflow:
    """The workflow whose ``initialize`` or ``run`` called this function, by way of an expression of its config.

    MONAI gives an expression the values it refers to, but not its parser. So this looks up the stack for the
    workflow's own frame, which is there both on the command line and in a workflow that a program makes.

    Raises:
        RuntimeError: when no workflow did.
    """
    from monai.bundle import ConfigWorkflow

    frame = sys._getframe(1)
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, ConfigWorkflow):
            return owner
        frame = frame.f_back
    raise RuntimeError("this function is for an expression of a bundle's config, which a workflow evaluates.")


def folder_of_run(written: str) -> str:
    """The folder of the run whose ``inference.json`` is running: one that was moved is where its config is.

    Args:
        written: where the run was made.

    Returns:
        the folder that holds the config's, where that has weights; else ``written``, as of a config that was copied.
    """
    try:
        folder = Path(running_workflow().config_root_path).absolute().parent
    except RuntimeError:
        return written
    return str(folder) if weights_file(folder).is_file() else written


def resolved_config(parser: ConfigParser) -> dict[str, Any]:
    """What a workflow's configs and overrides come to, as they stand in files: references are not followed."""
    return {name: value for name, value in parser.get().items() if name not in ("_meta_", DESCRIPTION)}


def component(parser: ConfigParser, key: str) -> dict[str, Any]:
    """The arguments of a component, references followed, and nothing made of it.

    Args:
        parser: the workflow's.
        key: of the component, such as ``network_def``.
    """
    return {name: parser.get_parsed_content(f"{key}::{name}") for name in parser.get(key) if name != DESCRIPTION}
