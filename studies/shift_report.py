"""The description of a table's shifts as Markdown and as a picture."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pandas import DataFrame

from studies.markdown import arrow, markdown_table, write_between_marks
from studies.plan import Run, Table
from studies.shift_images import MEASURES, Images, values_of
from studies.shift_statistics import BASIC_UNET_DEPTHS
from studies.shifts import GAINS
from studies.statistics import Difference

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FIGURES = {
    "nuclei": "nuclei, ratio",
    "background": "background, ratio",
    "domain_accuracy": "domain told from a nucleus",
}


def write_shifts(found: Mapping[str, Any], table: Table, seeds: int, path: str | Path) -> str:
    """Writes the tables of a description as Markdown, between the marks of the file.

    Args:
        found: what ``describe_shifts`` gives.
        table: the plan.
        seeds: how many seeds were looked for.
        path: the file.

    Returns:
        the tables.
    """
    data_sets, shifts = found["data_sets"], found["shifts"]
    groups = _groups(found["runs"], table.runs(seeds))
    depths = list(BASIC_UNET_DEPTHS)
    blocks = [
        _block(
            "Images: mean ± spread over images",
            [f"{name} ({len(images)})" for name, images in data_sets.items()],
            {title: [_spread(values_of(images, m)) for images in data_sets.values()] for m, title in MEASURES.items()},
        ),
        _block(
            "Shifts: target mean - source mean, over the spread of images",
            [arrow(shift) for shift in shifts],
            {
                **{
                    t: [_number(shift["distances"][m], "+.2f") for shift in shifts.values()]
                    for m, t in MEASURES.items()
                },
                "**colour distance, CIELAB**": [_number(shift["colour_distance"], ".1f") for shift in shifts.values()],
            },
        ),
        _block(
            "Batch statistics: distance from what the network normalises with, of means / of log spreads",
            ["runs", *[f"{domain}, {depth}" for domain in ("source", "target") for depth in depths]],
            {
                title: [
                    str(len(runs)),
                    *[_pair(runs, f"{domain} from network", d) for domain in ("source", "target") for d in depths],
                ]
                for title, runs in groups.items()
            },
        ),
        _block(
            "Dice: what batch statistics gain, and what the loss adds to them [95 % interval]",
            [arrow(shift) for shift in shifts],
            {title: [_gain(shift["gains"].get(title)) for shift in shifts.values()] for title in GAINS},
        ),
        _block(
            "Features before the segmentation head: distance of the domains over that of nuclei and background",
            ["runs", *FIGURES.values()],
            {
                title: [str(len(runs)), *[_spread([run["separation"][name] for run in runs]) for name in FIGURES]]
                for title, runs in groups.items()
            },
        ),
    ]
    for of, title in (("dice", "Dice of source-only"), ("gain", "gain of MaNi over source-only")):
        blocks.append(
            _block(
                f"Rank correlation over the target's test images: {title}",
                [arrow(shift) for shift in shifts],
                {
                    name: [_correlation(shift["correlations"][of].get(m)) for shift in shifts.values()]
                    for m, name in {"colour_distance": "**colour distance to the source**", **MEASURES}.items()
                },
            )
        )
    missing = f"Runs without weights, not in the tables: {_missing(found['missing'], table.runs(seeds))}."
    blocks.append(textwrap.fill(missing, 120, break_long_words=False, break_on_hyphens=False))
    return write_between_marks("\n\n".join(blocks), path)


def draw_shifts(found: Mapping[str, Any], table: Table, seeds: int, path: str | Path) -> None:
    """Draws stains, distances, failures, batch statistics and features.

    Args:
        found: what ``describe_shifts`` gives.
        table: the plan.
        seeds: how many seeds were looked for.
        path: the picture.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    groups = _groups(found["runs"], table.runs(seeds))
    figure = plt.figure(figsize=(17, 7.5 + 0.25 * len(groups)), layout="constrained")
    above, below = np.asarray(figure.subfigures(2, 1, height_ratios=(5, 2.5 + 0.25 * len(groups))))
    stains, distances, failures = above.subplots(1, 3)
    _draw_stains(stains, found["data_sets"])
    _draw_distances(distances, found["shifts"])
    _draw_failures(failures, found["shifts"])
    _draw_runs(below.subplots(1, 3, sharey=True), groups)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _draw_stains(panel: Axes, data_sets: Mapping[str, Images]) -> None:
    for (name, images), marker in zip(data_sets.items(), cycle("os^D"), strict=False):
        points = [[image[stain] for image in images.values()] for stain in ("haematoxylin", "eosin")]
        panel.plot(*points, marker, markersize=5, alpha=0.7, label=name)
    panel.set(xlabel="haematoxylin, optical density", ylabel="eosin, optical density")
    panel.set_title("Stains: a point an image", fontsize=10)
    panel.legend(fontsize=8)


