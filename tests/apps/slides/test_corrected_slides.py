"""Corrected regions out of QuPath's files: classes, parts, holes, repairs, overlaps, and what cannot be."""

from __future__ import annotations

import json

import numpy as np
import pytest
from made_slides import made_picture, write_slide

from mani_monai.apps.prepare.conversion import read_instances
from mani_monai.apps.prepare.prepare_command import COMMANDS
from mani_monai.apps.slides.corrected_slides import read_corrected_slides
from mani_monai.utils import InputError

PICTURE = made_picture(300, 400, nuclei=60)


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides")
    write_slide(folder / "a.svs", PICTURE)
    return folder


def polygon(*rings):
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]] for ring in rings]}


def box(left, top, right, bottom):
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def feature(geometry, name=None, kind="annotation"):
    properties = {"objectType": kind} | ({"classification": {"name": name}} if name else {})
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def region(*corners, name="Training"):
    return feature(polygon(box(*corners)), name)


def nucleus(*corners, name=None, kind="annotation"):
    return feature(polygon(box(*corners)), name, kind)


REGION = region(100, 50, 200, 130)


def listing_of(slides, tmp_path, features, file="a.geojson", **options):
    (tmp_path / file).write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return read_corrected_slides(slides, tmp_path, **options)


def masks_of(listing):
    assert listing.problems == ()
    return [record.read_mask(record.read_image().pixels.shape[:2]) for record in listing.records]


def test_a_rectangle_is_a_picture_and_its_nuclei(slides, tmp_path):
    inside, edge, far = nucleus(110, 60, 120, 75), nucleus(190, 100, 215, 110), nucleus(300, 200, 310, 210)
    listing = listing_of(slides, tmp_path, [REGION, inside, edge, far])
    (record,) = listing.records
    assert (record.id, record.group, record.part) == ("a_x100_y50", "a", None)
    assert (listing.group, listing.mpp, listing.types) == ("slide", 0.25, ())
    assert np.abs(record.read_image().pixels.astype(int) - PICTURE[50:130, 100:200]).mean() < 8  # JPEG
    (mask,) = masks_of(listing)
    expected = np.zeros((80, 100), int)
    expected[10:25, 10:20], expected[50:60, 90:] = 1, 2
    np.testing.assert_array_equal(mask.values, expected)
    assert mask.notes == (("nuclei cut by the rectangle", 1),)


def test_classes_are_numbered_by_name_or_as_said(slides, tmp_path):
    features = [
        REGION, nucleus(110, 60, 120, 70, name="Tumor"), nucleus(130, 60, 140, 70, name="nucleus"),
        nucleus(150, 60, 160, 70, name="Immune"), nucleus(170, 60, 180, 70),
        nucleus(110, 100, 120, 110, name="Stroma*"),
    ]  # fmt: skip
    features[1]["properties"]["classification"] = {"names": ["Tumor", "Positive"]}
    listing = listing_of(slides, tmp_path, features)
    assert listing.types == ("Immune", "Tumor: Positive")
    (mask,) = masks_of(listing)
    assert [int(mask.types[15, column]) for column in (15, 35, 55, 75)] == [2, 0, 1, 0]
    assert mask.values.max() == 4  # the class with a star is no nucleus
    listing = listing_of(slides, tmp_path, features, classes=("Tumor: Positive", "Immune", "Other"))
    assert listing.types == ("Tumor: Positive", "Immune", "Other")
    assert [int(masks_of(listing)[0].types[15, column]) for column in (15, 55)] == [1, 2]
    with pytest.raises(InputError, match=r"--classes Immune: lacks Tumor: Positive"):
        listing_of(slides, tmp_path, features, classes=("Immune",))


