"""DICOM slides in, and their nuclei out as DICOM annotations in the slide's own frame."""

from __future__ import annotations

import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely
from made_dicom import write_dicom
from made_slides import dark_model, made_picture, write_slide

from mani_monai.apps.slides.slide_paths import slide_paths
from mani_monai.apps.slides.slides_run import run_slides
from mani_monai.utils import InputError

highdicom = pytest.importorskip("highdicom", reason="highdicom is not installed: pip install 'mani-monai[dicom]'")
PICTURE = made_picture(300, 400, nuclei=40)


def run(slides, out, **options):
    return run_slides(dark_model(), slides, out, core=128, outputs=["parquet", "dicom"], progress=False, **options)


def read_groups(path):
    from highdicom.ann import annread

    annotations = annread(path)
    return annotations, annotations.get_annotation_groups()


def test_annotations_are_the_tables_outlines_in_the_slides_frame(tmp_path):
    import pydicom

    files = write_dicom(tmp_path / "slides", PICTURE, levels=2)
    (result,) = run(tmp_path / "slides", tmp_path / "out")
    assert result.status == "done"
    assert result.nuclei > 20
    folder = tmp_path / "out" / "level0"
    annotations, (group,) = read_groups(folder / "nuclei.dcm")
    header = pydicom.dcmread(files[0], stop_before_pixels=True)
    for name in ("StudyInstanceUID", "PatientID"):
        assert annotations[name].value == header[name].value
    assert annotations.ReferencedImageSequence[0].ReferencedSOPInstanceUID == header.SOPInstanceUID
    assert annotations.AnnotationCoordinateType == "2D"
    assert group.graphic_type.value == "POLYGON"
    rows = pq.read_table(folder / "nuclei.parquet").to_pylist()
    rings = group.get_graphic_data(coordinate_type="2D")
    assert len(rings) == len(rows) == result.nuclei
    for row, ring in zip(rows, rings, strict=True):
        shape = shapely.from_wkb(row["geometry"])
        assert shapely.Polygon(ring).equals(shapely.Polygon(shape.exterior))
    names, areas, units = group.get_measurements()
    np.testing.assert_allclose(areas[:, 0], [row["area_um2"] for row in rows], rtol=1e-6)
    assert (names[0].meaning, units[0].value) == ("Area", "um2")


def test_the_nuclei_are_those_of_the_same_pixels_in_another_format(tmp_path):
    from PIL import Image

    write_dicom(tmp_path / "slides", PICTURE)
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    run(tmp_path / "slides", tmp_path / "out")
    run_slides(dark_model(), tmp_path / "a.png", tmp_path / "out", mpp=0.25, core=128, progress=False)
    tables = [pq.read_table(tmp_path / "out" / name / "nuclei.parquet").drop(["id"]) for name in ("level0", "a")]
    assert tables[0].equals(tables[1])


def test_what_is_done_stays_and_a_slide_without_nuclei_has_no_annotations(tmp_path):
    write_dicom(tmp_path / "full", PICTURE)
    write_dicom(tmp_path / "empty", made_picture(200, 200, nuclei=0))
    for name, status in (("full", "done"), ("empty", "done")):
        assert [run(tmp_path / name, tmp_path / f"out_{name}")[0].status for _ in range(2)] == [status, "done before"]
    assert not (tmp_path / "out_empty" / "level0" / "nuclei.dcm").exists()


def test_a_slide_that_is_no_dicom_is_refused_and_the_others_are_done(tmp_path):
    write_dicom(tmp_path / "slides" / "b", PICTURE, name="b")
    write_slide(tmp_path / "slides" / "a.svs", PICTURE)
    refused, done = run(tmp_path / "slides", tmp_path / "out")
    assert (refused.status, done.status) == ("failed", "done")
    assert refused.note.endswith("a.svs: is no DICOM slide, so it takes no DICOM annotations; leave dicom out.")


def test_without_the_package_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(InputError, match=r'--outputs dicom: needs a package: pip install "mani-monai\[dicom\]"'):
        run(tmp_path, tmp_path / "out")


def test_files_of_two_series_are_two_slides_and_what_is_no_slide_is_passed_over(tmp_path):
    first = write_dicom(tmp_path / "s", PICTURE, levels=2, name="x")
    second = write_dicom(tmp_path / "s", PICTURE[:200], name="y", seed=1)
    (tmp_path / "s" / "a.dcm").write_bytes(b"no slide")
    paths, twins = slide_paths(tmp_path / "s")
    assert (paths, twins) == ([first[0], second[0]], [])
    results = run(tmp_path / "s", tmp_path / "out")
    assert [result.status for result in results] == ["done", "done"]
    hash_of = {
        name: pq.read_table(tmp_path / "out" / name / "nuclei.parquet")["id"].to_pylist() for name in ("x0", "y0")
    }
    assert not set(hash_of["x0"]) & set(hash_of["y0"])
