"""Three steps side by side: order, bounds, and exceptions."""

from __future__ import annotations

import threading

import pytest

from mani_monai.utils.overlapped import overlapped


@pytest.mark.parametrize("ahead", [0, 1, 2, 50])
def test_results_come_in_order(ahead):
    found = overlapped(range(20), lambda x: x + 1, lambda x: 2 * x, str, ahead)
    assert list(found) == [str(2 * (x + 1)) for x in range(20)]
    assert list(overlapped([], str, str, str, ahead)) == []


def test_the_first_step_runs_while_the_middle_one_does_and_not_further_than_told():
    started, highest = [], []
    second = threading.Event()

    def first(item):
        started.append(item)
        if item == 1:
            second.set()
        return item

    def middle(item):
        assert second.wait(300), "the next item was not begun"
        highest.append(max(started) - item)
        return item

    assert list(overlapped(range(8), first, middle, lambda item: item, 2)) == list(range(8))
    assert max(highest) <= 2


@pytest.mark.parametrize("step", range(3))
def test_an_exception_of_a_step_comes_out(step):
    def fail(item):
        if item == 2:
            raise KeyError(item)
        return item

    steps = [lambda item: item] * 3
    steps[step] = fail
    with pytest.raises(KeyError):
        list(overlapped(range(5), *steps))
