"""A workflow of the project's own configs is quiet while it runs, and leaves the process as it was."""

from __future__ import annotations

import importlib
import json
import logging
import warnings

import pytest

from mani_monai.run.quiet_workflow import DICOM_LOGGER, OF_DICOM, quiet_workflow

WORDS = ["Engine run starting with max_epochs=1.", "Got new best metric of mean_dice: 0.5", "a line of its own"]


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "train.json"
    path.write_text(json.dumps({"initialize": [], "run": [], "finalize": []}))
    return {"config_file": str(path), "meta_file": None, "logging_file": False, "workflow_type": "train"}


def state():
    handlers = [(handler, [*handler.filters]) for handler in logging.root.handlers]
    return [*warnings.filters], logging.getLogger(DICOM_LOGGER).level, handlers


def said(caplog):
    caplog.clear()
    for word in WORDS:
        logging.getLogger("ignite").info(word)
    return caplog.messages


@pytest.mark.parametrize(("trains", "told"), [(True, WORDS[1:]), (False, WORDS[2:])])
def test_it_is_quiet_within_and_not_after(trains, told, config, caplog):
    importlib.import_module("monai.bundle")  # which sets filters

    caplog.set_level(logging.INFO)
    before = state()
    with quiet_workflow(trains, **config) as workflow:
        workflow.initialize()
        assert said(caplog) == told
        with warnings.catch_warnings(record=True) as warned:
            warnings.warn(f"{OF_DICOM}: none", stacklevel=1)
        assert warned == []
    assert state() == before
    assert said(caplog) == WORDS


def test_an_error_leaves_no_filter_either(config):
    before = state()
    with pytest.raises(ZeroDivisionError), quiet_workflow(**config):
        raise ZeroDivisionError
    with pytest.raises(Exception, match="nowhere"), quiet_workflow(**{**config, "config_file": "nowhere.json"}):
        pass
    assert state() == before
