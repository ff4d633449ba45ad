"""The glossary's words: each page links the first use of a term that is no everyday word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
GLOSSARY = REPOSITORY / "docs" / "glossary.md"
NO_LINKS = ("glossary.md", "methods.md", "architecture.md", "adding_a_method.md")
"""Its own page, a generated one, and two for programmers."""
PAGES = [REPOSITORY / "README.md", *(p for p in sorted(GLOSSARY.parent.glob("*.md")) if p.name not in NO_LINKS)]
EVERYDAY = {
    *("adaptation", "adapted model", "average", "budget", "control", "data sets", "export", "field", "GPU", "instance"),
    *("label", "level", "mask", "run", "shift", "source", "source model", "target", "tile", "verdict", "weights"),
}
"""Words that pages use in their everyday sense, too."""
OTHER = re.compile(r"^ *```[\s\S]*?^ *```|`[^`]*`|^#.*$|^\|.*\n\|[-|]+$|!?\[[^\]]*\]\((?![^)]*glossary)[^)]*\)", re.M)
"""What is no prose: code, headings, heads of tables, pictures and links to other pages."""


def terms() -> dict[str, str]:
    """Anchors of the glossary by their word."""
    found = re.findall(r'<a id="([^"]+)"></a>\*\*([^*]+)\*\*', GLOSSARY.read_text(encoding="utf-8"))
    return {word: anchor for anchor, word in found}


def unlinked(text: str) -> list[str]:
    """Terms whose first use in a page is no link to the glossary."""
    prose, left = OTHER.sub(" ", text), []
    for word, anchor in terms().items():
        use = re.search(rf"(?<![\w.-]){re.escape(word)}s?\b", prose, re.I if word.islower() else 0)
        link = re.search(rf"\[([^\]]*)\]\([^)]*glossary\.md#{anchor}\)", prose)
        if word not in EVERYDAY and use and (link is None or link.start() > use.start()):
            left.append(word)
    return left


NOT_LINKED = {"slides.md": ["fold"]}
"""Folds of tissue are no folds of a data set."""


def test_it_has_the_words_that_pages_need():
    wanted = {
        "AdaBN",
        "source-only",
        "last iterate",
        "oracle",
        "fold",
        "overlay",
        "bundle",
        "mpp",
        "warm-up",
        "batch statistics",
        *("H&E", "state dictionary", "TorchScript", "ONNX", "GeoParquet", "WKB", "tile", "DQ", "SQ", "PQ", "AJI"),
    }
    assert wanted <= terms().keys()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_first_uses_are_linked(page):
    assert unlinked(page.read_text(encoding="utf-8")) == NOT_LINKED.get(page.name, [])


def test_a_use_before_the_link_is_found():
    link = "[fold](glossary.md#fold)"
    assert unlinked(f"A {link} and a fold. `oracle`, [the oracle](other.md)\n# Dice\n") == []
    assert unlinked(f"Folds, then a {link} and Dice.") == ["Dice", "fold"]
