"""The report as one HTML file that needs no other: pictures are in it, and every name in it is escaped."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from string import Template

from mani_monai.apps.adapt.evidence import plausible
from mani_monai.apps.adapt.nuclei_figures import NucleiFigures
from mani_monai.apps.adapt.outcome import Outcome
from mani_monai.apps.adapt.rules import KEEP, LOOK, USE
from mani_monai.evaluation.label_free_scorer import CRITERIA, DEFAULT_CRITERION

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
<p class="small">No label of the target was read, so nothing here is a proof: a good score without labels goes with a
good segmentation often, not always. The pictures are the better judge.</p>
$notes
<h2>Before and after</h2>
<p class="small">From left to right: the target image, the source model's contours, the adapted model's contours.</p>
$regions
<h2>Scores without labels</h2>
$scores
<h2>Nuclei</h2>
$nuclei
$sizes
<h2>Training</h2>
$curves
$settings
<h2>Left out</h2>
$left_out
</body>
</html>
""")


def render_page(
    outcome: Outcome, regions: Mapping[str, bytes], curves: bytes | None, sizes: bytes, scored_images: int
) -> str:
    """The page.

    Args:
        outcome: what to report.
        regions: pictures of regions by their captions.
        curves: picture of the training curves, where there are any.
        sizes: picture of the nuclei's sizes.
        scored_images: how many images the scores are means over.
    """
    shown = "".join(_figure(picture, caption) for caption, picture in regions.items())
    return PAGE.substitute(
        title=escape(f"{outcome.source} to {outcome.target}: adaptation without target labels"),
        colour=COLOURS[outcome.verdict.outcome],
        verdict=_verdict(outcome),
        notes=_list(outcome.notes),
        regions=shown,
        scores=_scores(outcome, scored_images),
        nuclei=_nuclei(outcome),
        sizes=_figure(sizes, "Diameters of the circles of the nuclei's areas"),
        curves=_figure(curves, "What the trainings logged") if curves else "<p>The trainings logged nothing.</p>",
        settings=_table(("setting", "value"), outcome.settings.items(), figures=False),
        left_out=_list(outcome.left_out) or "<p>Nothing: every image of the folder was used.</p>",
    )


def _verdict(outcome: Outcome) -> str:
    verdict = outcome.verdict
    lines = [f"<p><strong>{escape(verdict.outcome.capitalize())}.</strong></p>"]
    if not verdict.findings:
        lines.append("<p>No rule found harm: shares, counts and sizes of nuclei are sane, scores are not worse.</p>")
    for rule, found in verdict.findings:
        said = f"<b>{escape(rule.name)}</b> ({escape(rule.outcome)}): {escape(found)}."
        lines.append(f'<p>{said} <span class="small">Why this counts: {escape(rule.reason)}.</span></p>')
    return "\n".join(lines)


def _scores(outcome: Outcome, images: int) -> str:
    e = outcome.evidence
    rows = []
    for name, criterion in CRITERIA.items():
        better = "higher" if criterion.higher_is_better else "lower"
        shown = f"{name} (the project's criterion)" if name == DEFAULT_CRITERION else name
        figures = (f"{e.scores_before[name]:.3f}", f"{e.scores_after[name]:.3f}")
        rows.append((shown, *figures, better, criterion.meaning))
    said = f"Means over {images} target images. A network that finds nothing, or nuclei everywhere, can score well "
    said += "here: the verdict looks at the share of nuclei first."
    if not plausible(e.after.share):
        said = f"Do not read the column after: that model calls {e.after.share:.1%} of the pixels nuclei. {said}"
    table = _table(("score", "before", "after", "better", "what it is"), rows)
    return f'{table}\n<p class="small">{said}</p>'


def _nuclei(outcome: Outcome) -> str:
    e = outcome.evidence
    found = (e.before, e.after, e.source)

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
    heads = ("", "before, on the target", "after, on the target", "source's labels")
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
        figures and number > 0 and all(row[number][:1].isdigit() or row[number][:1] == "-" for row in rows)
        for number in range(len(heads))
    ]
    lines = [("th", heads), *(("td", row) for row in rows)]
    body = "\n".join(
        "<tr>" + "".join(cell(tag, text, figure) for text, figure in zip(line, right, strict=True)) + "</tr>"
        for tag, line in lines
    )
    return f"<table>\n{body}\n</table>"
