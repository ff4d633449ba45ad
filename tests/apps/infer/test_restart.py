"""What is done is not done again; what was cut off, or is of other weights or settings, is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from exports import picture
from folder_runs import OPTIONS, draw_images
from PIL import Image

from mani_monai import nuclei
from mani_monai.apps.infer.folder_result import FORM, read_record, write_record
from mani_monai.apps.infer.folder_run import infer_folder
from mani_monai.model import Model


class Killed(BaseException):
    """Nothing catches it, as nothing catches a kill."""


@pytest.fixture
def run(exported, images, tmp_path):
    def infer(**options):
        return infer_folder(exported.folder, images, tmp_path / "out", **{**OPTIONS, **options})

    return infer


@pytest.fixture
def asked(monkeypatch) -> list[tuple[int, ...]]:
    """Sizes of the pictures that the network was asked about."""
    maps, sizes = Model.maps, []

    def spy(self, picture, *whole):
        sizes.append(picture.shape[:2])
        return maps(self, picture, *whole)

    monkeypatch.setattr(Model, "maps", spy)
    return sizes


def statuses(result) -> dict[str, str]:
    return {image.image: image.status for image in result.images}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and "summary" not in path.name}


def test_a_second_run_does_nothing_and_says_the_same(run, asked):
    first = run()
    assert len(asked) == 4
    second = run()
    assert len(asked) == 4
    assert set(statuses(second).values()) == {"done before"}
    assert [image.nuclei for image in second.images] == [image.nuclei for image in first.images]
    assert "4 done before" in second.last_line
    run(overwrite=True)
    assert len(asked) == 8


@pytest.fixture(scope="module")
def undisturbed(exported, tmp_path_factory) -> dict[str, bytes]:
    """Files of a run that nothing cut off."""
    folder = tmp_path_factory.mktemp("undisturbed")
    draw_images(folder / "images")
    infer_folder(exported.folder, folder / "images", folder / "out", **OPTIONS)
    return contents(folder / "out")


@pytest.mark.parametrize("ahead", [0, 2])
@pytest.mark.parametrize("written", [0, 1, 4, 6])
def test_a_run_that_is_killed_goes_on_and_ends_the_same(run, asked, tmp_path, monkeypatch, undisturbed, written, ahead):
    """It is killed after some files: in the first image, between two, in the second."""
    calls = []

    def write_some(*arguments):
        if len(calls) == written:
            arguments[1].with_name(".1." + arguments[1].name).write_bytes(b"half")
            raise Killed
        calls.append(arguments)
        write_output(*arguments)

    write_output = nuclei.write_output
    with monkeypatch.context() as patch:
        patch.setattr(nuclei, "write_output", write_some)
        with pytest.raises(Killed):
            run(ahead=ahead)
    asked.clear()
    result = run(ahead=ahead)
    done = written // 4  # outputs an image
    assert list(statuses(result).values()).count("done before") == done
    assert len(asked) == 4 - done
    resumed = {name: content for name, content in contents(tmp_path / "out").items() if not name.startswith(".")}
    assert resumed == undisturbed


@pytest.mark.parametrize("options", [{}, {"mpp": 0.5, "outputs": ["csv"]}], ids=["again", "other settings"])
def test_what_somebody_corrected_is_not_replaced(run, tmp_path, options):
    """``mani prepare`` takes a changed outline for the correction, so that it is work of the user."""
    run()
    corrected = tmp_path / "out" / "wide.geojson"
    corrected.write_text("{}")
    (refused,) = run(**options).failed
    assert refused.note.endswith(
        "wide.tif: would replace wide.geojson, which was changed since; name another --out, or move that file away."
    )
    assert corrected.read_text() == "{}"
    corrected.rename(tmp_path / "wide.geojson")
    assert not run(**options).failed


def test_what_somebody_corrected_is_replaced_by_overwrite(run, tmp_path):
    run()
    corrected = tmp_path / "out" / "wide.geojson"
    before = corrected.read_bytes()
    corrected.write_text("{}")
    assert not run(overwrite=True).failed
    assert corrected.read_bytes() == before


def test_a_changed_image_or_an_output_that_is_gone_is_done_again(run, images, asked, tmp_path):
    run()
    asked.clear()
    Image.fromarray(picture(65, 66, 9)).save(images / "square.png")
    (tmp_path / "out" / "wide.geojson").unlink()
    (tmp_path / "out" / "tall_mask.png").unlink()
    again = statuses(run())
    assert again == {"square.png": "done", "wide.tif": "done", "tall.jpg": "done", "small.png": "done before"}
    assert np.asarray(Image.open(tmp_path / "out" / "square_mask.png")).shape == (65, 66)


def test_what_an_earlier_form_computed_is_done_again(run, asked, tmp_path):
    run()
    asked.clear()
    record = read_record(tmp_path / "out", "wide.tif")
    write_record(tmp_path / "out", "wide.tif", replace(record, key={**record.key, "form": FORM - 1}))
    assert [name for name, status in statuses(run()).items() if status == "done"] == ["wide.tif"]
    assert len(asked) == 1


@pytest.mark.parametrize("options", [{"mpp": 0.5}, {"precision": "bfloat16"}])
def test_other_settings_are_another_result(run, asked, options):
    run()
    asked.clear()
    run(**options)
    assert len(asked) == 4


@pytest.fixture
def serve(monkeypatch):
    """Serves the bundle with something changed in it."""
    opened = Model.open

    def changed(**changes):
        monkeypatch.setattr(Model, "open", staticmethod(lambda *arguments: replace(opened(*arguments), **changes)))

    return changed


def test_another_version_of_the_same_weights_is_done(run, asked, serve):
    run()
    asked.clear()
    serve(version="9.9.9")
    assert "4 done before" in run().last_line
    assert not asked


def test_another_declaration_is_another_result(run, asked, serve, exported):
    run()
    asked.clear()
    serve(declaration=Model.open(exported.folder, "cpu").declaration.trained(window=32))
    run()
    assert len(asked) == 4


def test_other_weights_leave_nothing_of_the_old_ones(run, asked, tmp_path, serve):
    run()
    serve(weights="f" * 64)
    asked.clear()
    result = run(outputs=["csv"])
    assert len(asked) == 4
    assert set(statuses(result).values()) == {"done"}
    left = {path.name for path in (tmp_path / "out").iterdir() if path.is_file()}
    assert left == {f"{name}_nuclei.csv" for name in ("small", "square", "tall", "wide")} | {
        "summary.csv",
        "summary.json",
    }


def test_fewer_outputs_are_done_and_more_are_added(run, asked, tmp_path):
    run(outputs=["csv", "geojson"])
    asked.clear()
    run(outputs=["csv"])
    assert not asked
    run(outputs=["mask"])
    assert len(asked) == 4
    assert (tmp_path / "out" / "wide.geojson").exists(), "what is of the same weights stays"
    asked.clear()
    run(outputs=["mask", "csv", "geojson"])
    assert not asked


def test_an_image_that_fails_keeps_what_was_done_before(run, tmp_path):
    run(mpp=0.25)
    before = contents(tmp_path / "out")
    assert len(run(mpp=4).failed) == 4
    assert contents(tmp_path / "out") == before
    assert set(statuses(run(mpp=0.25)).values()) == {"done before"}


@pytest.mark.parametrize("odd", [{"nuclei": "many"}, {"unknown": 1}, {"note": None}, {"mpp": True}, {"seconds": [1]}])
def test_a_record_that_somebody_wrote_counts_for_nothing(run, tmp_path, odd):
    first = run()
    record = read_record(tmp_path / "out", "wide.tif")
    write_record(tmp_path / "out", "wide.tif", replace(record, result={**record.result, **odd}))
    assert read_record(tmp_path / "out", "wide.tif") is None
    second = run()
    assert statuses(second)["wide.tif"] == "done"
    assert [image.nuclei for image in second.images] == [image.nuclei for image in first.images]


def test_a_file_in_the_place_of_the_records_is_named(run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "records").touch()
    result = run()
    assert len(result.failed) == 4
    assert all(str(tmp_path / "out" / "records") in image.note for image in result.failed)
    assert not any("Error" in image.note for image in result.failed)
