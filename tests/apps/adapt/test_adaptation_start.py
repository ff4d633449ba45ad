"""An adaptation that starts from a given model, its training in this process."""

from __future__ import annotations

import json

import pytest
from adapted import InProcessLauncher
from small_bundles import FEATURES

from mani_monai.apps.adapt.adaptation import adapt
from mani_monai.utils import InputError


def test_a_pixel_size_that_no_microscope_gives(job, kidney, tmp_path):
    with pytest.raises(InputError, match=r"^--mpp 40: write micrometres per pixel"):
        adapt(job(kidney, tmp_path / "out", mpp=40))
    assert not (tmp_path / "out").exists()


def test_a_given_model_of_another_magnification(job, kidney, tmp_path, given_bundle, tiny_options):
    options = {"method": "mani", "options": given_options(tiny_options)}
    model = str(given_bundle(tmp_path / "given", mpp=0.5))
    with pytest.raises(InputError, match=r"given: was trained at 0\.5 micrometres per pixel, the images have 0\.25; "):
        adapt(job(kidney, tmp_path / "out", model=model, mpp=0.25, **options))
    assert not (tmp_path / "out" / "runs").exists()
    launcher = InProcessLauncher()
    adapt(job(kidney, tmp_path / "out", launcher, model=model, mpp=0.46, **options))
    assert len(launcher.commands) == 1, "up to a tenth apart is one magnification"


def given_options(tiny_options):
    """Options of a training that can start from the given bundle."""
    return {**tiny_options, "features": str(FEATURES)}


def test_a_given_model_is_before_and_the_start(job, kidney, tmp_path, quick_exports, given_bundle, tiny_options):
    launcher, bundle = InProcessLauncher(), given_bundle(tmp_path / "given")
    options = given_options(tiny_options)
    done = adapt(job(kidney, tmp_path / "out", launcher, model=str(bundle), method="mani", options=options))
    (command,) = launcher.commands
    assert command["files"] == ["train.json", "quick.json", "start.json"]
    assert done.source_model is None
    notes = json.loads((tmp_path / "out" / "report.json").read_text())["notes"]
    assert notes[0] == "Before is given, and the training started from its weights."
    assert notes[1].startswith("NON-COMMERCIAL USE ONLY"), "what the start was trained on binds what came of it"
    assert "CC BY-NC-SA 4.0" in quick_exports[-1].domains[0].licence
    assert [domain.role for domain in quick_exports[-1].domains] == ["start", "source", "target"]
    assert not quick_exports[-1].declaration.preprocessing


@pytest.mark.parametrize(
    ("normalised", "method", "overlays", "said"),
    [
        (True, "mani", [], "They were trained on images after NormaliseStainsd, so all images"),
        (False, "stain_adabn", ["stain_adabn.json"], "They were trained on images as they are, and went on with"),
    ],
)
def test_a_start_and_its_stains(
    job, kidney, tmp_path, quick_exports, given_bundle, tiny_options, normalised, method, overlays, said
):
    """Trained, exported and measured on normalised stains, where the start or the method needs it; and said."""
    launcher, bundle = InProcessLauncher(), given_bundle(tmp_path / "given", normalised)
    options = given_options(tiny_options)
    adapt(job(kidney, tmp_path / "out", launcher, model=str(bundle), method=method, options=options))
    (command,) = launcher.commands
    assert command["files"] == ["train.json", "quick.json", *overlays, "start.json"]
    assert quick_exports[-1].declaration.preprocessing
    assert f"its weights. {said}" in json.loads((tmp_path / "out" / "report.json").read_text())["notes"][0]
