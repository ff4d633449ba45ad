"""The Snakefile of the page on ten thousand slides: its commands are the program's, and Snakemake plans its jobs."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
import shutil
import subprocess

import pytest
from bundle_files import REPOSITORY

from mani_monai.__main__ import command
from mani_monai.apps.slides.slides_run import NO_SHARD, _share

PAGE = REPOSITORY / "docs" / "scale.md"


@pytest.fixture(scope="module")
def snakefile():
    (found,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    return found


def test_it_is_short(snakefile):
    assert len(snakefile.splitlines()) <= 20


def test_its_commands_are_those_of_the_program(snakefile):
    names = {name: ast.literal_eval(value) for name, value in re.findall(r"^([A-Z]+) = (.*)$", snakefile, re.M)}
    names |= {"str": str}
    shells = [eval(text, names) for text in re.findall(r"^ +shell: (.*)$", snakefile, re.M)]
    known = set(inspect.signature(command("slides")).parameters)
    shares = []
    for shell in shells:
        program, name, *words = shlex.split(shell.replace("{wildcards.part}", str(names["PARTS"] - 1)))
        options = dict(zip(words[::2], words[1::2], strict=True))
        assert (program, name) == ("mani", "slides")
        assert {option.removeprefix("--") for option in options} <= known
        assert {"--bundle", "--slides", "--out"} <= options.keys()
        assert not re.search(rf'"{options["--out"]}/', snakefile), "every part writes there: it would look finished"
        shares.append(options["--shard"])
    last = names["PARTS"] - 1
    assert shares == [f"{last}/{last + 1}", NO_SHARD]
    assert _share(shares[0]) == (last, last + 1), "the last part"


def test_its_arithmetic_is_that_of_the_measured_speeds():
    """Of what ``docs/slides.md`` prints a mm2, where tissue fills its tiles and where it does not."""
    (row,) = re.findall(r"^\| a mm2 of tissue \|(.*)$", (REPOSITORY / "docs" / "slides.md").read_text(), re.M)
    fast, slow = map(float, re.findall(r"([\d.]+) s", row)[:2])
    page = PAGE.read_text()
    days = {speed: 1e6 * speed / 86400 for speed in (fast, slow)}
    assert f"| at {fast} s: {days[fast]:.0f}; at {slow} s: {days[slow]:.0f} |" in page
    hours = {speed: 24 * day / 200 for speed, day in days.items()}
    assert f"| at {fast} s: {hours[fast]:.0f} hours; at {slow} s: {hours[slow]:.0f} hours |" in page
    shard = 16 * 0.512**2
    assert f"| {shard:.1f} mm2: {shard * fast:.0f} s at {fast} s a mm2 |" in page
    assert f"| {shard / 2:.1f} mm2: {shard / 2 * fast:.0f} s at {fast} s a mm2 |" in page


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("snakemake") is None, reason="Snakemake is not installed: pip install snakemake")
@pytest.mark.parametrize("done_before", [0, 3])
def test_snakemake_plans_a_job_a_part(snakefile, tmp_path, done_before):
    """Of a run that was stopped, those that are missing."""
    (tmp_path / "Snakefile").write_text(snakefile)
    if done_before:
        (tmp_path / "counts").mkdir()
        (tmp_path / "counts" / "summary.csv").write_text("as each part writes it")
        (tmp_path / "parts").mkdir()
    for part in range(done_before):
        (tmp_path / "parts" / f"{part}.done").touch()
    words = ["snakemake", "--dry-run", "--cores", "1"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    jobs = dict(re.findall(r"^(all|part|summary|total) +(\d+)", done.stdout + done.stderr, re.M))
    missing = 200 - done_before
    assert jobs == {"all": "1", "part": str(missing), "summary": "1", "total": str(missing + 2)}
