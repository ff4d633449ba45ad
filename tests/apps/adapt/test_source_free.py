"""A model adapted to a folder of images alone: what it leaves, what it is deployed as, and what it never reads."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from adapted import Raising
from bundle_files import REPOSITORY
from exports import picture
from PIL import Image
from small_bundles import write_hovernet_bundle, write_older_bundle, write_unet_bundle

from mani_monai.apps.adapt import source_free, statistics_choice
from mani_monai.apps.adapt.outcome import Slides
from mani_monai.apps.adapt.source_free import SourceFree, adapt_statistics
from mani_monai.apps.adapt.statistics_choice import target_batches, upright_model
from mani_monai.apps.infer.folder_run import infer_folder
from mani_monai.evaluation.statistics_candidates import candidate_states
from mani_monai.model import Model
from mani_monai.utils import InputError, devices

STATISTICS = ("running_mean", "running_var")


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    """Paler than what the bundle's statistics are of; one picture has pigment, and one is broken."""
    folder = tmp_path_factory.mktemp("target") / "colon"
    folder.mkdir()
    for number in range(4):
        Image.fromarray((80 + picture(96, 112, number) * 0.6).astype(np.uint8)).save(folder / f"{number}.png")
    pigment = picture(96, 96, 5).copy()
    pigment[:48] = np.array((58, 50, 46)) + np.random.default_rng(0).integers(-6, 7, (48, 96, 3))
    Image.fromarray(pigment).save(folder / "pigment.png")
    (folder / "broken.png").write_bytes(b"no image")
    return folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_unet_bundle(tmp_path_factory.mktemp("given") / "mani_unet", mpp=0.25)


def job(target, out, bundle, **changes):
    return SourceFree(str(target), out, str(bundle), REPOSITORY / "bundles", **{"say": lambda line: None, **changes})


