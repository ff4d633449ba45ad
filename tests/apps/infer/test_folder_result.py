"""What counts as done; what is said of pixel sizes."""

from __future__ import annotations

from pathlib import Path

import pytest

from mani_monai.apps.infer.folder_result import (
    DONE,
    NOT_KNOWN,
    FolderResult,
    ImageResult,
    Record,
    begin,
    is_done,
    read_record,
    record_path,
    report,
    write_record,
)
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


@pytest.mark.parametrize(
    ("images", "network", "last", "warning"),
    [
        (1, 0.25, "1 image without a pixel size", "1 image has no pixel size, 0.png: taken as the network's 0.25 um;"),
        (2, 0.25, "2 images without a pixel size", "2 images have no pixel size, e.g. 0.png: taken as the network's"),
        (2, None, "the model without a pixel size", "the model has no pixel size, so that no image is rescaled"),
    ],
)
def test_pixel_sizes_that_nobody_knows_are_said_in_a_sentence(images, network, last, warning, capsys):
    results = [ImageResult(f"{number}.png", DONE, nuclei=3, pixel_size=f"{NOT_KNOWN} (x)") for number in range(images)]
    report(FolderResult({"network_mpp": network}, results, 0, Path("summary.csv")))
    said = capsys.readouterr()
    assert f" nuclei; {last}; summary: summary.csv" in said.out
    assert said.err.startswith(f"warning: {warning}")
