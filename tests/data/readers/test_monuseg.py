import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mani_monai.apps.prepare.masks import to_instances
from mani_monai.data.readers import read_monuseg
from mani_monai.data.readers.monuseg import KUMAR_TEST, ORGANS, crosses_itself, read_outlines
from mani_monai.utils import InputError

DATA = Path(os.environ.get("MANI_DATA", Path(__file__).parents[4] / "shared" / "data")) / "MoNuSeg"
KIDNEY, BREAST = "TCGA-B0-5698-01Z-00-DX1", "TCGA-A7-A13E-01Z-00-DX1"


def aperio(*regions):
    """XML of outlines, each a list of (x, y)."""
    text = "".join(
        "<Region><Vertices>" + "".join(f'<Vertex X="{x}" Y="{y}"/>' for x, y in region) + "</Vertices></Region>"
        for region in regions
    )
    return f"<Annotations><Annotation><Regions>{text}</Regions></Annotation></Annotations>"


def write(root, name, xml=None):
    for part in ("Tissue Images", "Annotations"):
        (root / part).mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((12, 20, 3), 200, np.uint8)).save(root / "Tissue Images" / f"{name}.tif")
    if xml:
        (root / "Annotations" / f"{name}.xml").write_text(xml)


def outlines(tmp_path, *regions):
    (tmp_path / "a.xml").write_text(aperio(*regions))
    return read_outlines(tmp_path / "a.xml", (12, 20))


def test_outline_counts_pixels_from_one_and_has_half_open_edges(tmp_path):
    mask = outlines(tmp_path, [(3, 2), (7, 2), (7, 5), (3, 5)])  # open: the last corner is not the first
    rows, columns = np.nonzero(mask.values)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (2, 4, 3, 6)  # y 2 to 5 less 1, x 3 to 7 less 1
    assert (mask.values > 0).sum() == 3 * 4
    assert mask.kind == "ids"


def test_crossing_outline_overlap_and_the_image_edge(tmp_path):
    bow_tie = [(2.5, 2.5), (8.5, 2.5), (2.5, 8.5), (8.5, 8.5)]  # two triangles that meet in (5.5, 5.5)
    beyond = [(16.5, 8.5), (40, 8.5), (40, 40), (16.5, 40)]
    over_it = [(14.5, 8.5), (20.5, 8.5), (20.5, 12.5), (14.5, 12.5)]
    ids = outlines(tmp_path, bow_tie, beyond, over_it).values
    assert ids[2, 4] == ids[6, 4] == 1
    assert ids[4, 2] == ids[4, 7] == 0  # left and right of the crossing
    assert (ids[8:, 16:] == 2).all()  # cut at the edge, and kept under the later one
    assert (ids[8:, 14:16] == 3).all()


def test_outlines_without_pixels_are_dropped_and_counted(tmp_path):
    square = [(3, 3), (7, 3), (7, 7), (3, 7)]
    mask = outlines(tmp_path, square, square, [], [(3, 3)], [(9, 9), (11, 9)])
    assert np.unique(mask.values).tolist() == [0, 1]
    assert dict(mask.notes) == {"rasterised from XML": 1, "outlines without a pixel of their own dropped": 4}


def test_crossing_and_wide_open_outlines_are_counted(tmp_path):
    around = [(9 + 7 * np.cos(a), 6 + 5 * np.sin(a)) for a in np.linspace(0, 6, 40)]
    bow_tie = [(2.5, 2.5), (8.5, 2.5), (2.5, 8.5), (8.5, 8.5)]
    assert dict(outlines(tmp_path, around, bow_tie).notes) == {
        "rasterised from XML": 1,
        "outlines that cross themselves filled by the even-odd rule": 1,
    }
    half = [(100 + 60 * np.cos(a), 60 * np.sin(a)) for a in np.linspace(0, 3, 40)]  # its ends lie 119 px apart
    square = [(0, 0), (60, 0), (60, 60), (0, 60)]
    notes = dict(outlines(tmp_path, half, square).notes)
    assert notes["outlines open by more than 20 px closed"] == 1


@pytest.mark.parametrize(
    ("corners", "crosses"),
    [
        ([(0, 0), (0, 4), (4, 0), (4, 4)], True),
        ([(0, 0), (0, 4), (4, 4), (4, 0)], False),
        ([(0, 0), (0, 4), (4, 4), (4, 0), (0, 0)], False),  # closed twice
        ([(0, 0), (0, 8), (4, 4), (8, 8), (8, 0), (4, 4)], False),  # touches itself in a corner
        ([(0, 0), (0, 9), (9, 9), (9, 3), (-2, 3), (-2, 1)], True),  # the pen overshot its beginning
        ([(0, 0), (0, 8), (4, 8), (4, 4), (8, 4), (8, 0)], False),  # an L: a line through an edge cuts another edge
        ([(0, 0), (0, 4), (4, 4)], False),
        ([(3, 3)], False),
        ([], False),
    ],
)
@pytest.mark.parametrize("offset", [0, 12345.678])
def test_crossing(corners, crosses, offset):
    assert crosses_itself(np.reshape(corners, (-1, 2)) + offset) == crosses


