"""Pictures of a table: bars of every row, and gain against cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from studies.markdown import SELECTIONS, arrow, metric_title
from studies.plan import PLAIN
from studies.rows import BASELINE, Row, compare, merged_titles
from studies.statistics import summarise

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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


MARKERS = "osD^vP*X"


def shown_selection(rows: dict[str, list[Row]]) -> str:
    """What figures show: averaged weights, the steadiest, where most rows have them; else the last iterate."""
    every = [row for shift_rows in rows.values() for row in shift_rows]
    averaged = sum("average" in row.scores for row in every)
    return "average" if 2 * averaged > len(every) else "last"


def write_figure(rows: dict[str, list[Row]], path: str | Path, metric: str = "dice", selection: str = "last") -> None:
    """Draws the mean of each row, its spread over seeds and the points of its seeds, one panel a shift.

    Rows without the selection are left out. Fewer than two compare nothing: there is no figure, and an older one is
    removed.
    """
    rows = {shift: [row for row in found if selection in row.scores] for shift, found in rows.items()}
    titles = merged_titles([row.title for row in shift_rows] for shift_rows in rows.values())
    if len(titles) < 2:
        Path(path).unlink(missing_ok=True)
        return
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    size = (4.6 * len(rows), max(3.4, 0.9 + 0.26 * len(titles)))
    figure, panels = plt.subplots(1, len(rows), figsize=size, squeeze=False, sharey=True)
    for panel, (shift, shift_rows) in zip(panels[0], rows.items(), strict=False):
        for row in shift_rows:
            _draw_row(panel, row, selection, titles.index(row.title))
        panel.set_title(arrow(shift), fontsize=10)
        panel.set_xlabel(f"{metric_title(metric)}, {SELECTIONS[selection]}", fontsize=8)
        panel.set_yticks([-index for index in range(len(titles))], titles, fontsize=8)
        panel.set_xlim(0, 1)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def write_cost_figure(
    found: Sequence[Bargain], path: str | Path, metric: str = "dice", selection: str = "last"
) -> None:
    """Draws gain over source-only against the training's CPU time over source-only's, one point a row.

    Args:
        found: what ``bargains`` gives.
        path: the picture; where there is no point there is none, and an older one is removed.
        metric: what the gain is of.
        selection: whose scores it is of.
    """
    if not found:
        Path(path).unlink(missing_ok=True)
        return
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    shifts = max(bargain.shifts for bargain in found)
    figure, panel = plt.subplots(figsize=(13, max(4.2, 0.6 + 0.2 * len(found))), layout="constrained")
    panel.plot(1, 0, "+", color="black", markersize=12, label="source-only")
    for number, bargain in enumerate(found):
        fewer = f" ({bargain.shifts} of {shifts} shifts)" if bargain.shifts < shifts else ""
        panel.errorbar(
            bargain.cost,
            bargain.gain,
            yerr=[[bargain.gain - bargain.low], [bargain.high - bargain.gain]],
            fmt=MARKERS[number // 10 % len(MARKERS)],
            color=f"C{number % 10}",
            ecolor=(f"C{number % 10}", 0.35),
            elinewidth=0.7,
            label=bargain.title + fewer,
        )
    panel.axhline(0, color="0.7", linewidth=0.8, zorder=0)
    panel.set_xlabel("CPU time of the training over source-only's, mean over shifts", fontsize=8)
    panel.set_ylabel(
        f"{metric_title(metric)} - source-only's, {SELECTIONS[selection]}:\nmean, least and most of {shifts} shifts",
        fontsize=8,
    )
    figure.legend(loc="outside right upper", fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw_row(panel: Axes, row: Row, selection: str, place: int) -> None:
    summary = summarise(row.scores[selection])
    means = [summarise({seed: images}).mean for seed, images in row.scores[selection].items() if images]
    colour = "0.6" if row.method.supervised else f"C{place % 10}"
    spread = {"xerr": summary.seed_spread, "error_kw": {"elinewidth": 1, "ecolor": "0.3"}} if summary.seeds > 1 else {}
    panel.barh(-place, summary.mean, color=colour, alpha=0.5, **spread)
    panel.plot(means, [-place] * len(means), "o", color=colour, markersize=4)
    panel.text(0.01, -place, f"{summary.mean:.3f}", va="center", fontsize=8)
