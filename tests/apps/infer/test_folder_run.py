"""A folder through an exported U-Net, end to end: masks, files that agree, pixel sizes, bad files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from exports import picture
from folder_runs import OPTIONS, SIZES, rows_of
from monai.bundle import create_workflow
from painted_model import painted, round_nuclei
from PIL import Image

from mani_monai import Model
from mani_monai.apps.infer.folder_result import report
from mani_monai.apps.infer.folder_run import infer_folder
from mani_monai.data.writers import outline_nuclei, read_geojson

ENDINGS = ("_mask.png", ".geojson", "_nuclei.csv", "_overlay.png")


def mask_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.mode == "L"
        return np.asarray(image)


def by_image(result) -> dict:
    return {image.image: image for image in result.images}


# masks and files


@pytest.mark.parametrize("form", ["folder", "archive"])
def test_masks_are_those_of_the_bundles_own_inference_of_whole_images(exported, images, tmp_path, form):
    """Whatever window the bundle declares: MONAI's would blend such windows, and pad what is smaller."""
    (images / "small.png").unlink()  # smaller than the network takes
    result = infer_folder(getattr(exported, form), images, tmp_path / "out", **OPTIONS)
    assert not result.failed
    files = {str(path): str(exported.folder / "configs" / path) for path in ("inference.json", "metadata.json")}
    workflow = create_workflow(
        config_file=files["inference.json"],
        meta_file=files["metadata.json"],
        workflow_type="infer",
        logging_file=False,
        bundle_root=str(exported.folder),
        image_dir=str(images),
        output_dir=str(tmp_path / "by_monai"),
        device=torch.device("cpu"),
        window=-1,
    )
    workflow.run()
    assert json.loads((exported.folder / "configs" / "inference.json").read_text())["window"] == 64
    for name, size in SIZES.items():
        if name == "small.png":
            continue
        mask = mask_of(tmp_path / "out" / f"{Path(name).stem}_mask.png")
        assert mask.shape == size
        np.testing.assert_array_equal(mask, mask_of(tmp_path / "by_monai" / f"{Path(name).stem}_mask.png"))
    assert 0.05 < (mask_of(tmp_path / "out" / "wide_mask.png") > 0).mean() < 0.95


def test_one_image_alone_is_what_it_is_among_others(exported, images, tmp_path):
    infer_folder(exported.folder, images, tmp_path / "all", **OPTIONS)
    result = infer_folder(exported.folder, images / "wide.tif", tmp_path / "one", **OPTIONS)
    assert [image.image for image in result.images] == ["wide.tif"]
    assert "1 image: 1 done; " in result.last_line
    for ending in ENDINGS:
        alone, among = ((tmp_path / folder / f"wide{ending}").read_bytes() for folder in ("one", "all"))
        assert alone == among


def test_all_files_of_an_image_agree(exported, images, tmp_path):
    out = tmp_path / "out"
    result = infer_folder(exported.folder, images, out, **OPTIONS)
    expected = {Path(name).stem + ending for name in SIZES for ending in ENDINGS}
    assert {path.name for path in out.iterdir()} == expected | {"summary.csv", "summary.json", "records"}
    assert any(image.nuclei for image in result.images)
    for name, size in SIZES.items():
        stem, image = Path(name).stem, by_image(result)[name]
        instances = read_geojson(out / f"{stem}.geojson", size)
        nuclei = mask_of(out / f"{stem}_mask.png")[instances > 0]
        assert not image.nuclei or (nuclei == 255).mean() > 0.95  # but holes
        table = rows_of(out / f"{stem}_nuclei.csv")
        ids, areas = np.unique(instances[instances > 0], return_counts=True)
        assert [int(row["id"]) for row in table] == ids.tolist()
        assert [float(row["area"]) for row in table] == areas.tolist()
        pixels = np.asarray(Image.open(images / name).convert("RGB"))
        np.testing.assert_array_equal(
            np.asarray(Image.open(out / f"{stem}_overlay.png")), outline_nuclei(pixels, instances)
        )
        assert (image.height, image.width, image.nuclei) == (*size, len(ids))
        assert image.area_share == pytest.approx((instances > 0).mean(), abs=1e-4)
        assert image.mean_area == (pytest.approx(areas.mean(), abs=0.1) if len(areas) else None)


def test_python_writes_the_same_files_whatever_it_calls_them(exported, images, tmp_path):
    infer_folder(exported.folder, images, tmp_path / "out", **OPTIONS)
    model = Model.open(exported.folder, OPTIONS.get("device"), OPTIONS.get("precision", "auto"))
    for image in (images / "wide.tif", str(images / "wide.tif")):
        model(image).save(tmp_path / "python", "another name", "mask,geojson,csv,overlay")
        for ending in ENDINGS:
            by_python = (tmp_path / "python" / f"another name{ending}").read_bytes()
            assert by_python == (tmp_path / "out" / f"wide{ending}").read_bytes()


