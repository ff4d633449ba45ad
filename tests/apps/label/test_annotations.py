from __future__ import annotations

import sys

import nibabel
import numpy as np
import pytest

from mani_monai.apps.label.annotations import annotation_of, label_names, read_asap_mask, read_volume_mask
from mani_monai.data.readers.outlines import pixels_within
from mani_monai.nuclei import Nuclei
from mani_monai.transforms import nuclei_table
from mani_monai.utils import InputError


@pytest.fixture
def instances():
    """Two that touch, one of a single pixel, one with a hole."""
    ids = np.zeros((20, 30), np.int32)
    ids[2:8, 3:9] = 1
    ids[2:8, 9:14] = 2
    ids[15, 2] = 3
    ids[10:18, 16:26] = 4
    ids[13:15, 19:22] = 0
    return ids


def nuclei_of(instances, types=None, class_names=None):
    table = nuclei_table(instances)
    table = table if types is None else {**table, "type": np.array(types)}
    return Nuclei(instances, table, (instances > 0).astype(np.float32), class_names=class_names)


def test_a_polygon_for_every_nucleus_that_fills_its_very_pixels(instances):
    annotation = annotation_of(nuclei_of(instances), (0, 0))
    assert [len(element["contours"]) for element in annotation["elements"]] == [1, 1, 1, 1]
    filled = np.zeros_like(instances)
    for element in annotation["elements"]:
        rings = [np.array(ring) for ring in [*element["contours"], *element["holes"]]]
        filled[pixels_within(rings, filled.shape)] = element["id"]
    np.testing.assert_array_equal(filled, instances)
    assert annotation["size"] == [30, 20]


def test_a_regions_outlines_lie_where_the_region_does(instances):
    at_origin, moved = (annotation_of(nuclei_of(instances), place)["elements"] for place in ((0, 0), (100, 7)))
    for before, after in zip(at_origin, moved, strict=True):
        for kind in ("contours", "holes"):
            for one, other in zip(before[kind], after[kind], strict=True):
                np.testing.assert_array_equal(np.add(one, (100, 7)), other)


def test_types_name_and_colour_the_nuclei(instances):
    names = ["background", "epithelial", "inflammatory"]
    annotation = annotation_of(nuclei_of(instances, [2, 1, 0, 2], names), (0, 0))
    labels = [element["label"] for element in annotation["elements"]]
    assert labels == ["inflammatory", "epithelial", "nucleus", "inflammatory"]
    assert annotation["labels"].keys() == set(labels) == set(label_names(names))
    assert len({tuple(colour) for colour in annotation["labels"].values()}) == 3


def test_without_types_there_is_one_name():
    assert label_names(None) == {"nucleus": 1}


def asap(*rings):
    """Annotations as QuPath's plug-in writes them."""
    parts = []
    for ring in rings:
        points = "".join(f'<Coordinate Order="{n}" X="{x}" Y="{y}" />' for n, (x, y) in enumerate(ring))
        parts.append(f'<Annotation Name="nucleus" Type="Polygon"><Coordinates>{points}</Coordinates></Annotation>')
    return f"<ASAP_Annotations><Annotations>{''.join(parts)}</Annotations></ASAP_Annotations>"


def test_annotations_become_a_mask(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text(asap([(2, 1), (8, 1), (8, 5), (2, 5)], [(10, 2), (99, 2), (99, 6), (10, 6)], [(0, 0), (1, 1)]))
    expected = np.zeros((10, 20))
    expected[1:5, 2:8] = 1
    expected[2:6, 10:] = 2
    mask = read_asap_mask(path, (10, 20))
    np.testing.assert_array_equal(mask.values, expected)
    assert mask.kind == "ids"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("<a", "are no annotations"),
        (asap(), "holds no outline"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "it defines entities"),
        (asap([(0, 0), ("x", 1), (1, 1)]), "are no annotations"),
        (asap([(0, 0), ("nan", 1), (1, 1)]), "not finite"),
    ],
)
def test_what_is_no_annotation(tmp_path, text, line):
    path = tmp_path / "a.xml"
    path.write_text(text)
    with pytest.raises(InputError, match=line):
        read_asap_mask(path, (10, 20))


LABEL = np.arange(12, dtype=np.uint16).reshape(3, 4)


def write_nrrd(path, values):
    """A map as an NRRD of one slice, x first, without the package."""
    kind = {"u2": "ushort", "i2": "short"}[values.dtype.str[1:]]
    sizes = " ".join(map(str, (*values.shape[::-1], 1)))
    head = f"NRRD0004\ntype: {kind}\ndimension: 3\nsizes: {sizes}\nendian: little\nencoding: raw\n\n"
    path.write_bytes(head.encode() + values.tobytes())


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".NII.GZ"])
@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 1)])
def test_a_volume_of_one_slice_is_a_mask(tmp_path, ending, shape):
    path = tmp_path / f"a{ending}"
    nibabel.save(nibabel.Nifti1Image(LABEL.T.reshape(shape).astype(np.int16), np.eye(4)), path)
    np.testing.assert_array_equal(read_volume_mask(path).values, LABEL)


def test_nrrd_is_a_mask_too(tmp_path):
    pytest.importorskip("nrrd", reason="pynrrd comes with MONAI Label: make test-label")
    write_nrrd(tmp_path / "a.nrrd", LABEL)
    np.testing.assert_array_equal(read_volume_mask(tmp_path / "a.nrrd").values, LABEL)
    whole = (tmp_path / "a.nrrd").read_bytes()
    for broken in (whole[:-6], b"", whole.replace(b"ushort", b"shoe")):
        (tmp_path / "b.nrrd").write_bytes(broken)
        with pytest.raises(InputError, match=r"b\.nrrd: cannot be read as a label"):
            read_volume_mask(tmp_path / "b.nrrd")


def test_nrrd_without_its_package_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nrrd", None)
    write_nrrd(tmp_path / "a.nrrd", LABEL)
    with pytest.raises(InputError, match=r"a\.nrrd: reading NRRD takes the package pynrrd; install it"):
        read_volume_mask(tmp_path / "a.nrrd")


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (np.zeros((4, 3, 2), np.int16), "is a volume of 4x3x2; submit a label of one slice"),
        (np.full((4, 3), 0.5, np.float32), "holds other values than whole numbers"),
        (np.full((4, 3), np.inf, np.float32), "holds other values than whole numbers"),
        (np.full((4, 3), -1, np.int16), "holds other values than whole numbers"),
    ],
)
def test_volumes_that_are_no_mask(tmp_path, values, line):
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(InputError, match=rf"a\.nii: {line}"):
        read_volume_mask(tmp_path / "a.nii")


@pytest.mark.parametrize("content", [b"", b"no NIfTI", b"\xff" * 400, "cut"])
def test_a_broken_volume(tmp_path, content):
    path = tmp_path / "a.nii.gz"
    values = np.random.default_rng(0).integers(0, 99, (60, 60)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), path)
    path.write_bytes(path.read_bytes()[:900] if content == "cut" else content)
    with pytest.raises(InputError, match=r"a\.nii\.gz: cannot be read as a label \(.*submit the label again"):
        read_volume_mask(path)
