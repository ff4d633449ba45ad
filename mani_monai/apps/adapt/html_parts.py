"""The frame of the report's page in HTML and its parts: every text in these is escaped."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from string import Template

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
<h2>$pictures</h2>
<p class="small">$legend</p>
$fields
<h2>Nuclei by image</h2>
$images
$unsure
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


def figure(picture: bytes, caption: str) -> str:
    """A picture that is in the page itself, with its caption.

    Args:
        picture: PNG.
        caption: plain text.
    """
    source = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    text = escape(caption)
    return f'<figure><img alt="{text}" src="{source}"><figcaption>{text}</figcaption></figure>\n'


def bullet_list(lines: Sequence[str]) -> str:
    """A line a bullet; nothing of no lines."""
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>" if lines else ""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], figures: bool = True) -> str:
    """A table.

    Args:
        heads: of the columns.
        rows: cells of each row.
        figures: set columns after the first to the right where their cells are numbers.
    """

    def cell(tag: str, text: str, is_figure: bool) -> str:
        return f"<{tag}{' class=figure' if is_figure else ''}>{escape(text)}</{tag}>"

    rows = [list(row) for row in rows]
    right = [
        figures and number > 0 and all(row[number][:1].isdigit() or row[number][:1] in "+-" for row in rows)
        for number in range(len(heads))
    ]
    lines = [("th", heads), *(("td", row) for row in rows)]
    body = "\n".join(
        "<tr>" + "".join(cell(tag, text, is_figure) for text, is_figure in zip(line, right, strict=True)) + "</tr>"
        for tag, line in lines
    )
    return f"<table>\n{body}\n</table>"