def test_the_summary_says_it(exported, images, tmp_path, capsys):
    out = tmp_path / "out"
    (images / "late").mkdir()
    (images / "late" / "b.png").touch()
    result = infer_folder(exported.folder, images, out, **OPTIONS)
    rows = rows_of(out / "summary.csv")
    assert [row["image"] for row in rows] == sorted(SIZES)
    assert {row["status"] for row in rows} == {"done"}
    assert all(float(row["seconds"]) > 0 for row in rows)
    content = json.loads((out / "summary.json").read_text())
    assert (content["name"], content["version"], content["network_mpp"]) == ("mani_unet", "1.2.3", 0.25)
    assert (content["precision"], content["left_out"]) == ("float32", 1)
    assert [image["nuclei"] for image in content["images"]] == [image.nuclei for image in result.images]
    report(result)
    printed = capsys.readouterr()
    nuclei = sum(image.nuclei for image in result.images)
    assert printed.out == (
        f"4 images: 4 done; {nuclei} nuclei; 4 images without a pixel size; summary: {out / 'summary.csv'}\n"
    )
    assert printed.err.splitlines() == [
        "warning: 4 images have no pixel size, e.g. small.png: taken as the network's 0.25 um; name it with --mpp.",
        "left out: 1 other file, no PNG, TIFF, JPEG or BMP; mani slides reads slides.",
        "left out: 1 image in late (1): subfolders are not searched; name one with --images.",
    ]


def test_instances_of_a_hovernet(exported, serve_painted, tmp_path):
    serve_painted(types=3, mpp=0.25, class_names=("background", "a", "b"))
    (tmp_path / "images").mkdir()
    instances = round_nuclei(180, 340, [(90, 164, 12), (90, 189, 12), (164, 60, 10), (30, 326, 11)])
    Image.fromarray(painted(instances)).save(tmp_path / "images" / "a.png")
    result = infer_folder(exported.folder, tmp_path / "images", tmp_path / "out", mpp=0.25, **OPTIONS)
    endings = ("_instances.tif", "_instances.png", ".geojson", "_nuclei.csv", "_overlay.png")
    assert {path.name for path in (tmp_path / "out").glob("a*")} == {f"a{ending}" for ending in endings}
    found = np.asarray(Image.open(tmp_path / "out" / "a_instances.png")).astype(np.int32)
    np.testing.assert_array_equal(found > 0, instances > 0)
    np.testing.assert_array_equal(read_geojson(tmp_path / "out" / "a.geojson", found.shape), found)
    rows = rows_of(tmp_path / "out" / "a_nuclei.csv")
    assert len(rows) == 4
    assert {row["class"] for row in rows} == {"b"}
    assert float(rows[0]["area_um2"]) == pytest.approx(int(rows[0]["area"]) / 16)
    assert result.images[0].mean_area_um2 == pytest.approx(result.images[0].mean_area / 16, abs=0.05)


# pixel sizes


@pytest.mark.parametrize(("um", "factor"), [(0.125, 2), (0.5, 0.5)])
def test_an_image_of_other_pixels_is_rescaled_and_its_nuclei_lie_where_they_are(
    exported, serve_painted, tmp_path, um, factor
):
    """Round nuclei whose picture is drawn at the network's 0.25 um, then made twice as large, or half."""
    serve_painted(mpp=0.25)
    instances = round_nuclei(120, 160, [(40, 50, 14), (80, 120, 16)])
    shown = Image.fromarray(painted(instances))
    shown = shown.resize((int(160 * factor), int(120 * factor)), Image.Resampling.BICUBIC)
    (tmp_path / "images").mkdir()
    shown.save(tmp_path / "images" / "a.png", dpi=(25400 / um,) * 2)
    result = infer_folder(exported.folder, tmp_path / "images", tmp_path / "out", **OPTIONS)
    (image,) = result.images
    assert image.scale == pytest.approx(1 / factor, rel=1e-3)
    assert image.pixel_size == f"rescaled {1 / factor:.3g} times to the network's 0.25 um, by PNG density"
    assert (image.height, image.width, image.nuclei) == (120 * factor, 160 * factor, 2)
    found = np.asarray(Image.open(tmp_path / "out" / "a_instances.png")).astype(np.int32)
    assert found.shape == (120 * factor, 160 * factor)
    np.testing.assert_array_equal(read_geojson(tmp_path / "out" / "a.geojson", found.shape), found)
    rows = rows_of(tmp_path / "out" / "a_nuclei.csv")
    centres = [((float(r["centroid_row"]) + 0.5) / factor, (float(r["centroid_column"]) + 0.5) / factor) for r in rows]
    np.testing.assert_allclose(centres, [(40.5, 50.5), (80.5, 120.5)], atol=0.7)
    areas = [float(row["area_um2"]) for row in rows]
    np.testing.assert_allclose(areas, np.bincount(instances.ravel())[1:] / 16, rtol=0.1)


def test_mpp_overrides_what_a_file_says_and_may_be_refused(exported, images, tmp_path):
    Image.fromarray(picture(64, 64, 0)).save(images / "square.png", dpi=(101600, 101600))
    result = infer_folder(exported.folder, images, tmp_path / "out", mpp=0.26, **OPTIONS)
    assert {image.pixel_size for image in result.images} == {"as the network's, by --mpp"}
    assert {image.note for image in result.images} == {""}
    result = infer_folder(exported.folder, images, tmp_path / "out", mpp=0.3, **OPTIONS)
    assert by_image(result)["square.png"].note == "its file says 0.25 um (PNG density)"
    assert by_image(result)["wide.tif"].note == ""
    result = infer_folder(exported.folder, images, tmp_path / "out", mpp=1.5, **OPTIONS)
    assert len(result.failed) == 4
    assert "its pixels are 1.5 um (--mpp), the network's 0.25 um: more than 4 times apart" in result.failed[0].note
    result = infer_folder(exported.folder, images, tmp_path / "out", **OPTIONS)
    assert by_image(result)["square.png"].pixel_size == "as the network's, by PNG density"
    assert "not known (the image's)" in by_image(result)["wide.tif"].pixel_size
