"""Adapts a model to unlabelled slides of another tissue: bundle, report and verdict from one command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mani_monai.utils.command_line import end_on_signals
from mani_monai.utils.printing import lasting_output


def adapt(
    target: str,
    out: str,
    source: str | None = None,
    model: str | None = None,
    method: str | None = None,
    preset: str = "small",
    options: dict[str, Any] | None = None,
    seed: int = 0,
    licence: str = "unknown",
    mpp: float | None = None,
    check: str | None = None,
    masks: str | None = None,
    device: str | None = None,
) -> None:
    """Adapts a model to unlabelled images of a tissue, and says whether it helped.

    With --target and --out alone, the weights that come with mani-monai are adapted. No image that they were trained on
    is needed. First the network's batch statistics go some of the way from the source's to the target's. How far is
    chosen by how well the model agrees with itself on differently stained and on turned copies. Then it trains shortly
    on the nuclei that it is sure of.

    With --source, mani_unet is trained on labelled images of one tissue and the unlabelled ones. The preset small took
    10 to 20 minutes of two shared CPU cores for two trainings, then the report. Kill it and start the same command
    again at any time: it goes on.

    Writes report.html (and report.json): the verdict and the next command, pictures before and after, nuclei by image;
    adapted/: the exported bundle; and least_certain/: the fields to label first, as images. The last lines printed are
    the verdict and that command. The exit status is 0 whatever the verdict.

    Labels of the target choose nothing: files named like masks of the images are not opened. Bad images are named, and
    the others are used. Suspicious ones, with pigment or next to no tissue, are named and choose nothing.

    Args:
        target: folder of unlabelled images, PNG, TIFF, JPEG or BMP, not searched below, or one that mani prepare wrote.
        out: folder for everything; one folder an adaptation.
        source: folder of a labelled data set that mani prepare wrote; none where a model is adapted as it is.
        model: folder or zip of the model to adapt; by default the weights that come along, or with --source none. Of a
            mani_hovernet the batch statistics are chosen, and nothing is trained. With --source, training starts from
            the weights of a mani_unet that has the channels of the preset's, else anew; weights go on with the
            preprocessing that they were trained with.
        method: with --source stain_adabn, mean_teacher_stain_augmentation, adabn, mani or source_only. The default,
            stain_adabn, has normalised stains, averaged weights and the target's batch statistics. adabn is source_only
            with these statistics, mani is the paper's, and source_only adapts nothing. Without --source self_training
            is the default, where 50 nuclei are sure. statistics trains nothing. source_free_mani is a self-training
            with MaNi's bound on vectors of the source, as mani prototypes noted them.
        preset: of a training: small (two cores can pay it), quick (smaller still) or paper (needs a GPU).
        options: of a training: further settings of the bundle's train.json, e.g. "{'iterations': 3000}".
        seed: of the trainings.
        licence: of the target's images, for the exported bundle's record.
        mpp: micrometres per pixel of all images, e.g. 0.25 at 40x, for files that do not say it. A training rescales
            nothing; without one, images are rescaled to the network's pixel size.
        check: folder of labelled images of the target, with --masks: scores of both models on them go into the report,
            marked as oracle. They choose nothing.
        masks: folder of their masks.
        device: cpu, cuda, cuda:1 or mps, where everything is measured and trained; the GPU by default, where there is
            one.
    """
    from mani_monai.apps.adapt.request import SELF_TRAINING, SOURCE_FREE, STATISTICS
    from mani_monai.utils import InputError
    from mani_monai.utils.archive import check_outside

    if options is not None and not isinstance(options, dict):
        raise InputError(f"--options {options}: is no dictionary; write it as \"{{'iterations': 3000}}\".")
    source_free = (STATISTICS, SELF_TRAINING, SOURCE_FREE)
    of_training = {"method": method not in (None, *source_free), "preset": preset != "small", "seed": seed != 0}
    if source is None and (options or any(of_training.values())):
        asked = {"method": method, "preset": preset, "seed": seed}
        flag = "options" if options else next(f"{name} {asked[name]}" for name, given in of_training.items() if given)
        raise InputError(f"--{flag}: is of a training, which needs labelled images; name them with --source.")
    if source is not None and method in source_free:
        raise InputError(f"--method {method}: needs no labelled images; leave out --source.")
    for folder in (target, f"{target}/images", source, check, masks):
        if folder is not None and Path(out).is_dir() and Path(folder).is_dir() and Path(out).samefile(folder):
            raise InputError(f"{out}: holds the images; name another folder with --out.")
    check_outside(out)
    settled = {name: str(value) for name, value in (options or {}).items()}
    with lasting_output():
        _adapt(target, Path(out), source, model, method, preset, settled, seed, licence, mpp, check, masks, device)


def _adapt(
    target: str,
    out: Path,
    source: str | None,
    model: str | None,
    method: str | None,
    preset: str,
    options: dict[str, str],
    seed: int,
    licence: str,
    mpp: float | None,
    check: str | None,
    masks: str | None,
    device: str | None,
) -> None:
    from mani_monai.apps.adapt.request import check_folders
    from mani_monai.apps.adapt.slide_target import pictures_of
    from mani_monai.utils.devices import choose_device
    from mani_monai.utils.places import own_weights, place_of

    choose_device(device)
    check_folders(check, masks)
    target, mpp, slides = pictures_of(target, out, mpp, source, model)
    bundles = place_of("bundles")
    checked = {"check": check, "masks": masks, "slides": slides, "device": device, "say": _say}
    if source is None:
        from mani_monai.apps.adapt.source_free import SourceFree, adapt_statistics

        given = model or own_weights()
        end_on_signals()
        done = adapt_statistics(SourceFree(target, out, given, bundles, licence, mpp, **checked, method=method))
    else:
        from mani_monai.apps.adapt.adaptation import Adaptation
        from mani_monai.apps.adapt.adaptation import adapt as adapt_now
        from mani_monai.apps.adapt.methods import DEFAULT_METHOD

        places = (source, target, out, bundles, model)
        job = Adaptation(*places, method or DEFAULT_METHOD, preset, options, seed, licence, mpp, **checked)
        end_on_signals()
        done = adapt_now(job)
    for line in done.last_lines:
        print(line)


def _say(line: str) -> None:
    print(line, flush=True)