def test_parts_and_holes_stay_and_what_crosses_itself_is_repaired(slides, tmp_path):
    parts = {"type": "MultiPolygon", "coordinates": [polygon(box(110, 60, 116, 66))["coordinates"],
                                                     polygon(box(118, 60, 124, 66))["coordinates"]]}  # fmt: skip
    holed = polygon(box(140, 60, 160, 80), box(146, 66, 154, 74))
    bow = polygon([[110, 100], [130, 100], [110, 120], [130, 120]])
    (mask,) = masks_of(listing_of(slides, tmp_path, [REGION, feature(parts), feature(holed), feature(bow)]))
    values = mask.values
    assert values[12, 12] == values[12, 20] > 0 == values[12, 17]
    assert values[11, 41] > 0 == values[20, 50]
    assert values[52, 20] == values[67, 20] > 0 == values[60, 11]
    assert ("outlines repaired", 1) in mask.notes
    assert len(np.unique(values)) == 4


def test_overlaps_are_resolved_with_the_smaller_on_top_and_counted(slides, tmp_path):
    large, small = nucleus(110, 60, 130, 80), nucleus(125, 75, 135, 85)
    (mask,) = masks_of(listing_of(slides, tmp_path, [REGION, small, large]))
    assert mask.values[27, 27] == mask.values[32, 32] != mask.values[15, 15]
    assert ("overlaps resolved, the smaller nucleus on top", 1) in mask.notes


def test_a_large_annotation_around_nuclei_is_no_nucleus(slides, tmp_path):
    tumour = feature(polygon(box(90, 40, 250, 200)), "Tumor")
    (mask,) = masks_of(listing_of(slides, tmp_path, [REGION, tumour, nucleus(110, 60, 120, 70)]))
    assert (mask.values > 0).sum() == 100
    assert ("regions left out", 1) in mask.notes


def test_parts_of_a_partition_are_lists_of_their_own(slides, tmp_path):
    features = [
        region(0, 0, 64, 64), region(64, 0, 128, 64, name="validation"), region(200, 0, 264, 64, name="Test"),
        nucleus(10, 10, 20, 20),
    ]  # fmt: skip
    listing = listing_of(slides, tmp_path, features)
    assert [record.part for record in listing.records] == ["training", "validation", "test"]
    assert [int(mask.values.max()) for mask in masks_of(listing)] == [1, 0, 0]


def test_detections_count_alone_and_beside_annotations_by_choice(slides, tmp_path):
    light = [nucleus(110, 60, 120, 70, kind="detection"), nucleus(150, 60, 160, 70, kind="cell")]
    (mask,) = masks_of(listing_of(slides, tmp_path, [REGION, *light]))
    assert mask.values.max() == 2
    mixed = [REGION, *light, nucleus(111, 61, 122, 72)]
    (problem,) = listing_of(slides, tmp_path, mixed).problems
    assert "the rectangles hold 1 annotations and 2 detections; say which are the nuclei with --objects" in problem
    counts = {}
    for objects in ("annotations", "detections", "both"):
        (mask,) = masks_of(listing_of(slides, tmp_path, mixed, objects=objects))
        counts[objects] = int((mask.values > 0).sum())
        left_out = dict(mask.notes)["objects that another kind stands for, left out"]
        assert left_out == (2 if objects == "annotations" else 1)
    assert counts == {"annotations": 121, "detections": 200, "both": 221}
    with pytest.raises(InputError, match="--objects cells: choose among annotations, detections, both"):
        listing_of(slides, tmp_path, mixed, objects="cells")


def circle():
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    return [[150 + 40 * np.cos(angle), 150 + 40 * np.sin(angle)] for angle in angles]


@pytest.mark.parametrize(
    ("features", "words"),
    [
        ([nucleus(110, 60, 120, 70)], 'holds no rectangle of class "Training"'),
        ([feature(polygon(circle()), "Training")], "the region at x 110, y 110 is no upright rectangle"),
        ([region(5000, 5000, 5100, 5100)], r"lies outside of a\.svs, 300x400 pixels"),
        ([REGION, region(150, 100, 260, 200)], "the rectangles 1 and 2 of 2 overlap"),
        ([region(float("nan"), 0, 10, 10)], "is no GeoJSON FeatureCollection of polygons"),
    ],
)
def test_what_cannot_be_is_named(slides, tmp_path, features, words):
    import re

    listing = listing_of(slides, tmp_path, features)
    assert listing.records == ()
    (problem,) = listing.problems
    assert problem.startswith(str(tmp_path / "a.geojson"))
    assert re.search(words, problem)


