"""Every page is written in short sentences; `python tests/support/prose.py FILES` prints the figure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prose import words_a_sentence

REPOSITORY = Path(__file__).parents[1]
PAGES = [
    *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *(
        path
        for name in ("docs", "studies", "bundles", "pretrained")
        for path in sorted((REPOSITORY / name).rglob("*.md"))
    ),
]
LONGEST = 20
"""Words a sentence, on the mean of a page."""
WIDEST = 120
"""Characters a line, as in the code."""
WRITTEN = [*(REPOSITORY / "pretrained").glob("*/docs/README.md")]
"""Model cards, as ``mani export`` writes them."""


def test_words_are_counted_by_hand():
    text = (
        "# A title that is long\n\nOne two three. Four five six seven.\n\n| a | table |\n\n```\ncode is no prose\n```\n"
    )
    assert words_a_sentence(text) == 3.5
    assert words_a_sentence("See [this page](a/b.md) now.") == 4
    assert words_a_sentence("| only | tables |") == 0


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_pages_are_short_of_breath(path):
    assert words_a_sentence(path.read_text(encoding="utf-8")) <= LONGEST


@pytest.mark.parametrize(
    "path", [path for path in PAGES if path not in WRITTEN], ids=lambda path: str(path.relative_to(REPOSITORY))
)
def test_lines_fit_a_screen(path):
    """Beside tables and code, whose lines cannot be broken."""
    text = re.sub(r"^ *```.*?^ *```", "", path.read_text(encoding="utf-8"), flags=re.S | re.M)
    assert [line for line in text.splitlines() if len(line) > WIDEST and not line.lstrip().startswith("|")] == []


def test_the_readme_fits_a_glance():
    assert len((REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
