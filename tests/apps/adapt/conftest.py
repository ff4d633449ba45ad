"""Trainings of an adaptation in this process, on tiny networks, and evidence to judge."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from adapted import SCORES, InProcessLauncher, figures
from bundle_files import REPOSITORY
from small_bundles import write_unet_bundle
from trainings import FEW_BATCHES

from mani_monai.apps.adapt import adaptation
from mani_monai.apps.adapt.adaptation import Adaptation
from mani_monai.apps.adapt.evidence import Evidence
from mani_monai.apps.adapt.outcome import ImageRow, NextCommands, Outcome
from mani_monai.apps.adapt.verdict import judge
from mani_monai.apps.export.export_bundle import Exported
from mani_monai.utils.archive import write_hashes


@pytest.fixture
def launcher() -> InProcessLauncher:
    return InProcessLauncher()


@pytest.fixture(scope="session")
def tiny_options(tiny) -> dict[str, str]:
    """Options of a training of a second that logs nothing."""
    options = {**tiny, **FEW_BATCHES, "quiet": True, "iterations": 2}
    del options["dataset_dir"]
    return {name: str(value) for name, value in options.items()}


@pytest.fixture
def evidence() -> Callable[..., Evidence]:
    """Two sane models, but for what is named: ``evidence(after=..., scores_after={"stain": 0.5})``."""
    sane = Evidence(True, SCORES, SCORES, figures(), figures(), figures(), 0.9)

    def make(**changes) -> Evidence:
        for name in ("scores_before", "scores_after"):
            if name in changes:
                changes[name] = {**SCORES, **changes[name]}
        return replace(sane, **changes)

    return make


@pytest.fixture
def outcome(evidence) -> Outcome:
    """A report's content, of which the verdict is to look closer."""
    found = evidence(after=figures(share=0.25, count=250), scores_after={"stain": 0.876})
    curves = {"source-only": {"dice": [(5, 0.5), (10, 0.75)]}}
    rows = (ImageRow("a.png", 40, 100, 0.1), ImageRow("b.png", 60, 150, 0.2, ("black pigment",)))
    commands = NextCommands("given", "kidney images", "out", 0.25)
    return Outcome(
        "breast", "kidney", {"preset": "small"}, ("a note",), ("x.png: is broken",), found, rows, curves, judge(found),
        commands, 8,
    )  # fmt: skip


@pytest.fixture(scope="session")
def given_bundle() -> Callable[..., Path]:
    """Writes a bundle as a user brings it: ``given_bundle(folder)``, of normalised stains or of a pixel size."""

    def make(folder: Path, normalised: bool = False, mpp: float | None = None) -> Path:
        steps = [{"_target_": "mani_monai.transforms.NormaliseStainsd", "keys": "image"}] if normalised else []
        write_unet_bundle(folder, mpp=mpp, preprocessing=steps)
        (folder / "docs").mkdir()
        (folder / "docs" / "data_license.txt").write_text("Trained on:\n  breast   CC BY-NC-SA 4.0\n")
        write_hashes(folder)
        return folder

    return make


@pytest.fixture(scope="module")
def quick_exports():
    """Exports take seconds and have tests of their own."""

    def export(bundle, run, out, overwrite):
        assert overwrite
        exports.append(run)
        return Exported(out / bundle.name, out / f"{bundle.name}.zip", {}, True)

    exports = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adaptation, "export_bundle", export)
        yield exports


@pytest.fixture(scope="module")
def kidney(toy_dir, tmp_path_factory):
    """The toy target's images, and nothing else, in a folder."""
    folder = tmp_path_factory.mktemp("slides") / "kidney"
    shutil.copytree(toy_dir / "toy_target" / "images", folder)
    return folder


@pytest.fixture(scope="module")
def job(toy_dir, tiny_options, quick_exports):
    """An adaptation of the toy source to a folder: ``job(target, out, launcher, **options)``."""

    def make(target, out, launcher=None, **options):
        launcher = launcher or InProcessLauncher()
        places = (str(toy_dir / "toy_source"), str(target), out, REPOSITORY / "bundles")
        settings = {
            "method": "mean_teacher_stain_augmentation",
            "preset": "quick",
            "options": tiny_options,
            "say": lambda line: None,
            **options,
        }
        return Adaptation(*places, launcher=launcher, **settings)

    return make


@pytest.fixture
def discs() -> Callable[..., np.ndarray]:
    """A mask with discs: ``discs((40, 60), [(row, column, radius), ...])``."""

    def make(shape, places):
        rows, columns = np.indices(shape)
        mask = np.zeros(shape, bool)
        for row, column, radius in places:
            mask |= (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
        return mask

    return make
