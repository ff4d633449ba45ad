import numpy as np
import pytest
from made_datalists import HEIGHT, WIDTH, entries, one_line, write
from PIL import Image

from mani_monai.data.datalists import (
    check_whole,
    load_datalist,
    load_source_list,
    load_target_list,
    type_names,
)
from mani_monai.utils import InputError


def test_paths_are_absolute(data, monkeypatch):
    monkeypatch.chdir(data)
    items = load_datalist("mine/source_split_0.json", "test")
    assert items == [{"image": str(data / "mine/images/c.png"), "label": str(data / "mine/labels/c.png")}]


@pytest.mark.parametrize("split", ["split_0", "0", 0, "fold_3"])
def test_source_and_target(data, split):
    image, label = str(data / "mine/images/a.png"), str(data / "mine/labels/a.png")
    assert load_source_list(data, "mine", split) == [{"image": image, "label": label}]
    assert load_target_list(data, "mine", split) == [{"image": image}]
    assert load_target_list(str(data), "mine", split, "validation")[0]["label"] == str(data / "mine/labels/b.png")


def typed(data, *names):
    """Entries of images with cell types, whose files are made."""
    folder = data / "mine" / "types"
    folder.mkdir(exist_ok=True)
    for name in names:
        Image.fromarray(np.ones((HEIGHT, WIDTH), np.uint8)).save(folder / f"{name}.png")
    return [
        entry | {"types": f"types/{name}.png", "tissue": "colon"}
        for name, entry in zip(names, entries(*names), strict=True)
    ]


def test_types_are_files_and_tissue_is_a_name(data):
    content = {"training": typed(data, "a"), "validation": typed(data, "b"), "test": typed(data, "c")}
    write(data / "mine" / "source_native.json", content)
    (item,) = load_source_list(data, "mine", "native", "test")
    assert item["types"] == str(data / "mine/types/c.png")
    assert item["tissue"] == "colon"
    (data / "mine" / "types" / "c.png").unlink()
    with pytest.raises(InputError, match=r"types/c\.png: is in .* but does not exist"):
        load_source_list(data, "mine", "native", "test")


def test_types_never_reach_the_training_of_a_target(data):
    entry = typed(data, "a")[0]
    del entry["label"]
    write(data / "mine" / "target_split_0.json", {"training": [entry]})
    with pytest.raises(InputError, match=r'must not hold labels; remove the keys "label" and "types"'):
        load_target_list(data, "mine", 0)


def test_native_split_is_named_among_the_choices(data):
    with pytest.raises(InputError, match=r"no source split 'native'; choose from fold_3, split_0\."):
        load_source_list(data, "mine", "native")
    write(data / "mine" / "target_native.json", {"training": entries("a", label=False)})
    assert len(load_target_list(data, "mine", "native")) == 1
    with pytest.raises(InputError, match=r"choose from fold_3, native, split_0\."):
        load_target_list(data, "mine", "split_7")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("{", "is no JSON"),
        ("", "is no JSON"),
        ("[]", "holds no object but list"),
        ({"training": []}, r"has no part 'test' \(it holds: training\)"),
        ({"test": []}, "'test' is empty"),
        ({"test": "a"}, "is no list"),
        ({"test": [{"label": "x"}]}, "is no list"),
        ({"test": ["images/a.png"]}, "is no list"),
        ({"test": entries("a", "nix")}, r"nix\.png: is in .* but does not exist \(2 such\)"),
    ],
)
def test_broken_list(data, content, fault):
    path = data / "mine" / "x.json"
    write(path, content)
    with pytest.raises(InputError, match=fault) as error:
        load_datalist(path, "test")
    assert str(path) in str(error.value)
    assert one_line(error)


def test_missing_list(data):
    with pytest.raises(InputError, match=r"y\.json: does not exist; write it with mani prepare"):
        load_datalist(data / "mine" / "y.json", "test")


def test_missing_data_set_names_those_there(data):
    (data / ".mine.77.partial").mkdir()
    (data / ".mine.77.partial" / "dataset.json").touch()
    with pytest.raises(InputError, match=r"has no data set 'tnbc' \(it holds mine\).*mani prepare"):
        load_source_list(data, "tnbc", 0)
    with pytest.raises(InputError, match="it does not exist"):
        load_target_list(data / "gone", "tnbc", 0)


def test_missing_split_names_those_there(data):
    with pytest.raises(InputError, match=r"has no source split 'split_9'; choose from fold_3, split_0"):
        load_source_list(data, "mine", "split_9")
    with pytest.raises(InputError, match="'9'"):
        load_source_list(data, "mine", 9)


def test_data_set_without_masks_is_no_source(data):
    for path in (data / "mine").glob("source_*"):
        path.unlink()
    with pytest.raises(InputError, match="has no source lists, since it has no masks"):
        load_source_list(data, "mine", 0)


def test_labels_never_reach_the_training_of_a_target(data):
    path = data / "mine" / "target_split_0.json"
    write(path, {"training": [*entries("a", label=False), *entries("b")], "test": entries("c")})
    with pytest.raises(
        InputError, match=r"target_split_0\.json: a target's training list must not hold labels; remove"
    ):
        load_target_list(data, "mine", 0)
    assert len(load_target_list(data, "mine", 0, "test")) == 1


def test_source_without_a_label(data):
    write(data / "mine" / "source_split_0.json", {"training": entries("a", label=False)})
    with pytest.raises(InputError, match=r"a\.png has no label"):
        load_source_list(data, "mine", 0)


@pytest.mark.parametrize(
    ("windows", "repeats"),
    [
        (None, False),
        ({"size": 256, "step": 256, "mirror": False}, False),
        ({"size": 256, "step": 200, "mirror": False}, True),
        ({"size": 256, "step": 256, "mirror": True}, True),
    ],
)
def test_windows_that_repeat_nuclei_are_not_scored(data, windows, repeats):
    write(data / "mine" / "dataset.json", {"windows": windows} if windows else {})
    if not repeats:
        check_whole(data, "mine")
        return
    with pytest.raises(InputError, match="mine: its windows repeat nuclei") as error:
        check_whole(data, "mine")
    assert one_line(error)


def test_types_have_names(data):
    write(data / "mine" / "dataset.json", {"types": {"1": "epithelial", "3": "other"}})
    assert type_names(data, "mine", 4) == ["epithelial", "type 2", "other"]
    assert type_names(data, "mine", 0) == []
    with pytest.raises(InputError, match="has no data set 'yours'"):
        type_names(data, "yours", 0)
