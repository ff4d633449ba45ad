"""MONAI's workflow of the project's own configs, without the warnings that are for strangers' ones."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monai.bundle import ConfigWorkflow

OF_CONFIGS = "parsing config_file"
"""How MONAI begins its warning of strangers' configs; these are the project's own."""
OF_FOLDERS = "Not all config files are in"
"""How it begins its warning of several folders, which overlays have; the files that it asks for are named."""
OF_LOGGING = "Setting logging properties"
"""How it names the file that says how to log, as the first line that a user sees."""
OF_DICOM = "NvImgCodecPydicomReader"
"""How it begins its warning of a decoder for DICOM on a GPU; prepared images are no DICOM."""
OF_ENGINES = re.compile(r"Engine run (resuming|starting|finished)|Epoch\[\d+\] Complete")
"""How ignite begins the lines of an engine's start and end, of which each validation has two or three."""
OF_BEST = "Got new best metric"
"""How MONAI begins the line of an evaluator's best score, which says something of a validation alone."""
DICOM_LOGGER = "monai.data.nvimgcodec_pydicom_plugin"
"""Where the same is logged."""


@contextmanager
def quiet_workflow(trains: bool = True, **arguments: Any) -> Iterator[ConfigWorkflow]:
    """A ``ConfigWorkflow`` of these arguments, whose run in this block is quiet.

    It says nothing of decoders for DICOM and of starts and ends of engines, too.

    Args:
        trains: whether it trains; best scores are told then.
        arguments: of the workflow.
    """
    from monai.bundle import ConfigWorkflow

    is_told, of_dicom = (_is_told if trains else _is_told_of_steps), logging.getLogger(DICOM_LOGGER)
    with warnings.catch_warnings(), ExitStack() as undo:
        warnings.filterwarnings("ignore", message=OF_DICOM)
        undo.callback(of_dicom.setLevel, of_dicom.level)
        of_dicom.setLevel(logging.ERROR)
        logger = logging.getLogger("monai.bundle.workflows")
        logger.addFilter(_matters)
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=OF_CONFIGS)
                workflow = ConfigWorkflow(**arguments)
        finally:
            logger.removeFilter(_matters)
        for handler in logging.root.handlers:  # those that the workflow's logging.conf has made
            handler.addFilter(is_told)
            undo.callback(handler.removeFilter, is_told)
        yield workflow


def _matters(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith((OF_FOLDERS, OF_LOGGING))


def _is_told(record: logging.LogRecord) -> bool:
    return OF_ENGINES.match(record.getMessage()) is None


def _is_told_of_steps(record: logging.LogRecord) -> bool:
    return _is_told(record) and not record.getMessage().startswith(OF_BEST)
