"""Tables as Markdown, and where they stand on a page."""

from __future__ import annotations

from pathlib import Path

from pandas import DataFrame

from mani_monai.utils import InputError
from mani_monai.utils.folders import replacing

SELECTIONS = {
    "last": "last iterate",
    "source_validation": "best on source validation",
    "average": "mean of the second half's snapshots",
    "label_free": "best on unlabelled target images",
    "oracle": "oracle: best on target validation",
}


def markdown_table(frame: DataFrame, title: str = "") -> str:
    """A table of texts, and a line in bold before it.

    Args:
        frame: the cells by head; what is missing is empty.
        title: of the table; none where empty.
    """
    frame = frame.fillna("")
    lines = [title, ""] if title else []
    heads = " | ".join(map(str, frame.columns)).removeprefix(" ")  # the first head may be empty
    lines += [f"| {heads} |", "|---" * len(frame.columns) + "|"]
    lines += [f"| {' | '.join(map(str, cells))} |" for cells in frame.itertuples(index=False)]
    return "\n".join(lines)


def write_between_marks(text: str, path: str | Path) -> str:
    """Writes text between the lines ``<!-- tables -->`` and ``<!-- /tables -->`` of a file and keeps the rest of it.

    Args:
        text: what replaces the text between the marks.
        path: the file; it is made where it is missing, and replaced where it has no marks.

    Returns:
        the text.

    Raises:
        InputError: when the second line is missing, or the file cannot be written.
    """
    path = Path(path)
    before, after = "", "\n"
    if path.exists() and "<!-- tables -->" in path.read_text():
        before, rest = path.read_text().split("<!-- tables -->", 1)
        _, mark, after = rest.partition("<!-- /tables -->")
        if not mark:
            raise InputError(f"{path}: has no line <!-- /tables --> to end its tables; add it.")
    with replacing(path) as partial:
        partial.write_text(f"{before}<!-- tables -->\n{text}\n<!-- /tables -->{after}")
    return text


def metric_title(metric: str) -> str:
    """A metric as tables call it: Dice, AJI, AJI+, DQ, SQ, PQ or count error."""
    words = {"dice": "Dice", "count_error": "count error"}
    return words.get(metric, metric.upper().replace("_PLUS", "+"))


def arrow(shift: str) -> str:
    """A shift as tables call it: source → target."""
    return shift.replace("__", " → ")
