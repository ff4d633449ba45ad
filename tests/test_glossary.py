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
    "average": "a moving average is another one",
    "data sets": "others than the three public ones, too",
    "export": "QuPath's menu has the word",
    "field": "what pathologists see at once in a microscope",
    "label": "a verb, and a part of a slide's file",
    "run": "a verb first of all",
}
"""Words that pages use before, or instead of, the glossary's sense, and why."""
OTHER = re.compile(r"^ *```[\s\S]*?^ *```|`[^`]*`|^#.*$|^\|.*\n\|[-|]+$|!?\[[^\]]*\]\((?![^)]*glossary)[^)]*\)", re.M)
"""What is no prose: code, headings, heads of tables, pictures and links to other pages."""


def terms() -> dict[str, str]:
    """Anchors of the glossary by their word."""
    found = re.findall(r'<a id="([^"]+)"></a>\*\*([^*]+)\*\*', GLOSSARY.read_text(encoding="utf-8"))
    return {word: anchor for anchor, word in found}


def unlinked(text: str) -> list[str]:
    """Terms whose first use in a page is no link to the glossary."""
    whole, left = OTHER.sub(" ", text), []
    for word, anchor in terms().items():
        longer = [other for other in terms() if other != word and word in other]
        longer += [rf"\[[^\]]*\]\([^)]*glossary\.md#(?!{anchor}\))[^)]*\)"]
        prose = re.sub("|".join(longer), lambda part: " " * len(part[0]), whole)
        use = re.search(rf"(?<![\w.-]){re.escape(word)}s?\b", prose, re.I if word.islower() else 0)
        link = re.search(rf"\[([^\]]*)\]\([^)]*glossary\.md#{anchor}\)", prose)
        if word not in EVERYDAY and use and (link is None or link.start() > use.start()):
            left.append(word)
    return left


NOT_LINKED = {"slides.md": ["fold"], "scale.md": ["target"], "sharing.md": ["verdict"]}
"""Folds of tissue are none of a data set, Snakemake has targets, and ``mani inspect`` a verdict of its own."""


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
