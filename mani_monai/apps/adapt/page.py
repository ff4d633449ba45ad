"""The report as one HTML file that needs no other: pictures are in it, and every name in it is escaped."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from string import Template

from mani_monai.apps.adapt.evidence import plausible
from mani_monai.apps.adapt.nuclei_figures import NucleiFigures
from mani_monai.apps.adapt.outcome import ImageRow, Outcome
from mani_monai.apps.adapt.rules import KEEP, LOOK, USE
from mani_monai.evaluation.label_free_scorer import SHARE

WORDS = {
    "stain": "finds the same nuclei in another stain (1: all)",
    "symmetry": "finds the same nuclei in the turned image (1: all)",
    "entropy": "is unsure of a pixel (0: never, 0.69: always)",
}
"""What a reader is told of a score."""
CANDIDATES = {"source": "the source's", "half": "half of each", "target": "the target's"}
COLOURS = {USE: "#dff2df", LOOK: "#fff3cd", KEEP: "#f8d7da"}

PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.verdict { padding: .8rem 1.2rem; border-radius: .4rem; background: $colour; }
.verdict p { margin: .3rem 0; } .verdict strong { font-size: 1.15rem; }
table { border-collapse: collapse; } th, td { padding: .25rem .8rem; border-bottom: 1px solid #ddd; text-align: left; }
td.figure, th.figure { text-align: right; font-variant-numeric: tabular-nums; }
img { max-width: 100%; height: auto; } figure { margin: 1rem 0; } figcaption, .small { color: #555; font-size: .9rem; }
</style>
</head>
<body>
<h1>$title</h1>
<div class="verdict">
$verdict
</div>
<h2>What to do next</h2>
$commands
<p class="small">No label of the target chose anything, so nothing here is a proof: a good score without labels goes
with a good segmentation often, not always. The pictures are the better judge.</p>
$notes
<h2>Before and after</h2>
<p class="small">From left to right: the image, the nuclei of the source model, those of the adapted model, as both are
used: touching nuclei are parted.</p>
$fields
<h2>Nuclei by image</h2>
$images
$check
<h2>Nuclei in all</h2>
$nuclei
$sizes
<h2>Does a model agree with itself?</h2>
$scores
$candidates
<h2>Settings</h2>
$curves
$settings
<h2>Left out</h2>
$left_out
</body>
</html>
""")


def render_page(outcome: Outcome, fields: Mapping[str, bytes], curves: bytes | None, sizes: bytes) -> str:
    """The page.

    Args:
        outcome: what to report.
        fields: pictures of fields by their captions.
        curves: picture of the training curves, where there are any.
        sizes: picture of the nuclei's sizes.
    """
    return PAGE.substitute(
        title=escape(f"{outcome.source} to {outcome.target}: adaptation without target labels"),
        colour=COLOURS[outcome.verdict.outcome],
        verdict=_verdict(outcome),
        commands=_commands(outcome),
        notes=_list(outcome.notes),
        fields="".join(_figure(picture, caption) for caption, picture in fields.items()),
        images=_images(outcome),
        check=_check(outcome),
        nuclei=_nuclei(outcome),
        sizes=_figure(sizes, "Diameters of the circles of the nuclei's areas"),
        scores=_scores(outcome),
        candidates=_candidates(outcome),
        curves=_figure(curves, "What the trainings logged") if curves else "",
        settings=_table(("setting", "value"), outcome.settings.items(), figures=False),
        left_out=_list(outcome.left_out) or "<p>Nothing: every image of the folder was used.</p>",
    )


def _commands(outcome: Outcome) -> str:
    commands = outcome.commands.of(outcome.verdict.outcome)
    lines = [f"<p>{escape(name.capitalize())}:</p>\n<pre>{escape(line)}</pre>" for name, line in commands.items()]
    return "\n".join(lines)


def _images(outcome: Outcome) -> str:
    rows = [
        (row.image, f"{row.before}", f"{row.after}", _change(row.before, row.after), f"{row.changed:.1%}", _doubts(row))
        for row in outcome.images
    ]
    heads = ("image", "nuclei before", "after", "change", "pixels that changed", "")
    return _table(heads, rows)


def _doubts(row: ImageRow) -> str:
    return f"suspicious: {', '.join(row.doubts)}" if row.doubts else ""


def _change(before: int, after: int) -> str:
    return f"{after - before:+d}" + (f" ({(after - before) / before:+.0%})" if before else "")


