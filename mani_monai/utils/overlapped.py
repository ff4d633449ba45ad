"""Items through three steps, of which the first and the last run beside the middle one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
AHEAD = 2  # items in each queue, so that memory stays bounded


def overlapped(
    items: Iterable[A], first: Callable[[A], B], middle: Callable[[B], C], last: Callable[[C], D], ahead: int = AHEAD
) -> Iterator[D]:
    """Yields ``last(middle(first(item)))`` of every item, in order.

    ``middle`` runs in the caller's thread, one item at a time; ``first`` and ``last`` in a thread each, for items after
    and before it. An exception of a step ends all.

    Args:
        items: anything.
        first: for example decodes.
        middle: for example asks a network, which takes all cores or a GPU by itself.
        last: for example writes.
        ahead: how many items ``first`` may be ahead of ``middle``, and ``last`` behind; 0 runs all in turn.
    """
    if ahead < 1:
        for item in items:
            yield last(middle(first(item)))
        return
    before, after = (ThreadPoolExecutor(1) for _ in range(2))
    coming: deque[Future[B]] = deque()
    going: deque[Future[D]] = deque()
    rest = iter(items)
    try:
        while True:
            for item in islice(rest, ahead - len(coming)):
                coming.append(before.submit(first, item))
            if not coming:
                break
            if len(going) >= ahead:
                yield going.popleft().result()
            going.append(after.submit(last, middle(coming.popleft().result())))
        while going:
            yield going.popleft().result()
    finally:
        before.shutdown(cancel_futures=True)
        after.shutdown(cancel_futures=True)
