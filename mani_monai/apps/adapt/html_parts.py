"""Parts of a page in HTML: every text in them is escaped."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape


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
