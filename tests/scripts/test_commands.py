"""The commands as a user types them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from warm_python import run_python

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "scripts").glob("[!_]*.py"))


def command(script: str, *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    return run_python([ROOT / "scripts" / script, *arguments], cwd, {**os.environ, "PYTHONPATH": str(ROOT)})


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_help_says_what_a_command_does(script):
    done = command(script.name, "--help")
    text = done.stdout + done.stderr
    assert done.returncode == 0
    assert "SYNOPSIS" in text or "COMMAND --help says" in text
    assert "DESCRIPTION" in text or "prepare" in script.stem


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("make_toy_data.py --size 256", "--size 256: is no height and width of "),
        ("make_toy_data.py --size wide,high", "--size ("),
        ("make_toy_data.py --images 3", "--images 3: choose 5 or more, which five folds need."),
        ("make_toy_data.py --overwrite false", "--overwrite false: takes no value"),
        ("sample_image.py --out pyproject.toml", "pyproject.toml/skin.tif: cannot be written"),
    ],
)
def test_bad_values_are_one_line(line, message, tmp_path, command_environment):
    (tmp_path / "pyproject.toml").touch()
    script, *arguments = line.split()
    done = run_python([ROOT / "scripts" / script, *arguments], tmp_path, command_environment)
    assert done.returncode == 1
    assert done.stderr.startswith(message)
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("script", ["infer.py", "inspect_bundle.py", "sample_image.py"])
def test_an_unknown_flag_is_found_before_the_work(script, tmp_path):
    needed = {"infer.py": ["--bundle", "b", "--images", "i", "--out", "o"], "inspect_bundle.py": ["b"]}
    needed |= {"sample_image.py": ["--out", "o"]}
    done = command(script, *needed[script], "--overwritte", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("--overwritte: no such option of ")
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_bundle_is_not_called_harmless(tmp_path):
    done = command("inspect_bundle.py", str(tmp_path))
    assert done.returncode == 1
    assert "DANGER config     configs/metadata.json: is not there: this is no bundle" in done.stdout


def test_prepare_data_without_a_command_names_them():
    done = command("prepare_data.py")
    assert done.returncode == 1
    assert done.stderr.startswith("mani prepare: name what to do: folder, tnbc, kirc, ")
