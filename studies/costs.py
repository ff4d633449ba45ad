"""What each row of a table gains on source-only, and what it costs."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import fmean

from studies.plan import PLAIN
from studies.rows import BASELINE, Row, compare


@dataclass(frozen=True)
class Bargain:
    """A row over the shifts where it and source-only were measured.

    Args:
        title: of the row.
        gain: mean over shifts of its paired difference from source-only.
        low: the smallest difference of a shift.
        high: the largest.
        cost: mean over shifts of its training's CPU time over source-only's on the same device.
        shifts: how many.
    """

    title: str
    gain: float
    low: float
    high: float
    cost: float
    shifts: int


def bargains(rows: dict[str, list[Row]], selection: str = "last") -> list[Bargain]:
    """Gain and cost of every row but source-only itself and those that target labels train.

    The cost is CPU time, since wall time is that of whatever else the machine did, and is compared on each device that
    trained both the row and source-only. A shift where there is none has nothing of that row.

    Args:
        rows: what ``collect_rows`` gives; a domain and itself are no shift.
        selection: whose scores.

    Returns:
        in the table's order.
    """
    gains: dict[str, list[float]] = defaultdict(list)
    costs: dict[str, list[float]] = defaultdict(list)
    for shift, shift_rows in rows.items():
        baseline = next((row for row in shift_rows if (row.method.name, row.evaluation) == (BASELINE, PLAIN)), None)
        if baseline is None or len(set(shift.split("__"))) == 1:
            continue
        for row in shift_rows:
            ratios = [
                seconds / max(baseline.cpu_seconds[device], 1)
                for device, seconds in row.cpu_seconds.items()
                if device in baseline.cpu_seconds
            ]
            if row.method.supervised or not ratios or selection not in row.scores:
                continue
            difference = compare(row, shift_rows, selection).from_baseline
            if difference:
                gains[row.title].append(difference.mean)
                costs[row.title].append(fmean(ratios))
    return [
        Bargain(title, fmean(found), min(found), max(found), fmean(costs[title]), len(found))
        for title, found in gains.items()
    ]
