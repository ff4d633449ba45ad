import json
from pathlib import Path

import pytest

from mani_monai.apps.prepare.conversion import ImageFacts
from mani_monai.apps.prepare.prepared_images import Preparation
from mani_monai.apps.prepare.prepared_lists import count_by_type, summary, write_lists
from mani_monai.apps.prepare.splits import Split
from mani_monai.apps.prepare.windows import WindowGrid
from mani_monai.data.readers import Listing

SPLIT = Split(("a",), ("b",), ("c",))


def facts(name, nuclei=3, tissue=None, types=()):
    return ImageFacts(name, name, 20, 30, nuclei, None, (), types, tissue)


def preparation(images, types=(), native=SPLIT, **fields):
    listing = Listing("made", (), "none", types=types)
    return Preparation("mine", Path("mine"), True, listing, tuple(images), (), (SPLIT,), (SPLIT,), native, **fields)


def lists(folder, found):
    write_lists(folder, found)
    return {path.stem: json.loads(path.read_text()) for path in folder.iterdir()}


@pytest.mark.parametrize("types", [(), ("round", "long")])
@pytest.mark.parametrize("tissues", [(None, None, None), ("colon", None, "liver")])
def test_entries(tmp_path, types, tissues):
    images = [facts(name, 3, tissue, (0, 1, 2) if types else ()) for name, tissue in zip("abc", tissues, strict=True)]
    written = lists(tmp_path, preparation(images, types))
    assert set(written) == {
        f"{role}_{kind}" for role in ("source", "target") for kind in ("split_0", "fold_0", "native")
    }
    full = {}
    for name, tissue in zip("abc", tissues, strict=True):
        full[name] = {"image": f"images/{name}.png", "label": f"labels/{name}.png"}
        full[name] |= {"types": f"types/{name}.png"} if types else {}
        full[name] |= {"tissue": tissue or "unknown"} if any(tissues) else {}  # a batch needs one set of keys
    for kind in ("split_0", "fold_0", "native"):
        scored = {"validation": [full["b"]], "test": [full["c"]]}
        assert written[f"source_{kind}"] == {"name": "mine", "training": [full["a"]], **scored}
        assert written[f"target_{kind}"] == {"name": "mine", "training": [{"image": "images/a.png"}], **scored}


def test_without_masks_and_without_a_partition(tmp_path):
    written = lists(tmp_path, preparation([facts(name, None, "colon") for name in "abc"], native=None))
    assert set(written) == {"target_split_0", "target_fold_0"}
    assert written["target_fold_0"]["training"] == [{"image": "images/a.png"}]
    assert written["target_fold_0"]["test"] == [{"image": "images/c.png", "tissue": "colon"}]


def test_summary_of_types_tissues_and_windows():
    images = [facts("a", 3, "colon", (1, 0, 2)), facts("b", 4, None, (0, 4, 0)), facts("c", 0, "liver", (0, 0, 0))]
    content = summary(preparation(images, ("round", "long")), 5)
    assert content["types"] == {"1": "round", "2": "long"}
    assert content["counts"]["types"] == {"none": 1, "round": 4, "long": 2}
    assert content["tissues"] == {"a": "colon", "b": "unknown", "c": "liver"}
    assert "windows" not in content
    cut = summary(preparation(images, windows=WindowGrid(16, 8), uncut=(facts("x", 5),)), 5)
    assert cut["windows"] == {"size": 16, "step": 8, "mirror": True, "of_images": 1, "of_nuclei": 5}
    assert (cut["counts"]["images"], cut["counts"]["nuclei"]) == (3, 7)


def test_nothing_is_added_where_nothing_is_known():
    content = summary(preparation([facts(name) for name in "abc"]), 0)
    assert not {"types", "tissues", "windows"} & set(content)
    assert set(content["counts"]) == {"images", "nuclei", "groups", "empty_masks"}


def test_count_by_type():
    assert count_by_type([facts("a", types=(1, 0, 2)), facts("b", types=(0, 4, 1))]) == [1, 4, 3]


def test_summary_says_the_pixel_size_where_it_is_known():
    known = Preparation(
        "mine", Path("mine"), True, Listing("made", (), "none", mpp=0.25), (facts("a"),), (), (SPLIT,), ()
    )
    assert summary(known, 0)["mpp"] == 0.25
    assert "mpp" not in summary(preparation([facts("a")]), 0)