def _draw_distances(panel: Axes, shifts: Mapping[str, Any]) -> None:
    values = np.array([[shift["distances"][m] for shift in shifts.values()] for m in MEASURES], dtype=float)
    panel.imshow(values, cmap="RdBu_r", vmin=-3, vmax=3, aspect="auto")
    for row, column in np.ndindex(*values.shape):
        colour = "white" if abs(values[row, column]) > 2 else "black"
        text = _number(float(values[row, column]), "+.1f")
        panel.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    heads = [
        f"{arrow(name).replace(' →', chr(10) + '→')}\ncolour {shift['colour_distance']:.0f}"
        for name, shift in shifts.items()
    ]
    panel.set_xticks(range(len(shifts)), heads, fontsize=8)
    panel.set_yticks(range(len(MEASURES)), MEASURES.values(), fontsize=8)
    panel.set_title("Target - source, in spreads of images; colour in CIELAB", fontsize=10)


def _draw_failures(panel: Axes, shifts: Mapping[str, Any]) -> None:
    for number, (name, shift) in enumerate(shifts.items()):
        for key, title, face in (
            ("dice", "Dice of source-only", f"C{number}"),
            ("gain", "gain of MaNi", "none"),
        ):
            points = [(image["colour_distance"], image[key]) for image in shift["images"].values() if key in image]
            if points:
                label = f"{arrow(name)}: {title}"
                panel.plot(*zip(*points, strict=True), "o", color=f"C{number}", markerfacecolor=face, label=label)
    panel.axhline(0, color="0.7", linewidth=0.8)
    panel.set(xlabel="colour distance of the image to the source, CIELAB")
    panel.set_title("Test images of the target", fontsize=10)
    if panel.get_legend_handles_labels()[0]:
        panel.legend(fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.13))


def _draw_runs(panels: Sequence[Axes], groups: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Batch statistics, distances of features and domain accuracy: a row a shift and method."""
    for row, runs in enumerate(groups.values()):
        places = [-row] * len(runs)
        for depth, marker in zip(BASIC_UNET_DEPTHS, "osv", strict=True):
            for domain, colour in (("source", "0.6"), ("target", "C3")):
                mean = np.mean([run["statistics"][f"{domain} from network"][depth]["mean"] for run in runs])
                panels[0].plot(mean, -row, marker, color=colour, label=f"{domain}, {depth}" if row == 0 else None)
        for part, colour in (("nuclei", "C1"), ("background", "0.6")):
            ratios = [run["separation"][part] for run in runs]
            panels[1].plot(ratios, places, "o", color=colour, label=part if row == 0 else None)
        panels[2].plot([run["separation"]["domain_accuracy"] for run in runs], places, "o", color="C2")
    panels[0].set_title("Batch statistics: distance of means from the network's", fontsize=10)
    panels[1].set_title("Features: distance of domains / of nuclei from background", fontsize=10)
    panels[2].set_title("Features: nuclei whose domain is told (0.5: chance)", fontsize=10)
    panels[2].set_xlim(0.4, 1.02)
    panels[2].axvline(0.5, color="0.7", linewidth=0.8)
    panels[0].set_yticks([-row for row in range(len(groups))], list(groups), fontsize=8)
    for panel in panels:
        panel.grid(axis="y", alpha=0.3)
    for panel in panels[:2]:
        panel.set_xlim(left=0)
        if groups:
            panel.legend(fontsize=8, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.07))


def _groups(figures: Mapping[str, Any], runs: Iterable[Run]) -> dict[str, list[dict[str, Any]]]:
    """Figures of the seeds of each shift and method, shift by shift."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        group = groups.setdefault(f"{arrow(run.shift)}: {run.method.name}", [])
        group += [figures[run.name]] if run.name in figures else []
    return {title: found for title, found in groups.items() if found}


def _missing(names: Sequence[str], runs: Iterable[Run]) -> str:
    seeds: dict[str, list[str]] = {}
    for run in runs:
        if run.name in names:
            seeds.setdefault(f"{arrow(run.shift)}: {run.method.name}", []).append(str(run.seed))
    return "; ".join(f"{title}, seeds {', '.join(found)}" for title, found in seeds.items()) or "none"


def _block(title: str, heads: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    frame = DataFrame([[name, *cells] for name, cells in rows.items()], columns=["", *heads])
    return markdown_table(frame, f"**{title}**")


def _number(value: float, form: str) -> str:
    return format(value, form) if np.isfinite(value) else ""


def _spread(values: Sequence[float] | np.ndarray) -> str:
    finite = np.array([value for value in values if np.isfinite(value)])
    if not len(finite):
        return ""
    mean, spread = finite.mean(), finite.std(ddof=1) if len(finite) > 1 else np.nan
    digits = 0 if abs(mean) >= 20 else 3
    return f"{mean:.{digits}f}" + (f" ± {spread:.{digits}f}" if np.isfinite(spread) else "")


def _pair(runs: Sequence[Mapping[str, Any]], comparison: str, depth: str) -> str:
    means = [np.mean([run["statistics"][comparison][depth][part] for run in runs]) for part in ("mean", "log_std")]
    return " / ".join(f"{mean:.3f}" for mean in means)


def _gain(gain: Mapping[str, Any] | None) -> str:
    return f"{Difference(**gain)}, {gain['pairs']} images" if gain else ""


def _correlation(found: Mapping[str, float] | None) -> str:
    return f"{found['rho']:+.2f} (p {found['p']:.2f}, n {found['images']})" if found else ""
