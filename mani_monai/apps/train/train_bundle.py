"""A bundle's training in this process, from the names of its configs."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mani_monai.config_index import BUNDLES, bundle_folders, find_config
from mani_monai.run.quiet_workflow import quiet_workflow
from mani_monai.utils import InputError
from mani_monai.utils.errors import input_error_of
from mani_monai.utils.one_line import refusal_line
from mani_monai.utils.overrides import check_range, check_switch

if TYPE_CHECKING:
    from monai.bundle import ConfigWorkflow

_MAKING = ("Failed to instantiate component", "Failed to evaluate ConfigExpression")


def train_bundle(bundle: Path, configs: Sequence[str], settings: Mapping[str, Any]) -> Path:
    """Trains as ``python -m monai.bundle run`` does with the same configs and overrides.

    Args:
        bundle: the bundle's folder.
        configs: names of its overlays, later ones last.
        settings: overrides of ``train.json`` by name; ``output_dir`` is among them.

    Returns:
        the run's folder.

    Raises:
        InputError: when the bundle, a config or a setting is not known, a number is out of its range, or the
            training refuses its data or its place.
    """
    with _workflow(bundle, configs) as workflow:
        for name, value in settings.items():
            if name not in workflow.parser:
                known = [key for key in workflow.parser.get() if not key.startswith("_")]
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]}?" if near else f"{bundle / 'configs' / 'train.json'} names them."
                raise InputError(f"{name}: there is no such setting of {bundle.name}; {hint}")
            check_switch(name, value, workflow.parser.get(name))
            check_range(name, str(value))
            workflow.parser[name] = value
        workflow.initialize()
        workflow.run()
        workflow.finalize()
        return Path(workflow.parser.get_parsed_content("output_dir"))


def unfit_reason(error: RuntimeError) -> str | None:
    """Why MONAI could not make a component of a training, in its own words; None where something else failed.

    Args:
        error: of :func:`train_bundle`.
    """
    made = str(error).startswith(_MAKING) and "trainer.run()" not in str(error)
    if not made or input_error_of(error) is not None or refusal_line(error) is not None:
        return None
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return " ".join(str(cause).split())[:200].rstrip(".") or type(cause).__name__


def _workflow(bundle: Path, configs: Sequence[str]) -> AbstractContextManager[ConfigWorkflow]:
    known = [folder.name for folder in bundle_folders(bundle.parent if bundle.parent.is_dir() else BUNDLES)]
    if bundle.name not in known:
        raise InputError(f"{bundle.name}: there is no such bundle; choose from {', '.join(known)}.")
    files = [str(find_config(bundle, name)) for name in ("train", *configs)]
    own = bundle / "configs"
    return quiet_workflow(
        config_file=files,
        meta_file=str(own / "metadata.json"),
        logging_file=str(own / "logging.conf"),
        workflow_type="train",
        bundle_root=str(bundle),
    )