@pytest.fixture(scope="module")
def towards_target():
    """The rule is held elsewhere: here the target's statistics are taken."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics_choice, "chosen_statistics", lambda scores: "target")
        yield


@pytest.fixture(scope="module")
def finished(target, bundle, tmp_path_factory, towards_target):
    out, said = tmp_path_factory.mktemp("adapted") / "out", []
    return out, adapt_statistics(job(target, out, bundle, say=said.append)), said


def report(out):
    return json.loads((out / "report.json").read_text())


def test_what_is_deployed_is_what_was_measured(finished, target, bundle, tmp_path):
    """Both commands of the report find the nuclei that its table counts."""
    out, done, _ = finished
    rows = report(out)["images"]
    for folder, name in ((done.adapted.folder, "after"), (bundle, "before")):
        result = infer_folder(folder, target, tmp_path / name, outputs=["csv"], progress=False, ahead=0)
        counts = {image.image: image.nuclei for image in result.images if image.nuclei is not None}
        assert {row["image"]: row[name] for row in rows} == counts
    assert any(row["before"] != row["after"] for row in rows)


def test_only_batch_statistics_change(finished, bundle):
    before, after = (Model.open(path, "cpu") for path in (bundle, finished[1].adapted.folder))
    changed = {n for n, value in before.state.items() if not torch.equal(value, after.state[n])}
    assert changed == {name for name in before.state if name.endswith(STATISTICS)}
    assert after.declaration == before.declaration


def test_the_bundle_names_its_target_and_method(finished):
    folder = finished[1].adapted.folder
    training = json.loads((folder / "configs" / "metadata.json").read_text())["training"]
    assert (training["target"], training["iterations"]) == ("colon", 0)
    assert training["method"] == "batch statistics of the target, no weight trained (target)"
    assert training["adapted_from"]["statistics"] == "target"
    assert [domain["role"] for domain in training["domains"]] == ["start", "target"]
    assert sorted(path.name for path in (folder / "models").iterdir()) == ["model.pt"]
    assert "agree to 1e-4" not in (folder / "docs" / "README.md").read_text()


def test_bad_and_suspicious_images_are_named(finished):
    out, _, said = finished
    record = report(out)
    assert (record["source"], record["target"]) == ("mani_unet 1.0.0", "colon")
    assert [line.partition(": ")[0].rpartition("/")[2] for line in record["left_out"]] == ["broken.png"]
    doubts = {row["image"]: row["doubts"] for row in record["images"] if row["doubts"]}
    assert list(doubts) == ["pigment.png"]
    assert doubts["pigment.png"][0].startswith("black pigment")
    assert any(line.startswith("pigment.png is suspicious and chose nothing: black pigment") for line in said)
    unsized = "5 images have no pixel size, e.g. 0.png: taken as the network's 0.25 um; name it with --mpp."
    assert f"warning: {unsized}" in said
    assert unsized in record["notes"]
    assert "pixel size" in [finding["rule"] for finding in record["verdict"]["findings"]]
    assert "suspicious: black pigment" in (out / "report.html").read_text()
    assert not record["kept"]
    assert record["settings"]["micrometres per pixel of the images"] == "not known"
    assert record["settings"]["micrometres per pixel of the network"] == "0.25"


def test_suspicious_images_choose_nothing(finished, target, bundle, tmp_path):
    other = tmp_path / "colon"
    shutil.copytree(target, other)
    (other / "pigment.png").unlink()
    done = adapt_statistics(job(other, tmp_path / "out", bundle))
    states = [Model.open(found.adapted.folder, "cpu").state for found in (finished[1], done)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_the_folder_of_the_adaptation_is_taken_as_its_bundle(finished):
    out, done, _ = finished
    record = report(out)
    record["next"] = {"adapted model": "mani infer"}
    (out / "report.json").write_text(json.dumps(record))
    assert Model.open(out, "cpu").weights == Model.open(done.adapted.folder, "cpu").weights
    record["next"] = {"source model": "mani infer --bundle given"}
    (out / "report.json").write_text(json.dumps(record))
    with pytest.raises(
        InputError, match=r"its report says to keep the source model \(mani infer --bundle given\); name"
    ):
        Model.open(out, "cpu")


def test_the_source_is_kept_where_it_is_most_consistent(target, tmp_path, monkeypatch):
    """An older export, whose network sees columns first, is not changed by being written anew."""
    older = write_older_bundle(tmp_path / "mani_unet")
    monkeypatch.setattr(statistics_choice, "chosen_statistics", lambda scores: "source")
    done = adapt_statistics(job(target, tmp_path / "out", older, slides=Slides("my_slides")))
    assert done.verdict.line == "keep the source model, because the model agrees with itself best as it is"
    assert report(tmp_path / "out")["kept"]
    assert "Keep the source model." in done.report.read_text()
    assert list(done.commands) == ["source model"]
    assert done.commands["source model"].startswith(f"mani slides --bundle {older} --slides my_slides --out ")
    pixels = picture(96, 112, 0)
    before, after = (Model.open(path, "cpu", "float32") for path in (older, done.adapted.folder))
    assert np.allclose(before.maps(pixels), after.maps(pixels), atol=1e-4)


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_what_ends_in_the_midst_leaves_no_model_without_its_report(target, bundle, tmp_path, monkeypatch, ending):
    """The same command writes both."""
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(source_free, "judge_candidate", Raising(ending))
        with pytest.raises(ending):
            adapt_statistics(job(target, out, bundle))
    assert not list(tmp_path.rglob("report.json"))
    assert not (out / "adapted").exists()
    adapt_statistics(job(target, out, bundle))
    assert report(out)["verdict"]["outcome"]
    assert (out / "report.html").exists()


def test_every_phase_runs_on_the_device(target, bundle, tmp_path, monkeypatch, towards_target):
    """Whatever forgets it would ask for the best one that there is."""
    monkeypatch.setattr(devices, "_best_device", Raising(AssertionError("no device was named")))
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()
    shutil.copy(target / "0.png", images)
    Image.fromarray(np.ones((96, 112), np.uint8)).save(masks / "0.png")
    labels = {"check": str(images), "masks": str(masks)}
    assert adapt_statistics(job(target, tmp_path / "out", bundle, device="cpu", **labels)).report.exists()
    with pytest.raises(AssertionError, match="no device was named"):
        adapt_statistics(job(target, tmp_path / "out", bundle))
    with pytest.raises(InputError, match="--device gpu: is no device; write cpu, cuda, cuda:1 or mps"):
        adapt_statistics(job(target, tmp_path / "out", bundle, device="gpu"))


def test_labels_of_the_target_are_an_oracle(target, bundle, tmp_path, towards_target):
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()
    shutil.copy(target / "0.png", images / "0.png")
    truth = Model.open(bundle, "cpu")(target / "0.png").instances
    Image.fromarray(truth.astype(np.uint16)).save(masks / "0.png")
    done = adapt_statistics(job(target, tmp_path / "out", bundle, check=str(images), masks=str(masks)))
    found = report(tmp_path / "out")["oracle"]
    assert found["images"] == 1
    assert found["before"] == {"dice": 1.0, "aji": 1.0, "pq": 1.0, "count_error": 0.0}
    assert found["after"]["pq"] < 1
    assert "Against your labels (oracle)" in done.report.read_text()
    with pytest.raises(InputError, match="--check: name the labelled images with --check and their masks with --masks"):
        adapt_statistics(job(target, tmp_path / "other", bundle, check=str(images)))


def test_too_few_images_and_another_adaptation(finished, target, bundle, tmp_path):
    few = tmp_path / "few"
    few.mkdir()
    for name in ("0.png", "1.png", "pigment.png"):
        shutil.copy(target / name, few / name)
    with pytest.raises(InputError, match=r"(?s)pigment.png is suspicious.*only 2 images can speak for the tissue"):
        adapt_statistics(job(few, tmp_path / "out", bundle))
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="holds an adaptation of another target; choose another --out"):
        adapt_statistics(job(few, finished[0], bundle))


def test_hovernets_statistics_are_chosen_too(target, tmp_path, towards_target):
    """Nothing of it is trained: the statistics alone change, and the report counts what its commands find."""
    bundle, said = write_hovernet_bundle(tmp_path / "mani_hovernet", mpp=0.25), []
    out = tmp_path / "out"
    done = adapt_statistics(job(target, out, bundle, method=None, say=said.append))
    assert "no self-training: mani_hovernet is not trained further." in said
    assert any(line.startswith("4/4 ") for line in said)
    before, after = (Model.open(path, "cpu") for path in (bundle, done.adapted.folder))
    changed = {name for name, value in before.state.items() if not torch.equal(value, after.state[name])}
    assert changed == {name for name in before.state if name.endswith(STATISTICS)}
    result = infer_folder(done.adapted.folder, target, tmp_path / "after", outputs=["csv"], progress=False, ahead=0)
    counts = {image.image: image.nuclei for image in result.images if image.nuclei is not None}
    assert {row["image"]: row["after"] for row in report(out)["images"]} == counts


@pytest.mark.parametrize("method", ["self_training", "source_free_mani"])
def test_hovernet_is_not_trained_further(target, tmp_path, method):
    bundle = write_hovernet_bundle(tmp_path / "mani_hovernet", mpp=0.25)
    with pytest.raises(InputError, match="is an export of mani_hovernet; only mani_unet is trained here"):
        adapt_statistics(job(target, tmp_path / "out", bundle, method=method))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("window", "crops"), [(64, 9), (72, 4)])
def test_hovernets_crops_are_its_windows(tmp_path, window, crops):
    """It answers for the middle of its window: a smaller image is mirrored, and spoils no crop of the others.

    150 pixels are two windows of 64 and a rest of 22, which a third one reaches, or two of 72 and a rest below 16.
    """
    bundle = write_hovernet_bundle(tmp_path / "mani_hovernet", window=window, mpp=0.25)
    fields = [picture(150, 150, 0), picture(40, 56, 1), picture(window, window, 2)]
    images = [SimpleNamespace(field=field) for field in fields]
    batches = target_batches(upright_model(Model.open(bundle, "cpu")), images, progress=False)
    assert {tuple(part.shape[2:]) for batch in batches for part in batch} == {(window, window)}
    assert sum(len(images) for images, _ in batches) == crops + 1 + 1


def test_a_small_image_leaves_hovernets_statistics(target, tmp_path, towards_target):
    """One of four fields below the window moves the target's statistics by its share, and not by orders."""
    bundle = write_hovernet_bundle(tmp_path / "mani_hovernet", mpp=0.25)
    upright = upright_model(Model.open(bundle, "cpu"))
    large = [SimpleNamespace(field=picture(96, 112, number)) for number in range(3)]
    small = SimpleNamespace(field=picture(44, 44, 3))
    states = [
        candidate_states(upright.network, target_batches(upright, images, progress=False))["target"]
        for images in (large, [*large, small])
    ]
    names = [name for name in states[0] if name.endswith("running_var")]
    ratios = torch.cat([(states[1][name] / states[0][name]).flatten() for name in names])
    assert 0.5 < ratios.median() < 2
