"""The report as one HTML file that needs no other: pictures are in it, and every name in it is escaped."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from html import escape

from mani_monai.apps.adapt.evidence import NucleiFigures, plausible
from mani_monai.apps.adapt.html_parts import PAGE, bullet_list, figure, table
from mani_monai.apps.adapt.outcome import ImageRow, Outcome
from mani_monai.apps.adapt.rules import KEEP, LOOK, USE
from mani_monai.evaluation.label_free_scorer import SHARE
from mani_monai.utils.errors import counted

WORDS = {
    "stain": "finds the same nuclei in another stain (1: all)",
    "symmetry": "finds the same nuclei in the turned image (1: all)",
    "entropy": "is unsure of a pixel (0: never, 0.69: always)",
}
"""What a reader is told of a score."""
CANDIDATES = {"source": "the source's", "half": "half of each", "target": "the target's"}
BOTH = (
    "Before and after",
    "From left to right: the image, the nuclei of the source model, those of the adapted model. Both are shown as they "
    "are used: touching nuclei are parted.",
)
ONE = (
    "What the model finds",
    "On the left the image, on the right the nuclei that the model finds in use: touching nuclei are parted.",
)
"""Heading and legend of the pictures, of two models and of one that is kept."""
COLOURS = {USE: "#dff2df", LOOK: "#fff3cd", KEEP: "#f8d7da"}
_CALM = "#e9ecef"  # there is no adapted model to warn of


def render_page(outcome: Outcome, fields: Mapping[str, bytes], curves: bytes | None, sizes: bytes) -> str:
    """The page.

    Args:
        outcome: what to report.
        fields: pictures of fields by their captions.
        curves: picture of the training curves, where there are any.
        sizes: picture of the nuclei's sizes.
    """
    pictures, legend = ONE if outcome.kept else BOTH
    return PAGE.substitute(
        pictures=pictures,
        legend=legend,
        title=escape(f"{outcome.source} to {outcome.target}: adaptation without target labels"),
        colour=_CALM if outcome.kept else COLOURS[outcome.verdict.outcome],
        verdict=_verdict(outcome),
        commands=_commands(outcome),
        notes=bullet_list(outcome.notes),
        fields="".join(figure(picture, caption) for caption, picture in fields.items()),
        images=_images(outcome),
        unsure=_unsure(outcome),
        check=_check(outcome),
        nuclei=_nuclei(outcome),
        sizes=figure(sizes, "Diameters of the circles of the nuclei's areas"),
        scores=_scores(outcome),
        candidates=_candidates(outcome),
        curves=figure(curves, "What the trainings logged") if curves else "",
        settings=table(("setting", "value"), outcome.settings.items(), figures=False),
        left_out=bullet_list(outcome.left_out) or "<p>Nothing: every image of the folder could be read.</p>",
    )


def _commands(outcome: Outcome) -> str:
    commands = outcome.commands.of(outcome.verdict.outcome)
    lines = [f"<p>{escape(name.capitalize())}:</p>\n<pre>{escape(line)}</pre>" for name, line in commands.items()]
    return "\n".join(lines)


def _images(outcome: Outcome) -> str:
    if outcome.kept:
        return table(("image", "nuclei", ""), [(row.image, f"{row.before}", _doubts(row)) for row in outcome.images])
    rows = [
        (row.image, f"{row.before}", f"{row.after}", _change(row.before, row.after), f"{row.changed:.1%}", _doubts(row))
        for row in outcome.images
    ]
    heads = ("image", "nuclei before", "after", "change", "pixels that changed", "")
    return table(heads, rows)


def _doubts(row: ImageRow) -> str:
    return f"suspicious: {', '.join(row.doubts)}" if row.doubts else ""


def _change(before: int, after: int) -> str:
    return f"{after - before:+d}" + (f" ({(after - before) / before:+.0%})" if before else "")


def _unsure(outcome: Outcome) -> str:
    if not outcome.least_certain:
        return ""
    rows = [
        (
            outcome.images[field.image].image,
            f"{field.row} to {field.row + field.height}",
            f"{field.column} to {field.column + field.width}",
            f"{field.entropy:.3f}",
        )
        for field in outcome.least_certain
    ]
    said = "A label is worth most where the model is least sure. Label these fields first, and give them with --check."
    shown = table(("image", "rows", "columns", WORDS["entropy"]), rows)
    return f'<h2>Where the model is least sure</h2>\n{shown}\n<p class="small">{said}</p>'


def _check(outcome: Outcome) -> str:
    found = outcome.check
    if found is None:
        return ""
    models = [name for name in found if isinstance(found[name], Mapping)][: 1 if outcome.kept else None]
    names = {"dice": "Dice", "aji": "AJI", "pq": "PQ", "count_error": "error of the count"}
    rows = [(names[key], *(_shown(found[model][key]) for model in models)) for key in found[models[0]]]
    images = counted(found["images"], "labelled image")
    said = f"Means over {images} of the target. They chose nothing, and are no part of the verdict."
    heads = ("", *(("the model",) if outcome.kept else models))
    return (
        f'<h2>Against your labels (oracle)</h2>\n{table(heads, rows)}\n<p class="small">{said}</p>\n'
        f"{bullet_list(found['left_out'])}"
    )


def _shown(value: float | None) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.3f}"


def _candidates(outcome: Outcome) -> str:
    if not outcome.candidates:
        return ""
    rows = [
        (CANDIDATES.get(name, name), *(_shown(scores[key]) for key in WORDS), f"{scores[SHARE]:.1%}")
        for name, scores in outcome.candidates.items()
    ]
    heads = ("colours that the network expects", *WORDS.values(), "share of nuclei")
    said = "Of the statistics, those were taken that agree best with themselves on the mean of the first two columns, "
    said += "and find a plausible share of nuclei."
    if any(name not in CANDIDATES for name in outcome.candidates):
        said += " The last row was trained from them. Training on changed stains flatters the first column."
    return f'{table(heads, rows)}\n<p class="small">{said}</p>'


def _verdict(outcome: Outcome) -> str:
    verdict = outcome.verdict
    if outcome.kept:
        reason = verdict.findings[0][1]
        return f"<p><strong>Kept as it is.</strong></p>\n<p>{escape(reason[0].upper() + reason[1:])}.</p>"
    lines = [f"<p><strong>{escape(verdict.outcome.capitalize())}.</strong></p>"]
    if not verdict.findings:
        sane = "shares, counts and sizes of nuclei are sane"
        alike = "the model agrees with itself about as well as before, or better"
        lines.append(f"<p>No rule found harm: {sane}, {alike}.</p>")
    for rule, found in verdict.findings:
        said = f"<b>{escape(rule.name)}</b> ({escape(rule.outcome)}): {escape(found)}."
        lines.append(f'<p>{said} <span class="small">Why this counts: {escape(rule.reason)}.</span></p>')
    return "\n".join(lines)


def _scores(outcome: Outcome) -> str:
    e = outcome.evidence
    columns = {"before": e.scores_before, "after": e.scores_after}
    if outcome.kept:
        columns = {"the model": e.scores_before}
    rows = [(said, *(_shown(scores[name]) for scores in columns.values())) for name, said in WORDS.items()]
    said = f"Means over {counted(outcome.scored, 'target image')}. A network that finds nothing, or nuclei everywhere, "
    said += "can score well here: the verdict looks at the share of nuclei first."
    if not plausible(e.after.share):
        whose = "these figures: the model" if outcome.kept else "the column after: that model"
        said = f"Do not read {whose} calls {e.after.share:.1%} of the pixels nuclei. {said}"
    shown = table(("", *columns), rows)
    return f'{shown}\n<p class="small">{said}</p>'


def _nuclei(outcome: Outcome) -> str:
    e = outcome.evidence
    columns = {"before, on the target": e.before, "after, on the target": e.after}
    if outcome.kept:
        columns = {"on the target": e.before}
    if e.source is not None:
        columns["source's labels"] = e.source

    both = not outcome.kept

    def row(
        name: str, text: Callable[[NucleiFigures], str], value: Callable[[NucleiFigures], float]
    ) -> tuple[str, ...]:
        change = (_part(value(e.before), value(e.after)),) if both else ()
        shown = [text(nuclei) for nuclei in columns.values()]
        return (name, *shown[: 1 + both], *change, *shown[1 + both :])

    rows = [
        row("share of the pixels", lambda nuclei: f"{nuclei.share:.1%}", lambda nuclei: nuclei.share),
        row("nuclei", lambda nuclei: f"{nuclei.count}", lambda nuclei: nuclei.count),
        row("nuclei a megapixel", lambda nuclei: f"{nuclei.density:.0f}", lambda nuclei: nuclei.density),
        row("median area, px", lambda nuclei: f"{nuclei.median_area:.0f}", lambda nuclei: nuclei.median_area),
        row("median diameter, px", _median_diameter, lambda nuclei: nuclei.summary()["median_diameter_px"]),
        row("images", lambda nuclei: f"{nuclei.images}", lambda nuclei: 0.0),
    ]
    said = "Counts are those of mani infer: nuclei that touch are parted."
    if not outcome.kept:
        said += f" The masks before and after agree by {e.agreement:.3f} (Dice of all pixels)."
    names = list(columns)
    heads = ("", *names[: 1 + both], *(("change",) if both else ()), *names[1 + both :])
    return f'{table(heads, rows)}\n<p class="small">{said}</p>'


def _part(before: float, after: float) -> str:
    """The change as a part of what was before; nothing where that is nothing."""
    return f"{(after - before) / before:+.0%}" if before else ""


def _median_diameter(nuclei: NucleiFigures) -> str:
    return f"{nuclei.summary()['median_diameter_px']:.1f}"
