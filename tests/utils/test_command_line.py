"""Command lines understood before anything starts."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from mani_monai.utils.command_line import end_on_signals, run_command

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
    with pytest.raises(SystemExit, match=said.replace(".", r"\.")):
        run_command(command, ["--out", "x", *line])
    assert not started


@pytest.mark.parametrize("line", [["--out="], ["--out", ""], ["--out", " "]])
def test_an_empty_text_is_no_value(line):
    """A shell's variable that is not set gives one; as a folder it would be the current one."""
    with pytest.raises(SystemExit, match=r"^--out: is empty; it needs a value\.$"):
        run_command(command, line)
    assert not started


def test_the_home_that_a_shell_left_as_it_was_typed(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    run_command(command, ["~/b", "--out=~/x", "--count", "2"])
    assert started[0][:3] == (("~/b",), "/home/ann/x", 2)


def test_a_flag_of_text_needs_a_value():
    with pytest.raises(SystemExit, match=r"^--out: needs a value\.$"):
        run_command(command, ["--out", "--count", "3"])
    assert not started


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_in_one_line(number):
    code = f"from mani_monai.utils.command_line import *; end_on_signals(); signal.raise_signal({int(number)})"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (1, "stopped: start the same command again to go on.\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_ignored_signal_stays_ignored(number):
    """A shell has its background ignore the interrupt that ends what is in front."""
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        signal.signal(number, signal.SIG_IGN)
        end_on_signals()
        signal.raise_signal(number)
        assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["--out", "x", "--counts", "3"], "--counts: no such option of tool; did you mean --count?"),
        (["--out", "x", "--co", "3"], "--co: no such option of tool; did you mean --count?"),
        (["--out", "x", "--metadata", "3"], "--metadata: no such option of tool; tool --help names them."),
        (["--count", "3"], "tool: needs --out; tool --help says more."),
        (["--out", "x", "--out=y"], "--out: is given twice; give it once."),
    ],
)
def test_nothing_starts_on_a_line_that_does_not_fit(line, said):
    with pytest.raises(SystemExit) as stop:
        run_command(command, line, "tool")
    assert stop.value.code == said
    assert not started


def test_help_starts_nothing(capsys):
    with pytest.raises(SystemExit) as stop:
        run_command(command, ["--out", "x", "--help"])
    assert not started
    assert stop.value.code == 0
    assert "Does something." in capsys.readouterr().out


def closed(images: str, width: int = 1) -> None:
    """Takes no list of words."""
    started.append((images, width))


def test_words_are_values_in_order_and_a_flag_takes_the_next_one():
    run_command(closed, ["x", "--width=2"])
    run_command(closed, ["--width", "-3", "x"])
    assert started == [("x", 2), ("x", -3)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["x", "3", "y"], "y: one word too many; tool --help names the options."),
        (
            ["--width", "2", "--images", "dir/a.png", "dir/b.png", "dir/c.png"],
            "dir/b.png (and 1 more): --images takes one; a shell made many of a *: name their folder, dir.",
        ),
        (
            ["--images", "dir/a.png", "dir/b.png"],
            "dir/b.png: --images takes one; a shell made many of a *: name their folder, dir.",
        ),
        (["--images", "dir", "5"], "5: one word too many; tool --help names the options."),
    ],
)
def test_surplus_words_are_named(line, said):
    with pytest.raises(SystemExit) as stop:
        run_command(closed, line, "tool")
    assert stop.value.code == said
    assert not started


def other(width: int = 1) -> int:
    """Does another thing."""
    started.append(width)
    return width


COMMANDS = {"first": command, "second": other}


def test_the_first_word_names_one_of_several_commands():
    assert run_command(COMMANDS, ["first", "--out", "7"]) == "done"
    assert run_command(COMMANDS, ["second", "--width", "3"]) == 3
    assert started == [((), "7", 1, None, False, None), 3]
    with pytest.raises(SystemExit, match=r"--width wide: is no whole number\."):
        run_command(COMMANDS, ["second", "--width", "wide"])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["secnd"], "secnd: no such command of tool; did you mean second?"),
        ([], "tool: name what to do: first, second; tool --help says more."),
        (["second", "--cuont", "3"], "--cuont: no such option of tool second; tool second --help names them."),
        (["second", "3", "given"], "given: one word too many; tool second --help names the options."),
        (["--help"], "second"),
        (["second", "--width", "3", "--help"], "Does another thing."),
    ],
)
def test_none_of_several_starts_on_a_line_that_does_not_fit(line, said, capsys):
    with pytest.raises(SystemExit) as stop:
        run_command(COMMANDS, line, "tool")
    assert not started
    if "--help" in line:
        assert stop.value.code == 0
        assert said in capsys.readouterr().out
    else:
        assert stop.value.code == said


@pytest.mark.parametrize(("text", "number"), [("0,25", 0.25), ("0.25", 0.25), ("-1,5", -1.5), ("2", 2)])
def test_a_decimal_comma_is_a_point(text, number):
    def measure(mpp: float | None = None) -> None:
        started.append(mpp)

    started.clear()
    run_command(measure, ["--mpp", text])
    assert started == [number]


def test_two_commas_are_no_number():
    def measure(mpp: float) -> None:
        started.append(mpp)

    with pytest.raises(SystemExit, match=r"^--mpp 1,2,3: is no number\.$"):
        run_command(measure, ["--mpp", "1,2,3"])