def _check(outcome: Outcome) -> str:
    found = outcome.check
    if found is None:
        return ""
    models = [name for name in found if isinstance(found[name], Mapping)]
    names = {"dice": "Dice", "aji": "AJI", "pq": "PQ", "count_error": "error of the count"}
    rows = [(names[key], *(_shown(found[model][key]) for model in models)) for key in found[models[0]]]
    said = f"Means over {found['images']} labelled images of the target. They chose nothing, and are no part of the "
    said += "verdict."
    return (
        f'<h2>Against your labels (oracle)</h2>\n{_table(("", *models), rows)}\n<p class="small">{said}</p>\n'
        f"{_list(found['left_out'])}"
    )


def _shown(figure: float | None) -> str:
    return "-" if figure is None or not math.isfinite(figure) else f"{figure:.3f}"


def _candidates(outcome: Outcome) -> str:
    if not outcome.candidates:
        return ""
    rows = [
        (CANDIDATES.get(name, name), *(_shown(scores[key]) for key in WORDS), f"{scores[SHARE]:.1%}")
        for name, scores in outcome.candidates.items()
    ]
    heads = ("colours that the network expects", *WORDS.values(), "share of nuclei")
    said = (
        "The model that agrees with itself best on the mean of the first two columns was taken, of those that find a "
    )
    said += "plausible share of nuclei."
    return f'{_table(heads, rows)}\n<p class="small">{said}</p>'


def _verdict(outcome: Outcome) -> str:
    verdict = outcome.verdict
    lines = [f"<p><strong>{escape(verdict.outcome.capitalize())}.</strong></p>"]
    if not verdict.findings:
        lines.append("<p>No rule found harm: shares, counts and sizes of nuclei are sane, scores are not worse.</p>")
    for rule, found in verdict.findings:
        said = f"<b>{escape(rule.name)}</b> ({escape(rule.outcome)}): {escape(found)}."
        lines.append(f'<p>{said} <span class="small">Why this counts: {escape(rule.reason)}.</span></p>')
    return "\n".join(lines)


def _scores(outcome: Outcome) -> str:
    e = outcome.evidence
    rows = [(said, _shown(e.scores_before[name]), _shown(e.scores_after[name])) for name, said in WORDS.items()]
    said = f"Means over {outcome.scored} target images. A network that finds nothing, or nuclei everywhere, can score "
    said += "well here: the verdict looks at the share of nuclei first."
    if not plausible(e.after.share):
        said = f"Do not read the column after: that model calls {e.after.share:.1%} of the pixels nuclei. {said}"
    table = _table(("", "before", "after"), rows)
    return f'{table}\n<p class="small">{said}</p>'


def _nuclei(outcome: Outcome) -> str:
    e = outcome.evidence
    found = (e.before, e.after, *([] if e.source is None else [e.source]))

    def row(name: str, figure: Callable[[NucleiFigures], str]) -> tuple[str, ...]:
        return (name, *(figure(nuclei) for nuclei in found))

    rows = [
        row("share of the pixels", lambda nuclei: f"{nuclei.share:.1%}"),
        row("nuclei", lambda nuclei: f"{nuclei.count}"),
        row("nuclei a megapixel", lambda nuclei: f"{nuclei.density:.0f}"),
        row("median area, px", lambda nuclei: f"{nuclei.median_area:.0f}"),
        row("median diameter, px", _median_diameter),
        row("images", lambda nuclei: f"{nuclei.images}"),
    ]
    said = "Counts are those of mani infer: nuclei that touch are parted."
    said += f" The masks before and after agree by {e.agreement:.3f} (Dice of all pixels)."
    heads = ("", "before, on the target", "after, on the target", "source's labels")[: len(found) + 1]
    return f'{_table(heads, rows)}\n<p class="small">{said}</p>'


def _median_diameter(nuclei: NucleiFigures) -> str:
    return f"{nuclei.summary()['median_diameter_px']:.1f}"


def _figure(picture: bytes, caption: str) -> str:
    source = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    text = escape(caption)
    return f'<figure><img alt="{text}" src="{source}"><figcaption>{text}</figcaption></figure>\n'


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>" if lines else ""


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], figures: bool = True) -> str:
    """Columns after the first whose cells are numbers are set to the right."""

    def cell(tag: str, text: str, figure: bool) -> str:
        return f"<{tag}{' class=figure' if figure else ''}>{escape(text)}</{tag}>"

    rows = [list(row) for row in rows]
    right = [
        figures and number > 0 and all(row[number][:1].isdigit() or row[number][:1] in "+-" for row in rows)
        for number in range(len(heads))
    ]
    lines = [("th", heads), *(("td", row) for row in rows)]
    body = "\n".join(
        "<tr>" + "".join(cell(tag, text, figure) for text, figure in zip(line, right, strict=True)) + "</tr>"
        for tag, line in lines
    )
    return f"<table>\n{body}\n</table>"
