"""MONAI's workflow of the project's own configs, without the warnings that are for strangers' ones."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monai.bundle import ConfigWorkflow

OF_CONFIGS = "parsing config_file"
"""How MONAI begins its warning of strangers' configs; these are the project's own."""
OF_FOLDERS = "Not all config files are in"
"""How it begins its warning of several folders, which overlays have; the files that it asks for are named."""


def quiet_workflow(**arguments: Any) -> ConfigWorkflow:
    """A ``ConfigWorkflow`` of these arguments."""
    from monai.bundle import ConfigWorkflow

    logger = logging.getLogger("monai.bundle.workflows")
    logger.addFilter(_matters)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=OF_CONFIGS)
            return ConfigWorkflow(**arguments)
    finally:
        logger.removeFilter(_matters)


def _matters(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(OF_FOLDERS)
