"""The page: all in one file, every name escaped, the figures that were measured."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from adapted import SCORES, figures

from mani_monai.apps.adapt.outcome import ImageRow, NextCommands, Slides
from mani_monai.apps.adapt.page import render_page
from mani_monai.apps.adapt.rules import KEEP, LOOK, USE
from mani_monai.apps.adapt.shown_fields import UnsureField
from mani_monai.apps.adapt.statistics_choice import AS_IT_IS
from mani_monai.apps.adapt.verdict import NOT_ADAPTED, judge

EVIL = '<script>alert("1")</script> & $title {{ 7 * 7 }} {% endif %}'
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


def render(outcome, captions=("Most changed: a",)):
    return render_page(outcome, dict.fromkeys(captions, PNG), PNG, PNG)


def test_every_name_is_escaped(outcome):
    evil = replace(
        outcome, source=EVIL, target=EVIL, settings={EVIL: EVIL}, notes=(EVIL,), left_out=(EVIL,), curves={EVIL: {}},
        images=(ImageRow(EVIL, 1, 1, 0.0, (EVIL,)),), commands=NextCommands(EVIL, EVIL, EVIL),
    )  # fmt: skip
    rule = replace(evil.verdict.findings[0][0], name=EVIL, reason=EVIL)
    evil = replace(evil, verdict=replace(evil.verdict, findings=((rule, EVIL),)))
    page = render(evil, [f'{EVIL}" onerror="x'])
    assert "<script" not in page
    reader = Reader.of(page)
    assert {tag for tag, _ in reader.tags}.isdisjoint({"script", "iframe", "link", "object"})
    assert not any("onerror" in attributes for _, attributes in reader.tags)
    assert "".join(reader.words).count(EVIL) == 20, "a name is shown as it is, braces too"


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
    page = render_page(replace(outcome, left_out=(), notes=(), evidence=sane, verdict=judge(sane)), {}, None, PNG)
    for sentence in ("Use the adapted model.", "No rule found harm", "every image of the folder"):
        assert sentence in page


def test_every_image_has_a_row_and_suspicious_ones_are_named(outcome):
    rows = re.findall(r"<tr><td>([ab]\.png)</td>(.*?)</tr>", render(outcome))
    shown = {name: re.findall(r">([^<]*)</td>", cells) for name, cells in rows}
    assert shown["a.png"] == ["40", "100", "+60 (+150%)", "10.0%", ""]
    assert shown["b.png"] == ["60", "150", "+90 (+150%)", "20.0%", "suspicious: black pigment"]


def test_the_next_command_is_that_of_the_model_that_the_verdict_names(outcome):
    """It runs as it stands, whatever the folder's name."""
    line = "mani infer --bundle {} --images 'kidney images' --out out/nuclei{} --mpp 0.25"
    adapted, given = line.format("out", ""), line.format("given", "_source")
    assert outcome.commands.of(USE) == {"adapted model": adapted}
    assert outcome.commands.of(KEEP) == {"source model": given}
    assert outcome.commands.of(LOOK) == {"adapted model": adapted, "source model": given}
    assert outcome.record()["next"] == outcome.commands.of(LOOK), "which is the verdict here"
    text = "".join(Reader.of(render(outcome)).words)
    assert adapted in text
    assert given in text


@pytest.mark.parametrize(("mpp", "size"), [(None, ""), (0.5, " --mpp 0.5")])
def test_after_slides_the_next_command_is_for_slides(outcome, mpp, size):
    """At the pixel size that the slides say; that of their windows is the network's."""
    commands = replace(outcome.commands, slides=Slides("my slides", mpp)).of(USE)
    expected = f"mani slides --bundle out --slides 'my slides' --out out/nuclei{size}"
    assert commands == {"adapted model": expected}


def test_candidates_and_labels_are_shown_where_there_are_some(outcome):
    plain = render(outcome)
    assert "oracle" not in plain
    scores = {"stain": 0.91, "symmetry": 0.92, "entropy": 0.3, "nuclei_share": 0.25}
    figures = {"dice": 0.711, "aji": 0.5, "pq": 0.4, "count_error": 0.1}
    check = {"images": 3, "left_out": ["y: has no mask"], "before": figures, "after": {**figures, "dice": 0.722}}
    text = " ".join(Reader.of(render(replace(outcome, candidates={"half": scores}, check=check))).words)
    for part in ("half of each", "0.910", "Against your labels (oracle)", "0.711", "0.722", "y: has no mask"):
        assert part in text
    assert "neighbourhood" not in plain + text


