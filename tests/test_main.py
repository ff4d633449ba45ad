"""The program ``mani``: what it lists, how fast it answers, what it refuses."""

from __future__ import annotations

import inspect
import json
import os
import re
import signal
import subprocess
import sys
from typing import Any

import pytest
from bundle_files import REPOSITORY
from fire.docstrings import parse

from mani_monai.__main__ import COMMANDS, ENVIRONMENT, command, listing, main, read_names_as_utf8
from mani_monai.utils.one_line import BROKEN_PIPE


def test_every_command_is_listed_with_a_line():
    lines = [line for line in listing().splitlines() if line.startswith("  mani ")]
    assert [line.split()[1] for line in lines] == list(COMMANDS)
    assert all(len(line.split(maxsplit=2)[2]) > 20 and line.endswith(".") for line in lines)


ASK = """
import contextlib, io, json, sys
import mani_monai.__main__ as program
texts, statuses = {"": program.listing()}, {}
for name in program.COMMANDS:
    texts[name] = io.StringIO()
    with contextlib.redirect_stdout(texts[name]):
        try:
            program.main([name, "--help"])
        except SystemExit as end:
            statuses[name] = end.code
    texts[name] = texts[name].getvalue()
print(json.dumps({"texts": texts, "statuses": statuses, "modules": [*sys.modules]}))
"""


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    """What the listing and every command's help say in one fresh process, and what it has imported by the end."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_a_command_takes(name, answers):
    text = answers["texts"][name]
    assert answers["statuses"][name] == 0
    assert f"mani {name}" in text
    assert "DESCRIPTION" in text or "COMMAND --help says" in text


def functions():
    """Every command's function, those of its parts among them."""
    for name in COMMANDS:
        found = command(name)
        yield from found.values() if isinstance(found, dict) else [found]


@pytest.mark.parametrize("function", functions(), ids=lambda function: function.__name__)
def test_help_holds_all_that_is_said_of_an_option(function):
    """Fire takes a line with a colon for another option, and drops it with what follows."""
    text = inspect.getdoc(function) or ""
    told = {each.name: " ".join((each.description or "").split()) for each in parse(text).args or []}
    section = re.search(r"Args:\n(.*?)(\n\n|\Z)", text, re.S)
    options = re.split(r"\n(?= {4}\S)", section[1]) if section else []
    words = [" ".join(option.split()).partition(": ") for option in options]
    assert told == {name: said for name, _, said in words}


def test_help_and_the_listing_import_nothing_heavy(answers):
    """Fast by what they import, which no load of the machine changes: a second is what torch alone takes."""
    packages = {module.partition(".")[0] for module in answers["modules"]}
    heavy = {"torch", "monai", "ignite", "numpy", "scipy", "skimage", "PIL", "pandas", "tifffile", "nibabel", "onnx"}
    assert "mani_monai" in packages
    assert not heavy & packages
    assert len(answers["modules"]) < 500


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_help_answers_within_a_second_of_the_processor(name, command_environment):
    """The least of up to ten tries, of the process and not of the clock: others use the machine."""

    def seconds() -> float:
        before = os.times()
        line = [sys.executable, "-m", "mani_monai", name, "--help"]
        subprocess.run(line, env=command_environment, capture_output=True, check=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert any(seconds() < 1 for _ in range(10))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["infr"], "infr: no such command of mani; did you mean infer?"),
        (["infer", "--mppp", "1"], "--mppp: no such option of mani infer; did you mean --mpp?"),
        (["infer", "--bundle", "b"], "mani infer: needs --images and --out; mani infer --help says more."),
        (["prepare", "tnbx"], "tnbx: no such command of mani prepare; did you mean tnbc?"),
        (["evaluate", "--run", "a\nb"], r"mani: 'a\nb' holds a line break; write it on one line."),
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


@pytest.mark.parametrize("given", [{}, {"OMP_WAIT_POLICY": "active", "THP_MEM_ALLOC_ENABLE": "0"}])
def test_a_commands_environment_is_a_users_own_or_the_projects(given, command_environment):
    """PyTorch reads it when it is imported, which a command's module does."""
    environment = {name: value for name, value in command_environment.items() if name not in ENVIRONMENT}
    code = (
        "import os, sys, mani_monai.__main__ as m, mani_monai.apps.prepare.toy_command as c\n"
        "assert 'torch' not in sys.modules\n"
        "c.toy = lambda: print(*(os.environ[name] for name in m.ENVIRONMENT))\n"
        "sys.argv[1:] = ['toy']\nm.main()"
    )
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, env=environment | given, capture_output=True, text=True, check=False)
    expected = " ".join({**ENVIRONMENT, **given}.values())
    assert (done.stdout, done.stderr) == (f"{expected}\n", "")


def test_the_status_is_the_commands(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["inspect", str(tmp_path)])  # an empty folder is no bundle
    assert stop.value.code == 1
    assert "DANGER" in capsys.readouterr().out


@pytest.mark.parametrize("line", [["configs"], ["--help"], ["prepare", "--help"], ["infer", "--help"]])
def test_a_reader_that_has_seen_enough(line, command_environment):
    program = subprocess.Popen(
        [sys.executable, "-m", "mani_monai", *line],
        env=command_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert program.stdout is not None
    program.stdout.close()
    _, said = program.communicate(timeout=60)
    assert (program.returncode, said) == (BROKEN_PIPE, b"")


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no folder that a process is in")
def test_a_current_folder_that_was_removed(tmp_path, command_environment):
    line = f'mkdir gone && cd gone && rmdir ../gone && exec "{sys.executable}" -m mani_monai configs'
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, env=command_environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (
        1,
        "mani: the current folder is not there any more; change to another one.\n",
    )


def test_commands_are_functions_or_named_ones():
    assert callable(command("infer"))
    assert set(command("prepare")) == {"folder", "tnbc", "kirc", "tcia", "monuseg", "consep", "pannuke", "qupath"}


@pytest.mark.skipif(os.name == "nt", reason="names of files are Unicode there")
def test_names_are_utf8_in_a_locale_without_it(tmp_path):
    code = "import sys; from mani_monai.__main__ import read_names_as_utf8 as anew; anew(); "
    code += "print(ascii([*sys.argv[1:], sys.flags.utf8_mode]))"
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", code, "grün"], env=environment, capture_output=True, text=True)
    assert done.stdout == "['gr\\xfcn', 1]\n", done.stderr


def test_a_process_that_was_told_not_to_is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    monkeypatch.setattr(sys, "_xoptions", {"utf8": "0"})
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("started anew"))
    read_names_as_utf8()
