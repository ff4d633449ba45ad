"""Hostile and odd inputs over the commands, from a seed: no traceback, nothing half, nothing executed, nothing wrong.

``FUZZ_CASES`` and ``FUZZ_SEED`` in the environment say how many, and which.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from exports import picture
from finished_runs import finished_run
from fuzz_bundles import BUNDLES, write_zip
from fuzz_images import KINDS, REFUSED, SAME
from fuzz_lines import odd_line
from fuzz_masks import GROUPS, MASKS
from fuzz_masks import REFUSED as NO_MASK
from fuzz_run import Ended, run
from made_slides import made_picture
from PIL import Image
from small_bundles import FEATURES, small_unet, write_unet_bundle

from mani_monai import Model

pytestmark = pytest.mark.slow

CASES, SEED = int(os.environ.get("FUZZ_CASES", "1000")), int(os.environ.get("FUZZ_SEED", "0"))
SHARES = {"image": 0.3, "mask": 0.25, "groups": 0.05, "bundle": 0.2, "line": 0.2}


class Fuzz:
    """The places and the good inputs that all cases share."""

    def __init__(self, place: Path, toy: Path) -> None:
        self.place, self.toy = place, toy
        self.bundle = write_unet_bundle(place / "good" / "bundle")
        self.run = finished_run(place / "half_a_run", small_unet().state_dict(), toy, network={"features": FEATURES})
        shutil.rmtree(self.run / "models")
        self.picture = picture(64, 80, 0)
        self.expected = Model.open(self.bundle, "cpu", "float32")(self.picture).mask
        self.images = place / "good" / "images"
        self.images.mkdir()
        Image.fromarray(self.picture).save(self.images / "a.png")
        self.witness = place / "code_ran"
        self.outcomes: Counter[str] = Counter()
        self.faults: list[str] = []

    def case(self, number: int) -> None:
        """One case; what it finds is noted and not raised, so that all are seen."""
        random = np.random.default_rng([SEED, number])
        kind = str(random.choice(list(SHARES), p=list(SHARES.values())))
        folder = self.place / f"case_{number}"
        folder.mkdir()
        words, ended, wrong = getattr(self, f"_{kind}")(folder, random)
        found = [*ended.faults, *([wrong] if wrong else [])]
        if self.witness.exists():
            found.append("something was executed")
            self.witness.unlink()
        self.faults += [f"{number} {kind}, {words}: {fault}" for fault in found]
        state = "wrong" if found else "refused" if ended.refused else "done"
        self.outcomes[f"{kind}: {state}"] += 1
        if not found:
            shutil.rmtree(folder)

    def _infer(self, folder: Path, bundle: Path, images: Path) -> Ended:
        options = ["--precision", "float32", "--device", "cpu", "--outputs", "mask"]
        return run(["infer", "--bundle", bundle, "--images", images, "--out", folder / "out", *options], folder)

    def _image(self, folder: Path, random: np.random.Generator) -> tuple[str, Ended, str]:
        name = str(random.choice(list(KINDS)))
        images = folder / "images"
        images.mkdir()
        right = KINDS[name](images / "a", self.picture, random)
        Image.fromarray(self.picture).save(images / "good.png")
        ended = self._infer(folder, self.bundle, images)
        done, wrong = folder / "out" / "a_mask.png", ""
        if right == REFUSED and (not ended.refused or done.exists()):
            wrong = "taken, and not refused"
        elif right == SAME and not (done.exists() and np.array_equal(np.asarray(Image.open(done)) > 0, self.expected)):
            wrong = f"not the right mask: {ended.text[-200:]}"
        elif not np.array_equal(np.asarray(Image.open(folder / "out" / "good_mask.png")) > 0, self.expected):
            wrong = "the good image beside it has another mask"
        return name, ended, wrong

    def _mask(self, folder: Path, random: np.random.Generator) -> tuple[str, Ended, str]:
        name = str(random.choice(list(MASKS)))
        for part in ("images", "masks"):
            (folder / part).mkdir()
        image = made_picture(80, 96, nuclei=0, seed=int(random.integers(100)), glass=4)
        ids, rows, columns = np.zeros((80, 96), int), *np.mgrid[:80, :96]
        for number, (row, column) in enumerate(((15, 15), (15, 50), (40, 30), (60, 70), (62, 20)), start=1):
            ids[(rows - row) ** 2 + (columns - column) ** 2 < int(random.integers(16, 64))] = number
        image[ids > 0] = (90, 50, 140)
        Image.fromarray(image).save(folder / "images" / "a.png")
        right = MASKS[name](folder / "masks" / "a", ids, random)
        line = ["folder", "--images", folder / "images", "--masks", folder / "masks", "--name", "x"]
        ended = run(["prepare", *line, "--out", folder / "data"], folder)
        written = folder / "data" / "x" / "labels" / "a.png"
        nuclei = len(np.unique(np.asarray(Image.open(written)))) - 1 if written.exists() else NO_MASK
        if written.exists() == ended.refused:
            return name, ended, "written and refused at once, or neither"
        wrong = right is not None and nuclei != right
        return name, ended, f"{nuclei} nuclei of {right} ({NO_MASK}: refused): {ended.text[-200:]}" if wrong else ""

    def _groups(self, folder: Path, random: np.random.Generator) -> tuple[str, Ended, str]:
        name = str(random.choice(list(GROUPS)))
        text, taken = GROUPS[name]
        (folder / "images").mkdir()
        for stem in "abc":
            Image.fromarray(self.picture).save(folder / "images" / f"{stem}.png")
        (folder / "groups.csv").write_text(text)
        line = ["folder", "--images", folder / "images", "--groups", folder / "groups.csv", "--name", "x"]
        ended = run(["prepare", *line, "--out", folder / "data"], folder)
        return name, ended, "" if taken is None or taken != ended.refused else f"taken: {not ended.refused}"

    def _bundle(self, folder: Path, random: np.random.Generator) -> tuple[str, Ended, str]:
        name = str(random.choice(list(BUNDLES)))
        tamper, taken = BUNDLES[name]
        bundle = shutil.copytree(self.bundle, folder / "bundle")
        tamper(bundle, self.witness, random)
        zipped = random.random() < 0.3
        if zipped:
            write_zip(bundle, folder / "bundle.zip", random)
            bundle = folder / "bundle.zip"
        inspected = run(["inspect", bundle], folder)
        ended = self._infer(folder, bundle, self.images)
        ended = Ended(ended.status, ended.text, (*inspected.faults, *ended.faults))
        climbed = [path for path in (folder.parent / "climbed", Path("/tmp/climbed_by_a_bundle")) if path.exists()]
        wrong = f"a zip wrote {climbed[0]}" if climbed else ""
        if not wrong and taken is not None and not zipped and taken == ended.refused:
            wrong = f"taken: {not ended.refused}: {ended.text[-200:]}"
        return f"{name}{', zipped' * zipped}", ended, wrong

    def _line(self, folder: Path, random: np.random.Generator) -> tuple[str, Ended, str]:
        good = {"bundle": self.bundle, "images": self.images, "slides": self.images, "out": folder / "out", "name": "x"}
        line = odd_line(random, {**good, "run": self.run, "mpp": "0.25", "precision": "float32", "device": "cpu"})
        before = sorted(path for path in self.place.parent.rglob("*") if folder not in path.parents)
        ended = run(line, folder)
        after = sorted(path for path in self.place.parent.rglob("*") if folder not in path.parents)
        new = [str(path) for path in after if path not in set(before)]
        known = [path for path in new if "predictions" in path or path.endswith("model_average.pt")]
        return json.dumps(line), ended, f"wrote {new[0]}" if len(new) > len(known) else ""


def test_nothing_hostile_or_odd_gets_through(tmp_path, toy_dir, monkeypatch, capsys):
    torch.set_num_threads(1)
    place = tmp_path / "place"
    place.mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    fuzz = Fuzz(place, toy_dir)
    for number in range(CASES):
        fuzz.case(number)
    with capsys.disabled():
        print(
            f"\n{CASES} cases of seed {SEED}:", ", ".join(f"{n} {state}" for state, n in sorted(fuzz.outcomes.items()))
        )
    assert not fuzz.faults, "\n".join(fuzz.faults)
