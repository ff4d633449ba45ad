"""The page: all in one file, every name escaped, the figures that were measured."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from adapted import figures

from mani_monai.apps.adapt.outcome import Outcome
from mani_monai.apps.adapt.page import render_page
from mani_monai.apps.adapt.verdict import NOT_ADAPTED, judge

EVIL = '<script>alert("1")</script> & $title'
PNG = b"\x89PNG picture"


class Reader(HTMLParser):
    """Collects tags with their attributes, and all text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    @classmethod
    def of(cls, page):
        reader = cls()
        reader.feed(page)
        return reader


@pytest.fixture
def outcome(evidence):
    found = evidence(after=figures(share=0.25, count=250), scores_after={"stain": 0.876})
    curves = {"source-only": {"dice": [(5, 0.5), (10, 0.75)]}}
    return Outcome(
        "breast", "kidney", {"preset": "small"}, ("a note",), ("x.png: is broken",), found, {"a": 0.1}, curves,
        judge(found),
    )  # fmt: skip


def render(outcome, captions=("Most changed: a",)):
    return render_page(outcome, dict.fromkeys(captions, PNG), PNG, PNG, 8)


def test_every_name_is_escaped(outcome):
    evil = replace(
        outcome, source=EVIL, target=EVIL, settings={EVIL: EVIL}, notes=(EVIL,), left_out=(EVIL,), curves={EVIL: {}}
    )
    rule = replace(evil.verdict.findings[0][0], name=EVIL, reason=EVIL)
    evil = replace(evil, verdict=replace(evil.verdict, findings=((rule, EVIL),)))
    page = render(evil, [f'{EVIL}" onerror="x'])
    assert "<script" not in page
    reader = Reader.of(page)
    assert {tag for tag, _ in reader.tags}.isdisjoint({"script", "iframe", "link", "object"})
    assert not any("onerror" in attributes for _, attributes in reader.tags)
    assert "".join(reader.words).count(EVIL) == 12, "a name is shown as it is, dollar signs too"


def test_the_page_needs_no_other_file(outcome):
    page = render(outcome)
    sources = [attributes["src"] for tag, attributes in Reader.of(page).tags if tag == "img"]
    assert len(sources) == 3
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not re.search(r"https?:|@import|url\(", page)


def test_verdict_and_figures_are_shown(outcome):
    text = " ".join(" ".join(Reader.of(render(outcome)).words).split())
    assert "Look at the pictures before you choose." in text
    assert "stain consistency falls a little, from 0.900 to 0.876" in text
    assert "there are 250 nuclei where there were 100" in text
    for figure in ("0.876", "25.0%", "20.0%", "agree by 0.900", "x.png: is broken", "a note"):
        assert figure in text
    assert "Do not read the column after" not in text


def test_the_scores_of_a_collapsed_network_are_not_to_be_read(outcome, evidence):
    collapsed = evidence(after=figures(share=1.0))
    text = " ".join(Reader.of(render(replace(outcome, evidence=collapsed, verdict=judge(collapsed)))).words)
    assert "Do not read the column after: that model calls 100.0% of the pixels nuclei." in text


def test_nothing_left_out_nothing_logged_nothing_wrong(outcome, evidence):
    sane = evidence()
    page = render_page(replace(outcome, left_out=(), notes=(), evidence=sane, verdict=judge(sane)), {}, None, PNG, 8)
    for sentence in ("Use the adapted model.", "No rule found harm", "logged nothing", "every image of the folder"):
        assert sentence in page


def test_the_record_holds_the_same_as_plain_json(outcome):
    record = json.loads(json.dumps(outcome.record(), allow_nan=False))
    assert record["verdict"]["outcome"] == "look at the pictures before you choose"
    assert [finding["rule"] for finding in record["verdict"]["findings"]] == ["slightly less stable", "count changed"]
    assert record["label_free"]["stain"] == {"before": 0.9, "after": 0.876, "higher_is_better": True}
    assert record["nuclei"]["after"]["nuclei"] == 250
    assert record["source_validation_dice"] == {"source-only": 0.75}
    assert record["left_out"] == ["x.png: is broken"]
    assert json.loads(json.dumps(replace(outcome, verdict=NOT_ADAPTED).record()))["verdict"]["line"] == (
        "keep the source model, because no adaptation was asked for"
    )
