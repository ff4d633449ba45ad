"""Bad input ends a command, and a run of MONAI's bundle program, with one line; it leaves other programs alone."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
from warm_python import run_python

from mani_monai.utils import InputError
from mani_monai.utils.folders import replacing
from mani_monai.utils.one_line import ending_in_one_line, file_line

RAISING = "__import__('refusals').refuse('data.json: broken; mend it.')"
DURING_A_RUN = {
    "_target_": "SupervisedEvaluator",
    "device": "$torch.device('cpu')",
    "val_data_loader": {
        "_target_": "DataLoader",
        "dataset": {"_target_": "Dataset", "data": [{"image": 1}], "transform": f"$lambda item: {RAISING}"},
        "num_workers": 1,
    },
    "network": "$torch.nn.Identity()",
    "val_handlers": [{"_target_": "StatsHandler", "output_transform": "$lambda output: None"}],
}


def test_a_command_ends_with_the_line():
    with pytest.raises(SystemExit, match=r"^a\.png: broken; mend it\.$"), ending_in_one_line():
        raise RuntimeError("Failed to evaluate") from InputError("a.png: broken; mend it.")


def test_an_interrupt_is_a_line_too():
    with pytest.raises(SystemExit, match=r"^stopped: start the same command again to go on\.$"), ending_in_one_line():
        raise KeyboardInterrupt


def test_an_interrupt_says_how_to_go_on_where_it_knows():
    with pytest.raises(SystemExit, match=r"^stopped: name --resume\.$"), ending_in_one_line():
        raise KeyboardInterrupt("stopped: name --resume.")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the file system refuses (No space left on device); free "),
        (OSError(errno.EROFS, "Read-only file system", "/a"), "/a: Read-only file system; mend that, or name "),
        (PermissionError(errno.EACCES, "Permission denied", b"/a\xfc\n"), "/a\\xfc\\n: Permission denied; mend that, "),
        (RuntimeError("[enforce fail at inline_container.cc] PytorchStreamWriter failed"), "a file of weights cannot "),
    ],
)
@pytest.mark.parametrize("wrapped", [True, False])
def test_what_a_file_system_refuses_is_a_line(error, line, wrapped):
    outer = RuntimeError("Failed to evaluate")
    outer.__cause__ = error
    with pytest.raises(SystemExit) as end, ending_in_one_line():
        raise outer if wrapped else error
    assert str(end.value).startswith(line)
    assert len(str(end.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("a.png: broken;\n mend it."), "a.png: broken; mend it."),
        (InputError("is broken; mend it."), "a.png: is broken; mend it."),
        (OSError(errno.EROFS, "Read-only file system", "a.png"), "a.png: Read-only file system; mend that, or name"),
        (OSError(errno.ENOSPC, "No space left on device"), "a.png: the file system refuses (No space left on device)"),
        (ValueError("odd\nend " + 300 * "x"), "a.png: ValueError: odd end xxx"),
        (MemoryError(), "a.png: MemoryError: MemoryError"),
    ],
)
def test_what_went_wrong_with_a_file_is_a_line_that_names_it(error, line):
    found = file_line(Path("a.png"), error)
    assert found.startswith(line)
    assert len(found.splitlines()) == 1
    assert len(found) < 250


@pytest.mark.parametrize("error", [OSError(errno.EINVAL, "Invalid argument"), OSError("odd"), RuntimeError("odd")])
def test_other_errors_of_a_system_keep_their_traceback(error):
    with pytest.raises(type(error)), ending_in_one_line():
        raise error


def test_a_fault_of_the_program_keeps_its_traceback():
    with pytest.raises(KeyError), ending_in_one_line():
        raise KeyError("a")


def run(config, tmp_path, environment, logging=False):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"imports": ["$import torch", "$import mani_monai.utils"], **config}))
    line = ["-m", "monai.bundle", "run", "--config_file", str(path)]
    line += [] if logging else ["--logging_file", "False"]
    support = f"{environment['PYTHONPATH']}/tests/support"
    environment = {**environment, "PYTHONPATH": f"{environment['PYTHONPATH']}:{support}"}
    return run_python(line, tmp_path, environment)


def test_a_bundle_run_ends_with_the_line(tmp_path, command_environment):
    done = run({"initialize": [f"${RAISING}"], "run": []}, tmp_path, command_environment)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "data.json: broken; mend it."
    assert "Traceback" not in done.stdout + done.stderr


def test_so_does_one_whose_worker_meets_it_in_the_midst(tmp_path, command_environment):
    """Ignite's engine and MONAI's handler each log the error, with the worker's traceback and their own."""
    done = run({"engine": DURING_A_RUN, "run": ["$@engine.run()"]}, tmp_path, command_environment)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "data.json: broken; mend it."
    assert "Traceback" not in done.stdout + done.stderr


def test_a_fault_in_a_bundle_run_keeps_its_traceback(tmp_path, command_environment):
    done = run({"initialize": ["$[][3]"], "run": []}, tmp_path, command_environment)
    assert done.returncode == 1
    assert "IndexError: list index out of range" in done.stderr
    assert "Traceback" in done.stderr


def test_another_program_gets_an_exception(tmp_path, command_environment):
    code = "import sys, mani_monai.utils as u\nassert sys.excepthook is sys.__excepthook__\nraise u.InputError('x')"
    done = run_python(["-c", code], tmp_path, command_environment)
    assert done.returncode == 1
    assert done.stderr.endswith("mani_monai.utils.errors.InputError: x\n")


def test_a_name_that_is_too_long_is_to_be_shortened(tmp_path):
    with pytest.raises(OSError, match="too long") as raised:
        (tmp_path / ("x" * 300)).touch()
    line = file_line(Path("a.png"), raised.value)
    assert line.endswith("too long; shorten the name of the file that it is made of, or that of its folder.")
    line = r"cannot be written \(.*too long\); shorten the name of the file"
    with pytest.raises(InputError, match=line), replacing(tmp_path / ("x" * 250)) as place:
        place.touch()
