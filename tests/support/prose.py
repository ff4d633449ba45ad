"""Counts words a sentence of a page: tables, code and headings do not count."""

from __future__ import annotations

import re
import sys
from pathlib import Path

FEWEST = 3
"""Words below which a line is a label and no sentence."""


def words_a_sentence(text: str) -> float:
    """Mean number of words of a page's sentences; 0 for a page of tables alone.

    Args:
        text: Markdown.
    """
    text = re.sub(r"```.*?```", "", text, flags=re.S)
    lines = [line for line in text.splitlines() if not re.match(r"\s*(\||#|<!--|!\[)", line)]
    lines = [re.sub(r"^\s*(?:[-*]|\d+\.)\s+", "\n\n", line) for line in lines]  # an item of a list begins a sentence
    prose = " ".join(line if line.strip() else "\n\n" for line in lines)
    prose = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", prose)
    counts = [len(part.split()) for part in re.split(r"(?<=[.!?:])\s+(?=[A-Z`*\"])|\n\n", prose)]
    counts = [count for count in counts if count >= FEWEST]
    return sum(counts) / len(counts) if counts else 0.0


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(f"{words_a_sentence(Path(name).read_text(encoding='utf-8')):5.1f}  {name}")
