"""Adapts a model to unlabelled slides of another tissue: bundle, report and verdict from one command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mani_monai.utils.command_line import end_on_signals


def adapt(
    source: str,
    target: str,
    out: str,
    model: str | None = None,
    method: str = "stain_adabn",
    preset: str = "small",
    options: dict[str, Any] | None = None,
    seed: int = 0,
    licence: str = "unknown",
    mpp: float | None = None,
) -> None:
    """Trains mani_unet on labelled images of one tissue and unlabelled ones of another, and says whether it helped.

    Writes report.html (and report.json): pictures before and after, scores without labels, nuclei, and a verdict, which
    is the last line printed; adapted/: the exported bundle; source_model/: the one that was trained on the source
    alone, in case the verdict is to keep it. The exit status is 0 whatever the verdict. Kill it and start the same
    command again at any time: it goes on.

    Labels of the target cannot be given and are not looked for: files named like masks of the images are not opened.
    HoVer-Net (mani_hovernet) is not offered here: train it with its bundle's configs.

    Args:
        source: folder of a labelled data set that mani prepare wrote.
        target: folder of unlabelled images, PNG, TIFF, JPEG or BMP, not searched below. Files that cannot be used are
            listed, and the others are used.
        out: folder for everything; one folder an adaptation.
        model: folder or zip of an exported mani_unet to use as the source model: nothing is trained on the source alone
            then. Training starts from its weights where its U-Net has the channels of the preset's, else anew; weights
            that were trained on normalised stains go on with them under every method.
        method: stain_adabn (trained on normalised stains, then averaged weights with the target's batch statistics),
            mean_teacher_stain_augmentation, adabn (the source-only training with the target's
            batch statistics; it is not trained twice, but with --model it is trained), mani (the paper's) or
            source_only (no adaptation).
        preset: small (two cores can pay it), quick (smaller still, for a first look) or paper (needs a GPU).
        options: further settings of the bundle's train.json, e.g. "{'iterations': 3000}".
        seed: of the trainings.
        licence: of the target's images, for the exported bundle's record.
        mpp: micrometres per pixel of all images, source and target, e.g. 0.25 at 40x; the exported bundles say it, and
            mani infer rescales other images by it. Nothing is rescaled here.
    """
    from mani_monai.apps.adapt.adaptation import Adaptation
    from mani_monai.apps.adapt.adaptation import adapt as adapt_now
    from mani_monai.utils import InputError
    from mani_monai.utils.places import place_of

    if options is not None and not isinstance(options, dict):
        raise InputError(f"--options {options}: is no dictionary; write it as \"{{'iterations': 3000}}\".")
    settled = {name: str(value) for name, value in (options or {}).items()}
    places = (source, target, Path(out), place_of("bundles"), model)
    job = Adaptation(*places, method, preset, settled, seed, licence, mpp, say=_say)
    end_on_signals()
    done = adapt_now(job)
    print(f"report:  {done.report}")
    print(f"adapted: {done.adapted.folder} and {done.adapted.archive.name}")
    if done.source_model:
        print(f"source model: {done.source_model.folder}")
    print(f"verdict: {done.verdict.line}")


def _say(line: str) -> None:
    print(line, flush=True)
