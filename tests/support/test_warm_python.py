"""A warm process behaves as one that ``python`` starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from warm_python import run_python

HERE = "import os, sys; print(sys.argv, os.getcwd(), os.environ['SAID'], 'pytest' in sys.modules)"
FAULT = "raise ValueError('so it is')"
SCRIPT = "import beside; print(__name__, beside.NUMBER); raise SystemExit('a line')"


@pytest.fixture
def env(command_environment) -> dict[str, str]:
    return {**command_environment, "SAID": "yes"}


def test_what_python_would_do(tmp_path, env):
    (tmp_path / "beside.py").write_text("NUMBER = 3")
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "module.py").write_text(HERE)
    for words in (["-c", HERE, "a"], ["-m", "module", "a"], ["-c", FAULT], [tmp_path / "script.py"], ["-m", "none"]):
        warm = run_python(words, tmp_path, env)
        cold = subprocess.run([sys.executable, *words], cwd=tmp_path, env=env, capture_output=True, text=True)
        assert (warm.returncode, warm.stdout) == (cold.returncode, cold.stdout)
        assert warm.stderr.splitlines()[-1:] == cold.stderr.splitlines()[-1:] or words[-1] == "none"


def test_the_project_can_be_kept_out_and_monai_is_there(tmp_path, env):
    code = "import sys; print('monai.bundle' in sys.modules, [n for n in sys.modules if n.startswith('mani_monai')])"
    assert run_python(["-c", code], tmp_path, env).stdout == "True []\n"


def test_a_killed_one_has_the_signals_status(tmp_path, env):
    code = f"import os; print('a', flush=True); os.kill(os.getpid(), {int(signal.SIGKILL)})"
    done = run_python(["-c", code], tmp_path, env)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "a\n")


def test_one_that_does_not_end_is_killed(tmp_path):
    with pytest.raises(subprocess.TimeoutExpired):
        run_python(["-c", "import time; time.sleep(60)"], tmp_path, dict(os.environ), timeout=1)
