"""Scores, re-estimates and averages the weights of a run: its folder knows the configs that it was trained with."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mani_monai.config_index import BUNDLES, find_config
from mani_monai.declaration import KEY
from mani_monai.run.quiet_workflow import quiet_workflow
from mani_monai.run.run_folder import is_trained, metadata_file, read_train_config, train_config
from mani_monai.utils import InputError
from mani_monai.utils.errors import input_error_of
from mani_monai.utils.files import weights_file
from mani_monai.utils.json_files import read_object

if TYPE_CHECKING:
    from monai.bundle import ConfigWorkflow

_LOOKING_UP = ("monai/bundle/config_parser.py", "monai/bundle/reference_resolver.py")


def evaluate_run(run: str | Path, overlays: Sequence[str] = (), **options: Any) -> Path:
    """Scores a run's weights on labelled target test images, once for each way to select them.

    Args:
        run: the run's folder.
        overlays: names of configs that change the evaluation, such as ``adabn`` or ``dense_crf``.
        options: overrides by name, such as ``label_free_images=0``.

    Returns:
        the folder with ``metrics.json`` and ``scores.csv``.

    Raises:
        InputError: when the folder holds no finished training, or an option or overlay is not known.
    """
    workflow = run_step(run, ["evaluate", *overlays], **options)
    return Path(workflow.parser.get_parsed_content("evaluation_dir"))


def reestimate_run(run: str | Path, weights: str = "model.pt", **options: Any) -> Path:
    """Re-estimates the batch statistics of a run's weights on its unlabelled target images.

    Args:
        run: the run's folder.
        weights: a file in its ``models``.
        options: overrides by name.

    Returns:
        the new weights, ``models/<name>_adabn.pt``.

    Raises:
        InputError: when the folder holds no finished training, there are no such weights, or an option is not known.
    """
    run_step(run, ["reestimate"], weights=weights, **options)
    return weights_file(run, f"{Path(weights).stem}_adabn.pt")


def average_run(run: str | Path) -> Path:
    """Averages a run's snapshots of its second half.

    Args:
        run: the run's folder.

    Returns:
        the new weights, ``models/model_average.pt``.

    Raises:
        InputError: when the folder holds no finished training, or fewer than two snapshots of its second half.
    """
    run_step(run, ["average"])
    return weights_file(run, "model_average.pt")


def run_step(run: str | Path, overlays: Sequence[str], **options: Any) -> ConfigWorkflow:
    """Runs configs on top of the one that a run was trained with, in this process.

    Args:
        run: the run's folder, wherever it lies by now.
        overlays: names of the bundle's configs.
        options: overrides by name.

    Returns:
        the workflow, which has run.

    Raises:
        InputError: when the folder holds no finished training, or an overlay or option is not known.
    """
    folder = Path(run).absolute()
    config = read_train_config(folder)
    if not is_trained(folder):
        raise InputError(f"{folder}: holds no finished training; go on with --resume first.")
    bundle = _bundle(folder, config)
    files = [str(train_config(folder)), *(str(find_config(bundle, name)) for name in overlays)]
    logging = folder / "configs" / "logging.conf"
    made = quiet_workflow(
        trains=False,
        config_file=files,
        logging_file=str(logging) if logging.is_file() else False,
        output_dir=str(folder),
    )
    with made as workflow:
        for name, value in options.items():
            if name not in workflow.parser:
                raise InputError(f"{name}: there is no such option of {' and '.join(overlays)}.")
            workflow.parser[name] = value
        with _incomplete_named(folder, config):
            workflow.initialize()
            workflow.run()
            workflow.finalize()
    return workflow


@contextmanager
def _incomplete_named(folder: Path, config: Mapping[str, Any]) -> Iterator[None]:
    """Says in one line that a step failed because the run's config lacks what the step refers to."""
    try:
        yield
    except Exception as error:
        looked_up = "imports" not in config or _is_of_parser(error)
        if input_error_of(error) is not None or not looked_up:
            raise
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{train_config(folder)}: is incomplete ({reason}); copy the run again, or train anew."
        ) from error


def _is_of_parser(error: BaseException) -> bool:
    """Whether MONAI raised an error where it looks up what a config refers to."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].filename.replace("\\", "/").endswith(_LOOKING_UP)


def _bundle(folder: Path, config: dict[str, Any]) -> Path:
    """The bundle of a run: the one that trained it, or this project's of that name."""
    trained = Path(config["bundle_root"])
    if (trained / "configs" / "train.json").is_file() and trained.resolve() != folder.resolve():
        return trained
    metadata = read_object(metadata_file(folder), "train anew")
    return BUNDLES / str((metadata.get(KEY) or {}).get("bundle", trained.name))