def test_rectangles_over_the_edge_are_cut_and_touching_ones_are_apart(slides, tmp_path):
    listing = listing_of(slides, tmp_path, [region(350, 250, 500, 500), region(300, 250, 350, 300)])
    assert [mask.values.shape for mask in masks_of(listing)] == [(50, 50), (50, 50)]


def test_files_find_their_slides(slides, tmp_path):
    (tmp_path / "b.geojson").write_text("{}")
    (tmp_path / "a.svs.geojson").write_text("{}")
    listing = listing_of(slides, tmp_path, [REGION])
    assert len(listing.records) == 1
    assert [line.partition(": ")[2] for line in listing.problems] == [
        f"stands for the same slide as {tmp_path / 'a.geojson'}; remove one of the two.",
        f"has no slide of its name in {slides}; rename it, or remove it.",
    ]
    empty = tmp_path / "empty"
    empty.mkdir()
    assert read_corrected_slides(slides, empty).left_out == (f"a.svs: no GeoJSON of its name in {empty}",)
    (empty / "qupath").mkdir()
    (empty / "qupath" / "a.geojson").write_text("{}")
    with pytest.raises(InputError, match=f"{empty}: holds no GeoJSON; name {empty / 'qupath'} with --geojson"):
        read_corrected_slides(slides, empty)


def test_the_command_says_what_it_changed(slides, tmp_path, capsys):
    (tmp_path / "corrected").mkdir()
    bow = feature(polygon([[110, 60], [130, 60], [110, 80], [130, 80]]))
    features = [REGION, bow, nucleus(150, 60, 170, 80), nucleus(165, 75, 175, 85)]
    (tmp_path / "corrected" / "a.json").write_text(json.dumps(features))
    COMMANDS["qupath"](slides=str(slides), geojson=str(tmp_path / "corrected"), name="mine", out=str(tmp_path / "data"),
                       accept_doubtful=True)  # fmt: skip
    printed = capsys.readouterr().out
    assert "mine (read as qupath; licence: unknown)" in printed
    assert "outlines repaired: 1" in printed
    assert "overlaps resolved, the smaller nucleus on top: 1" in printed
    assert "1 by slide" in printed
    assert (tmp_path / "data" / "mine" / "labels" / "a_x100_y50.png").is_file()


def test_what_lies_in_subfolders_is_said(slides, tmp_path):
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "b.geojson").touch()
    listing = listing_of(slides, tmp_path, [REGION, nucleus(110, 60, 120, 70)])
    (line,) = listing.left_out
    assert line == "1 GeoJSON file in later (1): subfolders are not searched; name one with --geojson."


def test_outlines_in_micrometres_are_refused_where_nobody_insists(slides, tmp_path):
    """Nuclei of 14 to 18 um2, and their rectangle, at a quarter of their places."""
    drawn = [(110 + 22 * column, 60 + 22 * row, 14 + column, 16 + row) for row in range(3) for column in range(3)]
    for scale in (1, 0.25):
        features = [region(*(scale * edge for edge in (100, 50, 200, 130)))]
        features += [nucleus(*(scale * edge for edge in (x, y, x + w, y + h))) for x, y, w, h in drawn]
        (record,) = listing_of(slides, tmp_path, features).records
        size = record.read_image().pixels.shape[:2]
        if scale == 1:
            assert read_instances(record, size).values.max() == 9
            continue
        with pytest.raises(InputError, match=r"a median of 1 um2 at 0\.25 um .* or insist with --accept_doubtful"):
            read_instances(record, size)
        assert read_instances(record, size, accept_doubtful=True).values.max() == 9
