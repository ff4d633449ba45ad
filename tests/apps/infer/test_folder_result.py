"""What counts as done."""

from __future__ import annotations

import pytest

from mani_monai.apps.infer.folder_result import Record, begin, is_done, read_record, record_path, write_record
from mani_monai.utils.folders import file_hash

KEY = {"image": "a", "weights": "b"}


@pytest.fixture
def record(tmp_path):
    (tmp_path / "a.geojson").write_text("one")
    (tmp_path / "a.csv").write_text("two")
    outputs = {name: file_hash(tmp_path / name) for name in ("a.geojson", "a.csv")}
    record = Record(KEY, outputs, {"image": "a.png"})
    write_record(tmp_path, "a.png", record)
    return record


def test_a_record_is_read_again(tmp_path, record):
    assert read_record(tmp_path, "a.png") == record
    assert is_done(record, KEY, tmp_path, ["a.geojson", "a.csv"])
    assert is_done(record, KEY, tmp_path, ["a.csv"])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": {}}', '{"key": 1, "outputs": {}, "result": {}}'])
def test_a_record_that_is_broken_is_none(tmp_path, record, text):
    record_path(tmp_path, "a.png").write_text(text)
    assert read_record(tmp_path, "a.png") is None
    assert not is_done(None, KEY, tmp_path, [])


def test_what_is_not_done(tmp_path, record):
    assert not is_done(record, {**KEY, "weights": "c"}, tmp_path, ["a.csv"])
    assert not is_done(record, KEY, tmp_path, ["a.csv", "a_mask.png"])
    (tmp_path / "a.csv").write_text("half")
    assert not is_done(record, KEY, tmp_path, ["a.csv"])
    (tmp_path / "a.csv").unlink()
    assert not is_done(record, KEY, tmp_path, ["a.csv"])


def test_beginning_takes_away_the_record_and_what_is_of_other_weights(tmp_path, record):
    assert begin(record, KEY, tmp_path, "a.png") == record.outputs
    assert read_record(tmp_path, "a.png") is None
    assert (tmp_path / "a.csv").exists()
    assert begin(record, {"image": "other"}, tmp_path, "a.png") == {}
    assert not (tmp_path / "a.csv").exists()
    assert begin(None, KEY, tmp_path, "a.png") == {}


def test_a_record_names_no_file_elsewhere(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "precious.txt").touch()
    begin(Record({}, {"../precious.txt": "", str(tmp_path / "precious.txt"): ""}, {}), KEY, out, "a.png")
    assert (tmp_path / "precious.txt").exists()


def test_another_image_of_the_same_name_is_told_by_its_place(tmp_path):
    here = tmp_path / "here" / "a.png"
    record = Record(KEY, {}, {}, str(here))
    write_record(tmp_path, "a.png", record)
    assert read_record(tmp_path, "a.png") == record
    other = {**KEY, "image": "c"}
    assert record.is_of_another(other, tmp_path / "a.png")
    assert not record.is_of_another(other, here), "the image was changed"
    assert not record.is_of_another(KEY, tmp_path / "a.png"), "the image was moved"
    assert not Record(KEY, {}, {}).is_of_another(other, here), "a record that does not hold its place"