@pytest.mark.parametrize("corner", [("nan", 3), (3, "inf"), ("1e300", 3), (-3, "-1e9")])
def test_corner_that_is_no_place(tmp_path, corner):
    with pytest.raises(InputError, match=r"a\.xml: region 2 has a corner that is no place in an image"):
        outlines(tmp_path, [(3, 3), (7, 3), (7, 7)], [(3, 3), corner, (7, 7)])


@pytest.mark.parametrize("text", ["", "<Annotations>", "<A><Region><Vertex X='1'/></Region></A>"])
def test_broken_xml(tmp_path, text):
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(InputError, match=r"a\.xml: is no Aperio XML"):
        read_outlines(tmp_path / "a.xml", (12, 20))


def test_instance_png_goes_before_xml(tmp_path):
    square = [(3, 3), (7, 3), (7, 7), (3, 7)]
    write(tmp_path / "native", KIDNEY, aperio(square, square))
    write(tmp_path / "native", BREAST)
    folder = tmp_path / "labels_instance" / "train"
    folder.mkdir(parents=True)
    Image.fromarray(np.full((12, 20), 9, np.uint16)).save(folder / f"{BREAST}.png")
    listing = read_monuseg(tmp_path)
    assert listing.problems == ()
    breast, kidney = listing.records
    assert (breast.id, breast.group, breast.tissue) == (BREAST, "TCGA-A7-A13E", "breast")
    assert (breast.read_mask((12, 20)).values == 9).all()
    assert (kidney.read_mask((12, 20)).values > 0).sum() == 16


def test_organ(tmp_path):
    write(tmp_path, KIDNEY, aperio())
    write(tmp_path, BREAST)  # no mask, but not asked for either
    write(tmp_path, "mine", aperio())
    listing = read_monuseg(tmp_path, ("kidney",))
    assert [r.id for r in listing.records] == [KIDNEY]
    assert listing.problems == ()
    assert "mine: of unknown organ" in listing.left_out[0]
    (tmp_path / "organs.csv").write_text(f"image,organ\nmine,lung\n{KIDNEY},kidney\n")
    assert [r.id for r in read_monuseg(tmp_path, ("lung",)).records] == ["mine"]
    assert read_monuseg(tmp_path, ("lung",)).records[0].tissue == "lung"
    with pytest.raises(InputError, match=r"--organ liver: unknown; choose from kidney, lung"):
        read_monuseg(tmp_path, ("liver",))
    (tmp_path / "organs.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"organs\.csv: needs a first line"):
        read_monuseg(tmp_path, ("kidney",))


def test_tissue_of_an_unknown_image(tmp_path):
    write(tmp_path, KIDNEY, aperio())
    write(tmp_path, "mine", aperio())
    write(tmp_path, "other", aperio())
    assert [r.tissue for r in read_monuseg(tmp_path).records] == ["kidney", None, None]
    (tmp_path / "organs.csv").write_text("image,organ\nmine,lung\nother,\n")
    assert [r.tissue for r in read_monuseg(tmp_path).records] == [None, "lung", None]


def test_image_without_annotation_and_no_images(tmp_path):
    write(tmp_path / "a", KIDNEY)
    assert "has no mask" in read_monuseg(tmp_path / "a").problems[0]
    (tmp_path / "b").mkdir()
    with pytest.raises(InputError, match=r"holds no \.tif"):
        read_monuseg(tmp_path / "b")


def test_organ_table():
    assert {organ: len(names) for organ, names in ORGANS.items()} == {
        "bladder": 2,
        "breast": 6,
        "colon": 2,
        "kidney": 6,
        "liver": 6,
        "prostate": 6,
        "stomach": 2,
    }
    assert len({name for names in ORGANS.values() for name in names}) == 30


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no MoNuSeg at {DATA}")
@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.slow)])
def test_rasterised_xml_equals_the_instance_pngs(every):
    by_png = {record.id: record for record in read_monuseg(DATA).records}
    assert len(by_png) == 30
    xmls = sorted(DATA.rglob("*.xml"))
    assert len(xmls) == 13
    for xml in xmls[7 % every :: every]:
        ours = to_instances(read_outlines(xml, (1000, 1000))).values
        theirs = to_instances(by_png[xml.stem].read_mask((1000, 1000))).values
        both = ((ours > 0) & (theirs > 0)).sum()
        assert 2 * both / ((ours > 0).sum() + (theirs > 0).sum()) > 0.995, xml.stem
        assert ours.max() == theirs.max(), xml.stem


def test_the_partition_is_kumars(tmp_path):
    for name in (KIDNEY, BREAST, ORGANS["colon"][0], "mine"):
        write(tmp_path, name, aperio([(3, 2), (7, 2), (7, 5)]))
    parts = {record.id: record.part for record in read_monuseg(tmp_path).records}
    assert parts == {KIDNEY: "test", BREAST: "training", ORGANS["colon"][0]: "test", "mine": None}


def test_kumars_test_images_are_8_of_the_trained_organs_and_6_of_others():
    tested = {organ: len(KUMAR_TEST.intersection(names)) for organ, names in ORGANS.items()}
    assert tested == {"bladder": 2, "breast": 2, "colon": 2, "kidney": 2, "liver": 2, "prostate": 2, "stomach": 2}
    assert len(KUMAR_TEST) == 14
    assert sum(map(len, ORGANS.values())) == 30
