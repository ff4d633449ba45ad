from dataclasses import replace
from pathlib import Path

from mani_monai.apps.prepare.alignment import Alignment
from mani_monai.apps.prepare.conversion import ImageFacts
from mani_monai.apps.prepare.preparation_table import format_table
from mani_monai.apps.prepare.prepared_images import Preparation
from mani_monai.apps.prepare.splits import Split, grouped_folds, random_split
from mani_monai.apps.prepare.windows import WindowGrid
from mani_monai.data.readers import Listing

GOOD = Alignment(0.3, (1, -1), None)


def preparation(images, failures=(), written=True, left_out=()):
    groups = {image.id: image.group for image in images}
    splits = (random_split(list(groups), 0),) * 5
    listing = Listing("tnbc", (), "CC BY 4.0", "patient", left_out)
    return Preparation(
        "mine", Path("data/mine"), written, listing, tuple(images), failures, splits, grouped_folds(groups)
    )


def facts(name, group, nuclei=4, fit=GOOD, notes=(), height=10, width=20):
    return ImageFacts(name, group, height, width, nuclei, fit, notes)


def test_table():
    images = [
        facts("a", "p1", 2, notes=(("alpha dropped", 1),)),
        facts("b", "p1", 9, Alignment(0.1, (0, 0), None), (("alpha dropped", 1), ("outlines dropped", 5))),
        facts("c", "p2", 0, None, height=30),
        facts("d", "p3", 3),
    ]
    table = format_table(preparation(images, left_out=("Slide_12: 2 images of brain",)))
    assert table.splitlines() == [
        "data set     mine (read as tnbc; licence: CC BY 4.0)",
        "images       4",
        "sizes        3 of 10x20, 1 of 30x20 (height x width)",
        "nuclei       14; an image has 0 / 2.5 / 9 (min / median / max)",
        "groups       3 by patient, 1 to 2 images each",
        "empty masks  1",
        "converted    alpha dropped: 2",
        "converted    outlines dropped: 5",
        "alignment    haematoxylin inside minus outside nuclei: median 0.300, lowest 0.100 (b)",
        "alignment    no suspicious pair",
        "left out     Slide_12: 2 images of brain",
        "lists        source_ and target_split_0 to _4: 2/1/1 training/validation/test images",
        "lists        source_ and target_fold_0 to _2: 1/1/2, 2/1/1 training/validation/test images",
        "lists        only 3 folds, since there are only so many groups to keep whole",
        "lists        splits divide by image, as the paper does, and folds by group: train with --split fold_0",
        "written      data/mine",
    ]


def test_doubtful_pairs_are_named():
    images = [
        facts("a", "a"),
        facts("b", "b", fit=Alignment(-0.02, (0, 0), None)),
        facts("c", "c", fit=Alignment(0.2, (0, 0), "transposed")),
        facts("d", "d", fit=Alignment(0.2, (0, 4), None)),
        facts("e", "e", fit=Alignment(0.2, (3, -3), None)),
    ]
    assert [line.split(":")[0] for line in preparation(images).doubts] == ["b", "c", "d"]
    assert "look at c: the mask fits better transposed" in format_table(preparation(images))


def test_failures_and_no_masks():
    images = [facts("a", "a", None, None), facts("b", "b", None, None)]
    table = format_table(preparation(images, ("x.png: is bad.",), written=False))
    assert "no masks: a target without scores, never a source" in table
    assert "empty masks" not in table
    assert "failed       x.png: is bad." in table
    assert table.endswith("written      nothing")
    assert "no folds: they need three groups" in format_table(preparation(images))


def test_no_image_at_all():
    assert format_table(preparation([], ("x.png: is bad.",), written=False)).splitlines()[1:] == [
        "images       0",
        "left out     nothing",
        "failed       x.png: is bad.",
        "written      nothing",
    ]


def test_types_tissues_windows_and_the_own_partition():
    images = [
        replace(facts(name, name, 4), types=types, tissue=tissue, part="test")
        for name, types, tissue in (("a", (1, 3, 0), "liver"), ("b", (0, 2, 2), None), ("c", (0, 0, 4), "liver"))
    ]
    plain = preparation(images)
    found = replace(
        plain, listing=replace(plain.listing, types=("round", "long")), native=Split(("a",), ("b",), ("c",))
    )
    table = format_table(found).splitlines()
    assert "types        round 5, long 6 (nuclei); 1 without a type" in table
    assert "tissues      liver 2, unknown 1 (images)" in table
    line = "source_ and target_native: 1/1/1 training/validation/test images, the data set's own partition"
    assert f"lists        {line}" in table

    cut = [replace(image, id=f"{image.id}{k}", nuclei=k, alignment=None) for image in images for k in (1, 3)]
    grid = WindowGrid(16, 8)
    table = format_table(replace(found, images=tuple(cut), uncut=tuple(images), windows=grid, native=None)).splitlines()
    assert "images       3" in table
    assert "nuclei       12; an image has 4 / 4 / 4 (min / median / max)" in table
    where = "6 of 16x16 at step 8, mirrored beyond the borders"
    assert f"windows      {where}; nuclei and pieces: 12; a window has 1 / 2 / 3 (min / median / max)" in table
    assert "types        round 5, long 6 (nuclei); 1 without a type" in table
    doubtful = (*images[:2], replace(images[2], alignment=Alignment(0.2, (0, 9), None)))
    assert len(replace(found, images=tuple(cut), uncut=doubtful).doubts) == 1  # a line an image, not a window
    assert any(line.endswith("training/validation/test windows") for line in table)
    assert any("no native lists: the data set's own partition leaves" in line for line in table)
    unmirrored = replace(found, images=tuple(cut), windows=WindowGrid(16, 8, mirror=False))
    assert "16x16 at step 8, inside the borders" in format_table(unmirrored)


def of_a_folder(names, group="image"):
    found = preparation([facts(name, name) for name in names])
    return format_table(replace(found, listing=Listing("folder", (), "unknown", group)))


def test_names_that_look_like_patients_are_pointed_at():
    line = (
        "groups       look at the names: 2 beginnings, such as 01 of 2 images; where these are patients, name them by "
        "--groups, or scores will be too good"
    )
    assert line in of_a_folder(["01_1", "01_2", "02_1", "02_2"]).splitlines()
    assert "look at the names: 3 beginnings, such as TCGA-A of 2 images" in of_a_folder(
        ["TCGA-A-1", "TCGA-A-2", "TCGA-B-1", "TCGA-B-2", "TCGA-C-1"]
    )


def test_other_names_are_not():
    for names in (
        ["image_1", "image_2", "image_3"],
        ["a_1", "b_1", "c_1"],
        ["x", "y", "z"],
        ["a_1", "a_2", "b", "c", "d"],
    ):
        assert "look at the names" not in of_a_folder(names)
    assert "look at the names" not in of_a_folder(["01_1", "01_2", "02_1", "02_2"], group="group")
