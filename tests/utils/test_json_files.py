"""JSON objects from files, what is said of others, and tables."""

from __future__ import annotations

import json

import pytest

from mani_monai.utils import InputError
from mani_monai.utils.json_files import config_text, read_object, save_json, without_infinities, write_csv


def test_an_object_and_no_file(tmp_path):
    (tmp_path / "a.json").write_text('{"a": [1, "\u00e4"]}', encoding="utf-8")
    assert read_object(tmp_path / "a.json", "write it again") == {"a": [1, "\u00e4"]}
    assert read_object(str(tmp_path / "b.json"), "write it again") == {}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"a"', "is no JSON"),
        (b"\xff{}", "is no JSON"),
        (b"[1]", "holds no object but list"),
        (b'{"a": 1' + b"0" * 400 + b"}", "is no JSON .a whole number of 401 digits"),
        (b'{"a": 18446744073709551616}', "is no JSON .a whole number of 20 digits"),
    ],
)
def test_what_is_no_object_is_named_with_its_remedy(tmp_path, content, reason):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.json: {reason}.*; write it again\.$") as raised:
        read_object(tmp_path / "a.json", "write it again")
    assert "\n" not in str(raised.value)


def test_what_is_saved_is_read(tmp_path):
    content = {"a": [1, None, "\u00e4"], "b": {"c": 0.5}}
    save_json(tmp_path / "new" / "a.json", content)
    assert read_object(tmp_path / "new" / "a.json", "write it again") == content
    assert (tmp_path / "new" / "a.json").read_text(encoding="utf-8").endswith("}\n")


def test_what_json_does_not_know_leaves_the_older_file(tmp_path):
    save_json(tmp_path / "a.json", [1])
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_json(tmp_path / "a.json", [float("nan")])
    assert json.loads((tmp_path / "a.json").read_text()) == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_nothing_stands_for_what_is_not_finite():
    content = {"a": [1, float("nan"), (0.5, float("inf"))], "b": {"c": -float("inf"), "d": "nan", "e": True}}
    assert without_infinities(content) == {"a": [1, None, [0.5, None]], "b": {"c": None, "d": "nan", "e": True}}


def test_a_config_has_a_line_an_entry_where_it_is_long():
    content = {"a": [1, 2], "b": {"_target_": "X", "long": ["y" * 60, "z" * 60]}, "c": {}, "d": [{"e": 1}, {}]}
    text = config_text(content)
    assert json.loads(text) == content
    assert list(json.loads(text)) == list(content)
    assert text.splitlines()[1:4] == ['    "a": [1, 2],', '    "b": {', '        "_target_": "X",']
    assert '    "d": [{"e": 1}, {}]' in text.splitlines()
    with pytest.raises(ValueError, match="not JSON compliant"):
        config_text({"a": float("nan")})


def test_a_table_of_names_that_are_no_text_and_cells_that_are_no_formulas(tmp_path):
    rows = [{"image": "a\udcff.png", "nuclei": 3, "note": None}, {"image": "=1+1", "nuclei": -2}]
    write_csv(tmp_path / "new" / "a.csv", rows, ("image", "nuclei", "note"))
    expected = b"image,nuclei,note\na\\udcff.png,3,\n'=1+1,-2,\n"
    assert (tmp_path / "new" / "a.csv").read_bytes() == expected
    with pytest.raises(ValueError, match="not in fieldnames"):
        write_csv(tmp_path / "new" / "a.csv", [{"other": 1}], ("image",))
    assert (tmp_path / "new" / "a.csv").read_bytes() == expected, "the older table stays"
