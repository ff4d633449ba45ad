"""Command lines understood before anything starts."""

from __future__ import annotations

import pytest

from mani_monai.utils import InputError
from mani_monai.utils.command_line import run_command

started = []


@pytest.fixture(autouse=True)
def _forget():
    started.clear()


def command(
    *names: str, out: str, count: int = 1, size: float | None = None, again: bool = False, options: dict | None = None
) -> str:
    """Does something.

    Args:
        names: of things.
        out: a folder.
        count: how many.
        size: how large.
        again: once more.
        options: further ones.
    """
    started.append((names, out, count, size, again, options))
    return "done"


def test_values_arrive_as_what_they_are_annotated():
    line = ["2018", "b", "--out", "1e3", "--count=2", "--size", "3", "--again", "--options", "{'a': 1}"]
    assert run_command(command, line) == "done"
    assert started == [(("2018", "b"), "1e3", 2, 3, True, {"a": 1})]


def test_what_is_not_given_is_the_default():
    run_command(command, ["--out", "x"])
    assert started == [((), "x", 1, None, False, None)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["--count", "abc"], "--count abc: is no whole number."),
        (["--count", "1.5"], "--count 1.5: is no whole number."),
        (["--size", "wide"], "--size wide: is no number."),
        (["--again", "false"], "--again false: takes no value"),
    ],
)
def test_values_of_another_kind_are_refused(line, said):
    with pytest.raises(InputError, match=said.replace(".", r"\.")):
        run_command(command, ["--out", "x", *line])
    assert not started


@pytest.mark.parametrize("line", [["--out", "x", "--counts", "3"], ["--count", "3"], ["--out", "x", "--help"]])
def test_nothing_starts_on_a_line_that_does_not_fit(line, capsys):
    with pytest.raises(SystemExit) as stop:
        run_command(command, line)
    assert not started
    assert stop.value.code == (0 if "--help" in line else 2)
    assert "Does something." in capsys.readouterr().err or "--help" not in line
