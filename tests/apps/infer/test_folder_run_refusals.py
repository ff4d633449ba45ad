"""What a folder run refuses, and what of bad images it says and goes on from."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from exports import REPOSITORY, picture
from folder_runs import OPTIONS, SIZES, rows_of
from PIL import Image, PngImagePlugin

from mani_monai.apps.infer.folder_result import report
from mani_monai.apps.infer.folder_run import infer_folder
from mani_monai.model import Model
from mani_monai.utils import InputError


def bad_files(folder: Path) -> dict[str, str]:
    """Writes bad images; their names, and what is said of them."""
    Image.fromarray(picture(64, 64, 0)).save(folder / "cut.png")
    (folder / "cut.png").write_bytes((folder / "cut.png").read_bytes()[:2000])
    (folder / "text.png").write_text("no image")
    (folder / "empty.jpg").touch()
    Image.fromarray(np.full((20, 20), 4000, np.uint16)).save(folder / "deep.png")
    Image.fromarray(picture(20, 20, 0)).convert("CMYK").save(folder / "print.tif")
    Image.fromarray(picture(20, 20, 0)).save(folder / "square.bmp")
    header = struct.pack(">IIBBBBB", 2**16, 2**16, 8, 2, 0, 0, 0)
    with open(folder / "bomb.png", "wb") as stream:
        stream.write(b"\x89PNG\r\n\x1a\n")
        PngImagePlugin.putchunk(stream, b"IHDR", header)
        PngImagePlugin.putchunk(stream, b"IDAT", b"")
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    return {
        "cut.png": "cannot be decoded",
        "text.png": "cannot be decoded",
        "empty.jpg": "cannot be decoded",
        "deep.png": "its values stay below 4096 of 65536",
        "print.tif": "has the colour mode CMYK",
        "square.png": "stands for the same image as",
        "bomb.png": "cut it into tiles",
        "gone.png": "is a link to a file that does not exist",
    }


def test_bad_images_are_no_end(exported, images, tmp_path, capsys):
    bad = bad_files(images)
    result = infer_folder(exported.folder, images, tmp_path / "out", **OPTIONS)
    report(result)
    assert {image.image for image in result.failed} == bad.keys()
    for image in result.failed:
        assert bad[image.image] in image.note
        assert image.note.startswith(str(images / image.image))
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("failed: ")]
    assert lines == [f"failed: {image.note}" for image in result.failed]
    assert {image.image for image in result.images} - bad.keys() == {*SIZES, "square.bmp"} - bad.keys()
    assert (tmp_path / "out" / "wide_mask.png").exists()
    assert not list((tmp_path / "out").glob("deep*"))
    assert f"{len(bad)} failed" in result.last_line
    assert {row["image"] for row in rows_of(result.summary) if row["status"] == "failed"} == bad.keys()


def test_a_network_that_fails_on_an_image_is_no_end(exported, images, tmp_path, monkeypatch):
    def fail_on_wide(self, picture, *whole):
        if picture.shape[1] == 141:
            raise RuntimeError("out of\nmemory")
        return maps(self, picture, *whole)

    maps = Model.maps
    monkeypatch.setattr(Model, "maps", fail_on_wide)
    result = infer_folder(exported.folder, images, tmp_path / "out", **OPTIONS)
    assert [image.note for image in result.failed] == [f"{images / 'wide.tif'}: RuntimeError: out of memory"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": "bundle"}, "bundle: is a bundle, and no folder of images; are --bundle and --images swapped?"),
        ({"images": "nowhere"}, "nowhere: does not exist; name the folder that holds the images"),
        ({"images": "bundle/configs/metadata.json"}, r"json: is no PNG, TIFF, JPEG or BMP image; name one, or"),
        ({"images": "empty"}, "empty: holds no PNG, TIFF, JPEG or BMP images; name their folder with --images"),
        ({"images": "kidney"}, "kidney: holds no PNG, TIFF, JPEG or BMP images; name .*kidney/images, where there"),
        ({"out": "images"}, "images: holds the images; name another folder with --out"),
        ({"outputs": ["masks"]}, "--outputs masks: mani_unet writes mask, "),
        ({"outputs": []}, r"--outputs \(none\): "),
        ({"mpp": 40}, "--mpp 40: write micrometres per pixel"),
        ({"precision": "half"}, "^--precision half: choose from"),
        ({"device": "toaster"}, "^--device toaster: "),
        ({"out": "images/square.png"}, r"square\.png: is a file; name a folder with --out"),
        (
            {"out": "images/square.png/x"},
            r"x: cannot be written to \(Not a directory\); name another folder",
        ),
        ({"bundle": "empty"}, r"empty: is refused: configs/metadata\.json: is not there: this is no bundle"),
    ],
)
def test_what_is_refused_at_once(exported, images, tmp_path, options, message):
    (tmp_path / "empty").mkdir()
    for part in ("images", "masks"):
        shutil.copytree(images, tmp_path / "kidney" / part)
    (tmp_path / "bundle" / "configs").mkdir(parents=True)
    (tmp_path / "bundle" / "configs" / "metadata.json").write_text("{}")
    places = {key: tmp_path / options.pop(key, key) for key in ("images", "out", "bundle") if key in options}
    arguments = {"bundle": exported.folder, "images": images, "out": tmp_path / "out", **places}
    with pytest.raises(InputError, match=message) as refusal:
        infer_folder(**arguments, **{**OPTIONS, **options})
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "out").exists()


def test_another_folders_image_of_the_same_name_takes_nobodys_place(exported, images, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    Image.fromarray(picture(64, 64, 9)).save(other / "square.png")
    out, options = tmp_path / "out", {"outputs": ["mask"], **OPTIONS}
    infer_folder(exported.folder, images, out, **options)
    before = (out / "square_mask.png").read_bytes()
    (refused,) = infer_folder(exported.folder, other, out, **options).images
    assert f"would take the place of {images / 'square.png'}, whose outputs are there; name another" in refused.note
    assert (out / "square_mask.png").read_bytes() == before
    (done,) = infer_folder(exported.folder, other, out, overwrite=True, **options).images
    assert done.status == "done"
    assert (out / "square_mask.png").read_bytes() != before
    Image.fromarray(picture(64, 64, 10)).save(other / "square.png")
    (changed,) = infer_folder(exported.folder, other, out, **options).images
    assert changed.status == "done", "an image that was changed is its own"


def test_a_bundle_that_trains_is_to_be_trained_first(images, tmp_path):
    with pytest.raises(InputError, match=r"mani_unet: models/model\.pt: no such file; train first"):
        infer_folder(REPOSITORY / "bundles" / "mani_unet", images, tmp_path / "out", **OPTIONS)


def test_a_hovernet_gives_no_mask(exported, images, tmp_path, serve_painted):
    serve_painted()
    with pytest.raises(InputError, match="--outputs mask: mani_hovernet writes tiff, "):
        infer_folder(exported.folder, images, tmp_path / "out", outputs=["mask"], **OPTIONS)
