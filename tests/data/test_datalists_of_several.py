"""Several data sets as one: what joins them, and what is refused."""

from __future__ import annotations

import json

import pytest
from made_datalists import entries, one_line, write

from mani_monai.data.datalists import load_source_list, load_target_list
from mani_monai.utils import InputError


@pytest.fixture
def two(data):
    """A second data set, "other", of the images d, e, f."""
    folder = data / "other"
    folder.mkdir()
    for part in ("images", "labels"):
        (folder / part).mkdir()
        for name, twin in zip("def", "abc", strict=True):
            (folder / part / f"{name}.png").write_bytes((data / "mine" / part / f"{twin}.png").read_bytes())
    write(folder / "dataset.json", {})
    parts = {"validation": entries("e"), "test": entries("f")}
    write(folder / "source_split_0.json", {"training": entries("d"), **parts})
    write(folder / "target_split_0.json", {"training": entries("d", label=False), **parts})
    return data


@pytest.mark.parametrize("name", ["mine,other", "mine, other", ("mine", "other"), ["mine", "other"]])
def test_several_data_sets_are_joined_and_every_item_says_its_own(two, name):
    for part, images in {"training": ["a", "d"], "validation": ["b", "e"]}.items():
        items = load_source_list(two, name, part=part)
        assert [item["domain"] for item in items] == ["mine", "other"]
        expected = [
            str(two / each / f"images/{image}.png") for each, image in zip(["mine", "other"], images, strict=True)
        ]
        assert [item["image"] for item in items] == expected
        assert all("label" in item for item in items)
    assert [set(item) for item in load_target_list(two, name)] == [{"image", "domain"}] * 2


def test_items_of_several_have_one_set_of_keys(two):
    path = two / "other" / "source_split_0.json"
    content = json.loads(path.read_text())
    content["training"][0] |= {"tissue": "liver", "types": content["training"][0]["label"]}
    write(path, content)
    assert [set(item) for item in load_source_list(two, "mine,other")] == [{"image", "label", "domain"}] * 2
    assert set(load_source_list(two, "other")[0]) == {"image", "label", "tissue", "types"}


@pytest.mark.parametrize("name", ["mine,", "mine,mine", ",", ""])
def test_names_that_are_no_list(two, name):
    with pytest.raises(InputError, match="tnbc,consep") as error:
        load_source_list(two, name)
    assert one_line(error)


def test_one_of_several_is_missing(two):
    with pytest.raises(InputError, match="no data set 'third'"):
        load_source_list(two, "mine,third")


def test_pixel_sizes_that_differ_are_refused_and_unknown_ones_are_not(two):
    write(two / "mine" / "dataset.json", {"mpp": 0.25})
    assert len(load_source_list(two, "mine,other")) == 2
    write(two / "other" / "dataset.json", {"mpp": 0.5})
    with pytest.raises(InputError, match=r"mine 0.25, other 0.5 um.*prepare them at one size") as error:
        load_source_list(two, "mine,other")
    assert one_line(error)
    assert len(load_source_list(two, "other")) == 1
    write(two / "other" / "dataset.json", {"mpp": 0.2502})
    assert len(load_source_list(two, "mine,other")) == 2