def test_shares_of_fields_and_of_whole_images_are_told_apart(outcome):
    """One word for one thing, and a sentence where two tables differ."""
    scores = {"stain": 0.91, "symmetry": 0.92, "entropy": 0.3, "nuclei_share": 0.25}
    text = " ".join(" ".join(Reader.of(render(replace(outcome, candidates={"half": scores}, scored=3))).words).split())
    assert text.count("share of pixels in nuclei") == 3, "in either table, and in the sentence"
    assert "These are the nuclei of 4 whole images, as mani infer finds them" in text
    assert "means over one field of each of 3 images, before nuclei are parted" in text


def test_the_page_names_the_folder_that_commands_are_typed_in(outcome, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    field = UnsureField(0, 0, 0, 64, 64, 0.1)
    kept = replace(outcome, kept=True, verdict=AS_IT_IS)
    for shown, commands in ((outcome, "one of these commands"), (kept, "this command")):
        text = " ".join(" ".join(Reader.of(render(replace(shown, least_certain=(field,)))).words).split())
        assert f"Give {commands} in the folder {tmp_path}." in text
        assert "The folder least_certain beside this report holds these fields as images." in text


def test_what_is_not_finite_is_a_dash(outcome):
    scores = dict.fromkeys(outcome.evidence.scores_after, float("nan"))
    page = render(replace(outcome, evidence=replace(outcome.evidence, scores_after=scores)))
    assert outcome.evidence.scores_before["stain"] == 0.9
    words = Reader.of(page).words
    number = words.index("0.900")
    assert words[number : number + 2] == ["0.900", "-"]
    assert "nan" not in words


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


def test_a_model_that_is_kept_is_shown_once(outcome):
    """No column repeats another, and nothing speaks of a before and an after."""
    found = {"dice": 0.711, "pq": 0.4}
    check = {"images": 1, "left_out": [], "before": found, "after": found}
    kept = replace(outcome, kept=True, verdict=AS_IT_IS, check=check, scored=1)
    page = render(kept)
    text = " ".join(" ".join(Reader.of(page).words).split())
    assert "Keep the source model. The model agrees with itself best as it is." in text
    assert not re.search(r"before|after|adapted model", re.sub(r"<h1>.*</h1>|<style>.*?</style>", "", page, flags=re.S))
    assert re.findall(r"<tr><td>a\.png</td>(.*?)</tr>", page) == ["<td class=figure>40</td><td></td>"]
    assert text.count("0.711") == 1
    assert "Means over 1 labelled image of the target." in text
    assert "Means over 1 target image." in text
    assert kept.record()["kept"]


def test_a_model_that_is_kept_is_no_alarm(outcome):
    adapted = replace(outcome, verdict=NOT_ADAPTED)
    alarm = "background: #f8d7da"
    assert alarm in render(adapted)
    assert alarm not in render(replace(adapted, kept=True))


def test_paths_of_the_next_command_are_as_typed_here(outcome, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inside = NextCommands("/elsewhere/given", str(tmp_path / "images"), str(tmp_path / "out"))
    assert inside.of(USE)["adapted model"] == "mani infer --bundle out --images images --out out/nuclei"
    assert inside.of(KEEP)["source model"].startswith("mani infer --bundle /elsewhere/given --images images ")


def test_least_certain_fields_are_named(outcome):
    fields = (UnsureField(1, 0, 256, 256, 128, 0.3456), UnsureField(0, 0, 0, 64, 64, 0.1))
    words = " ".join(" ".join(Reader.of(render(replace(outcome, least_certain=fields))).words).split())
    assert "Where the model is least sure" in words
    assert "b.png 0 to 256 256 to 384 0.346 a.png 0 to 64 0 to 64 0.100" in words
    assert "Where the model is least sure" not in render(outcome)
    record = replace(outcome, least_certain=fields).record()["least_certain"]
    assert record[0] == {"image": "b.png", "row": 0, "column": 256, "height": 256, "width": 128, "entropy": 0.3456}


def test_sizes_and_counts_have_their_change(outcome):
    evidence = replace(outcome.evidence, before=figures(count=100, area=200), after=figures(count=150, area=100))
    words = " ".join(" ".join(Reader.of(render(replace(outcome, evidence=evidence))).words).split())
    assert "nuclei 100 150 +50%" in words
    assert "median area, px 200 100 -50%" in words
    assert "+50%" not in " ".join(Reader.of(render(replace(outcome, evidence=evidence, kept=True))).words)


def test_a_trained_candidate_is_told_from_those_that_were_chosen_among(outcome):
    scores = {**SCORES, "nuclei_share": 0.2}
    plain = render(replace(outcome, candidates={"source": scores, "half": scores}))
    trained = render(replace(outcome, candidates={"source": scores, "half, then self-training": scores}))
    assert "Training on changed stains flatters the first column" in trained
    assert "flatters" not in plain
