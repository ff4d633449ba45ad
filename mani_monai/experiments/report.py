"""A table's rows as Markdown, CSV and a figure."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from statistics import fmean

from .rows import Row, compare
from .statistics import Difference, Summary, summarise

SELECTIONS = {
    "last": "last iterate",
    "source_validation": "best on source validation",
    "average": "mean of the second half's snapshots",
    "oracle": "oracle: best on target validation",
}


def write_markdown(rows: dict[str, list[Row]], path: str | Path, further: Sequence[str] = ()) -> str:
    """Writes the tables, one a shift, as Markdown.

    Args:
        rows: what ``collect_rows`` gives.
        path: the file; where it has lines ``<!-- tables -->`` and ``<!-- /tables -->``, what is between is replaced
            and the rest is kept.
        further: tables to write after these.

    Returns:
        the tables.
    """
    shifts = {shift: shift_rows for shift, shift_rows in rows.items() if len(set(shift.split("__"))) > 1}
    blocks = [_mean_table(shifts)] if len(shifts) > 1 else []  # a domain and itself are no shift
    blocks += [_shift_table(shift, shift_rows) for shift, shift_rows in rows.items()]
    return write_between_marks("\n\n".join([*blocks, *further]) or "No run is finished yet.", path)


def write_between_marks(text: str, path: str | Path) -> str:
    """Writes text between the lines ``<!-- tables -->`` and ``<!-- /tables -->`` of a file and keeps the rest of it.

    Args:
        text: what replaces the text between the marks.
        path: the file; it is made where it is missing, and replaced where it has no marks.

    Returns:
        the text.
    """
    path = Path(path)
    before, after = "", "\n"
    if path.exists() and "<!-- tables -->" in path.read_text():
        before, rest = path.read_text().split("<!-- tables -->", 1)
        after = rest.split("<!-- /tables -->", 1)[1]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{before}<!-- tables -->\n{text}\n<!-- /tables -->{after}")
    return text


def write_csv(rows: dict[str, list[Row]], path: str | Path) -> None:
    """Writes every figure of the tables, one line a shift, row and selection."""
    columns = ["shift", "method", "selection", "mean", "seed_spread", "image_spread", "seeds", "images"]
    columns += [f"{kind}_{end}" for kind in ("from_source_only", "from_control") for end in ("mean", "low", "high")]
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, "training_seconds"])
        for shift, shift_rows in rows.items():
            for row in shift_rows:
                for selection in row.scores:
                    figures = compare(row, shift_rows, selection)
                    summary = figures.summary
                    line = [shift, row.title, selection, summary.mean, summary.seed_spread, summary.image_spread]
                    line += [summary.seeds, summary.images]
                    for difference in (figures.from_baseline, figures.from_control):
                        line += [difference.mean, difference.low, difference.high] if difference else ["", "", ""]
                    line.append(row.seconds)
                    writer.writerow([f"{value:.4f}" if isinstance(value, float) else value for value in line])


def write_figure(rows: dict[str, list[Row]], path: str | Path, metric: str = "dice", selection: str = "last") -> None:
    """Draws the mean of each row and the points of its seeds, one panel a shift."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(
        1, max(len(rows), 1), figsize=(4.6 * max(len(rows), 1), 3.4), squeeze=False, sharey=True
    )
    titles = list(dict.fromkeys(row.title for shift_rows in rows.values() for row in shift_rows))
    for panel, (shift, shift_rows) in zip(panels[0], rows.items(), strict=False):
        for row in shift_rows:
            place = -titles.index(row.title)
            means = [sum(images.values()) / len(images) for images in row.scores[selection].values()]
            mean = summarise(row.scores[selection]).mean
            colour = "0.6" if row.method.supervised else f"C{titles.index(row.title)}"
            panel.barh(place, mean, color=colour, alpha=0.5)
            panel.plot(means, [place] * len(means), "o", color=colour, markersize=4)
            panel.text(0.01, place, f"{mean:.3f}", va="center", fontsize=8)
        panel.set_title(shift.replace("__", " → "), fontsize=10)
        panel.set_xlabel(f"{metric_title(metric)}, {SELECTIONS[selection]}", fontsize=8)
        panel.set_yticks([-index for index in range(len(titles))], titles, fontsize=8)
        panel.set_xlim(0, 1)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def metric_title(metric: str) -> str:
    """A metric as tables call it: Dice, AJI, AJI+, DQ, SQ or PQ."""
    return metric.capitalize() if metric == "dice" else metric.upper().replace("_PLUS", "+")


def _mean_table(rows: dict[str, list[Row]]) -> str:
    """Mean over shifts of each row that every shift has."""
    found: dict[str, list[Row]] = defaultdict(list)
    for shift_rows in rows.values():
        for row in shift_rows:
            found[row.title].append(row)
    selections = [name for name in SELECTIONS if any(name in row.scores for row in chain(*rows.values()))]
    lines = [
        f"**mean over {len(rows)} shifts**",
        "",
        "| row | " + " | ".join(SELECTIONS[name] for name in selections) + " |",
        "|---" * (len(selections) + 1) + "|",
    ]
    for title, title_rows in found.items():
        if len(title_rows) == len(rows):
            means = [fmean(summarise(row.scores[name]).mean for row in title_rows) for name in selections]
            lines.append(f"| {title} | {' | '.join(f'{mean:.3f}' for mean in means)} |")
    return "\n".join(lines)


def _shift_table(shift: str, rows: Sequence[Row]) -> str:
    selections = [name for name in SELECTIONS if any(name in row.scores for row in rows)]
    heads = [f"{SELECTIONS[name]}" for name in selections]
    lines = [
        f"**{shift.replace('__', ' → ')}**",
        "",
        "| row | seeds | images | " + " | ".join(heads) + " | last, from source-only | last, from control | minutes |",
        "|---" * (len(heads) + 6) + "|",
    ]
    for row in rows:
        figures = {name: compare(row, rows, name) for name in selections if name in row.scores}
        last = figures["last"]
        cells = [_mean(figures[name].summary) if name in figures else "" for name in selections]
        lines.append(
            f"| {row.title} | {last.summary.seeds} | {last.summary.images} | {' | '.join(cells)} "
            f"| {_interval(last.from_baseline)} | {_interval(last.from_control)} | {row.seconds / 60:.0f} |"
        )
    return "\n".join(lines)


def _mean(summary: Summary) -> str:
    if summary.seeds == 1:
        return f"{summary.mean:.3f} (images ± {summary.image_spread:.3f})"
    return f"{summary.mean:.3f} ± {summary.seed_spread:.3f}"


def _interval(difference: Difference | None) -> str:
    return f"{difference.mean:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]" if difference else ""
