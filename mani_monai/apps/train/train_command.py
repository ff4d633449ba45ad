"""Trains a network on labelled images of one tissue and unlabelled images of another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

OPTIONS = {
    **{name: name for name in ("source", "target", "split", "seed", "device", "resume", "overwrite")},
    "dataset_dir": "data",
    "output_dir": "out",
}
"""Settings that have an option of their own."""
STOPPED = "stopped: start the same command again with --resume to go on."
NOTHING_KEPT = "stopped before the first checkpoint, so that nothing is kept: start the same command again."


def train(
    source: str,
    target: str,
    out: str,
    data: str = "data",
    method: str = "stain_adabn",
    budget: str = "small",
    bundle: str = "mani_unet",
    split: str = "split_0",
    seed: int = 0,
    device: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    options: dict[str, Any] | None = None,
) -> None:
    """Trains a bundle's network on two prepared data sets, of which the target needs no labels.

    Writes a run's folder, which mani evaluate, infer, adapt and export take. mani configs lists budgets and methods.

    Args:
        source: a labelled data set in DATA, or several with commas.
        target: an unlabelled one.
        out: the run's folder.
        data: the folder that mani prepare wrote.
        method: configs of what adapts the training, with commas; "mani" is the paper's loss alone.
        budget: how long and how wide the training is; "paper" is the paper's, for a GPU.
        bundle: mani_unet or mani_hovernet.
        split: which part of the images trains, such as split_0 or fold_0.
        seed: of the training.
        device: cpu, cuda, cuda:1 or mps; the GPU by default where there is one.
        resume: goes on with the training that lies in OUT.
        overwrite: replaces the training that lies in OUT.
        options: further settings of train.json, e.g. "{'iterations': 3000}".
    """
    from mani_monai.apps.train.train_bundle import train_bundle, unfit_reason
    from mani_monai.run.run_folder import CHECKPOINT
    from mani_monai.utils import InputError
    from mani_monai.utils.devices import choose_device
    from mani_monai.utils.overrides import REFERENCES
    from mani_monai.utils.places import place_of
    from mani_monai.utils.prompt_end import prompt_end

    if options is not None and not isinstance(options, dict):
        raise InputError(f"--options {options}: is no dictionary; write it as \"{{'iterations': 3000}}\".")
    if resume and overwrite:
        raise InputError("--resume and --overwrite: one goes on with what the other replaces; choose one of them.")
    if Path(bundle).name != bundle:
        raise InputError(f"--bundle {bundle}: write its name alone, such as mani_unet.")
    places = {"source": source, "target": target, "split": split, "data": data, "out": out}
    for name, text in places.items():
        if str(text).startswith(REFERENCES):
            raise InputError(f"--{name} {text}: begins with {text[0]}, which configs evaluate; write another name.")
    _check_options(options or {})
    configs = [name for name in (budget, *method.split(",")) if name not in ("", "paper", "mani")]
    settings = {"source": source, "target": target, "split": split, "seed": seed, "resume": resume}
    settings |= {"overwrite": overwrite, "dataset_dir": data, "output_dir": out}
    settings |= {"device": f"$torch.device('{choose_device(device)}')", **(options or {})}

    def stopped() -> str:
        return STOPPED if (Path(str(settings["output_dir"])) / CHECKPOINT).exists() else NOTHING_KEPT

    try:
        with prompt_end(stopped):
            folder = train_bundle(place_of("bundles") / bundle, configs, settings)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(stopped()) from None
    except RuntimeError as error:
        if not options or (reason := unfit_reason(error)) is None:
            raise
        raise InputError(f"--options {options}: do not fit ({reason}); mani configs shows some that do.") from error
    print(f"run: {folder}")


def _check_options(options: dict[str, Any]) -> None:
    """Refuses settings that are no names, or that another option gives."""
    from mani_monai.utils import InputError

    for name in options:
        if not isinstance(name, str):
            raise InputError(f"--options {options}: {name} is no setting's name; write it as {{'iterations': 3000}}.")
        if name in OPTIONS:
            raise InputError(f"--options {name}: has an option of its own; write --{OPTIONS[name]}.")
