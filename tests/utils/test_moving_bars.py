"""Bars move while a step is long, and are closed before the last word."""

from __future__ import annotations

import io
import sys
import time

import pytest
from tqdm import tqdm

from mani_monai.utils import InputError
from mani_monai.utils.command_line import run_command
from mani_monai.utils.moving_bars import moving_bars


def test_a_bar_moves_while_its_step_is_long():
    drawn = io.StringIO()
    with moving_bars(0.01):
        bar = tqdm(total=1, file=drawn)
        before = drawn.getvalue().count("\r")
        for _ in range(500):
            if drawn.getvalue().count("\r") > before + 1:
                break
            time.sleep(0.01)
    assert drawn.getvalue().count("\r") > before + 1
    assert bar.disable  # closed


@pytest.mark.parametrize("error", [KeyboardInterrupt(), InputError("a: broken; mend it.")])
def test_no_bar_is_drawn_after_the_last_word(error):
    drawn = io.StringIO()
    bars = []

    def command() -> None:
        bars.extend([tqdm(range(3), "outer", file=drawn), tqdm(range(9), "inner", file=drawn, leave=False)])
        for _ in bars[0]:
            for _ in bars[1]:
                raise error

    with pytest.raises(SystemExit):
        run_command(command, [], "x")
    ended = drawn.getvalue()
    assert all(bar.disable for bar in bars)
    bars.clear()
    assert drawn.getvalue() == ended


def test_no_bar_is_no_trouble(monkeypatch):
    monkeypatch.delitem(sys.modules, "tqdm.std")
    with moving_bars(0.001):
        time.sleep(0.01)
