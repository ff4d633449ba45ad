"""The program ``mani``: what it lists, how fast it answers, what it refuses."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys

import pytest

from mani_monai.__main__ import COMMANDS, command, listing, main


def test_every_command_is_listed_with_a_line():
    lines = [line for line in listing().splitlines() if line.startswith("  mani ")]
    assert [line.split()[1] for line in lines] == list(COMMANDS)
    assert all(len(line.split(maxsplit=2)[2]) > 20 and line.endswith(".") for line in lines)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_answers_within_a_second_of_the_processor(name, command_environment):
    """The time of the process, not of the clock: tests share the machine."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    line = [sys.executable, "-m", "mani_monai", name, "--help"]
    done = subprocess.run(line, env=command_environment, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0
    text = done.stdout + done.stderr
    assert f"mani {name}" in text
    assert "DESCRIPTION" in text or "COMMANDS" in text
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1


def test_the_listing_imports_nothing_heavy(command_environment):
    code = "import sys, mani_monai.__main__ as m; m.listing(); print({'torch', 'numpy', 'PIL'} & {*sys.modules})"
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, env=command_environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "set()")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["infr"], "infr: no such command of mani; did you mean infer?"),
        (["infer", "--mppp", "1"], "--mppp: no such option of mani infer; did you mean --mpp?"),
        (["infer", "--bundle", "b"], "mani infer: needs --images and --out; mani infer --help says more."),
        (["prepare", "tnbx"], "tnbx: no such command of mani prepare; did you mean tnbc?"),
        (["prepare", "tnbc"], "mani prepare tnbc: needs --root; mani prepare tnbc --help says more."),
    ],
)
def test_refusals_are_one_line_without_words_of_fire(line, said):
    with pytest.raises(SystemExit) as stop:
        main(line)
    assert stop.value.code == said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_command_in_one_line(number, tmp_path, command_environment):
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background job ignores it
        "import mani_monai.__main__ as m, mani_monai.apps.prepare.toy_command as c\n"
        f"c.toy = lambda: signal.raise_signal({int(number)})\nm.main(['toy'])"
    )
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, env=command_environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "stopped: start the same command again to go on.\n")


def test_the_status_is_the_commands(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["inspect", str(tmp_path)])  # an empty folder is no bundle
    assert stop.value.code == 1
    assert "DANGER" in capsys.readouterr().out


def test_commands_are_functions_or_named_ones():
    assert callable(command("infer"))
    assert set(command("prepare")) == {"folder", "tnbc", "kirc", "tcia", "monuseg", "consep", "pannuke", "qupath"}
