"""The start of a training: its folder says what it is before anything is trained."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ignite.distributed as idist

from mani_monai.config_difference import first_difference, plain
from mani_monai.data.datalists import type_names
from mani_monai.declaration import KEY, Declaration
from mani_monai.inference_config import inference_config, with_channels
from mani_monai.provenance import TRAINING
from mani_monai.run.measured_facts import as_calibrated, measured_facts, trains_nothing
from mani_monai.run.run_folder import (
    CHECKPOINT,
    LENGTHS,
    SNAPSHOTS,
    check_layout,
    check_same_config,
    is_begun,
    is_trained,
    metadata_file,
    read_train_config,
    write_config,
)
from mani_monai.run.running_workflow import component, resolved_config, running_workflow
from mani_monai.run.trained_domains import common_pixel_size, domains_of, read_domains, united
from mani_monai.transforms.part_nucleid import CONTOUR
from mani_monai.utils import InputError
from mani_monai.utils.files import weights_file
from mani_monai.utils.folders import replacing
from mani_monai.utils.json_files import config_text, read_object

if TYPE_CHECKING:
    from monai.bundle import ConfigParser

SEEN = ("network_def", "features", "mode", "out_classes", "preprocessing")
"""Keys that say what a network is and what happens to its images."""


def start_run() -> None:
    """Writes ``configs/`` of the folder that the running training's ``output_dir`` names; for ``initialize``.

    ``train.json``: the whole config. ``inference.json``: the same network and steps. ``metadata.json``: network,
    steps, data sets with their licences, those of an earlier start and of ``earlier_domains`` included.
    ``logging.conf``. All of it is there before any weights are. A finished run that is resumed and has nothing left to
    train keeps its calibration and the vectors of its source.

    Raises:
        InputError: when the folder holds a finished run, unless it is resumed or ``overwrite`` is true; an unfinished
            one that is not resumed; or one of another config, of an earlier version, or of none; and when it holds
            prepared data.
    """
    workflow = running_workflow()
    parser, folder = workflow.parser, Path(workflow.parser.get_parsed_content("output_dir")).absolute()
    config = _settled(parser, folder)
    _check_place(folder, config, parser)
    if idist.get_rank() > 0:
        return
    if parser.get_parsed_content("overwrite") and not parser.get_parsed_content("resume"):
        _clear(folder)
    _write_both(folder, _metadata(parser, folder, Path(workflow.config_root_path)))
    logging = Path(workflow.config_root_path) / "logging.conf"
    copy = folder / "configs" / "logging.conf"
    if logging.is_file() and logging.resolve() != copy.resolve():
        with replacing(copy) as partial:
            shutil.copyfile(logging, partial)
    write_config(config, folder)  # last: where it lies, the others do


def move_run(folder: Path, place: Path) -> None:
    """Has the configs of a finished run name another folder, which it will be moved to.

    Args:
        folder: where the run lies.
        place: where it will lie.
    """
    place = place.absolute()
    write_config({**read_train_config(folder), "output_dir": str(place)}, folder)
    metadata = read_object(metadata_file(folder), "train anew")
    if KEY in metadata:
        _write(folder / "configs" / "inference.json", _inference(metadata, place))


def declare_anew(folder: Path, declaration: Declaration) -> None:
    """Writes a run's ``metadata.json`` and ``inference.json`` with another declaration of the same network.

    Args:
        folder: of a finished run.
        declaration: what the run's network is from now on.
    """
    metadata = read_object(metadata_file(folder), "train anew")
    _write_both(folder.absolute(), {**metadata, KEY: declaration.as_dict()})


def check_run(run: str | None = None) -> None:
    """Has a step after a training see images as the training did; for the step's ``initialize``.

    Args:
        run: the training's folder; ``output_dir`` by default.

    Raises:
        InputError: when it holds no training, or one of another network or other steps.
    """
    parser = running_workflow().parser
    folder = Path(parser.get_parsed_content("output_dir") if run is None else run)
    made, asked = read_train_config(folder), plain(resolved_config(parser))
    before, now = (
        {name: side.get("transforms", {}).get(name) for name in ("decode", "finish")} for side in (made, asked)
    )
    one, other = ({name: side.get(name) for name in SEEN} for side in (made, asked))
    key = first_difference(one, other) or first_difference(before, now, "transforms")
    if key is not None:
        part = key.partition("::")[0]
        raise InputError(
            f"{folder}: was trained with another {part} than these configs have; name "
            f"{folder}/configs/train.json in the place of train.json and its overlays."
        )


def third_channel(run: str) -> str:
    """What a third channel of a run's network tells, for an evaluation's parting; a contour where no one says.

    Args:
        run: its folder.

    Raises:
        InputError: when its metadata cannot be read, or declare something that is not known here.
    """
    metadata = read_object(metadata_file(Path(run)), "train anew")
    return (Declaration.from_metadata(metadata).third if KEY in metadata else None) or CONTOUR


def _settled(parser: ConfigParser, folder: Path) -> dict[str, Any]:
    """The training's config with absolute places."""
    places = {name: str(Path(parser.get_parsed_content(name)).absolute()) for name in ("bundle_root", "dataset_dir")}
    return {**resolved_config(parser), **places, "output_dir": str(folder), "resume": False, "overwrite": False}


def _check_place(folder: Path, config: Mapping[str, Any], parser: ConfigParser) -> None:
    if any(folder.glob("dataset.json")) or any(folder.glob("[!.]*/dataset.json")):
        raise InputError(f"{folder}: holds prepared data; name another folder for the training.")
    if not parser.get_parsed_content("overwrite"):
        check_layout(folder)
    if not is_begun(folder):
        return
    if parser.get_parsed_content("resume"):
        check_same_config(folder, config, LENGTHS)
    elif parser.get_parsed_content("overwrite"):
        return
    elif is_trained(folder):
        raise InputError(
            f"{folder}: holds a finished training: name another folder, go on with --resume and more "
            "iterations, or replace it with --overwrite."
        )
    else:
        raise InputError(
            f"{folder}: holds an unfinished training: go on with --resume, name another folder, or "
            "start anew with --overwrite."
        )


def _clear(folder: Path) -> None:
    """Removes what an earlier training left, so that nothing of it is taken for this one's."""
    for path in (folder / CHECKPOINT, *weights_file(folder).parent.glob("*.pt"), metadata_file(folder)):
        path.unlink(missing_ok=True)
    for path in (folder / SNAPSHOTS, folder / "tensorboard", *folder.glob("evaluation*")):
        shutil.rmtree(path, ignore_errors=True)


def _metadata(parser: ConfigParser, folder: Path, configs: Path) -> dict[str, Any]:
    """``metadata.json`` of the run: the bundle's, what is trained, and on what."""
    content = parser.get_parsed_content
    facts = {name: content(name) for name in ("source", "target", "split", "seed", "iterations")}
    now = [
        record for role in ("source", "target") for record in read_domains(content("dataset_dir"), role, facts[role])
    ]
    earlier = [domains_of(folder), content("earlier_domains")] if is_begun(folder) else [content("earlier_domains")]
    method = ", ".join(name.replace("_", " ") for name in parser.get("adaptation_losses"))
    training = {**facts, "method": method or "no adaptation loss", "domains": united(*earlier, now)}
    metadata = read_object(configs / "metadata.json", "mend it")
    same = trains_nothing(folder, facts["iterations"])
    if same:
        training |= measured_facts(folder)
    if KEY in metadata:
        try:
            declaration = _trained(parser, Declaration.from_metadata(metadata), common_pixel_size(now))
        except InputError as error:
            print(
                f"{folder}: gets no configs/inference.json, since this network is not known here ({error}).", flush=True
            )
            del metadata[KEY]
        else:
            metadata = with_channels(metadata, _channels(metadata, declaration), declaration.further_channels)
            metadata[KEY] = (as_calibrated(folder, declaration) if same else declaration).as_dict()
    return {**metadata, TRAINING: training}


def _channels(metadata: Mapping[str, Any], declaration: Declaration) -> int:
    named = metadata["network_data_format"]["outputs"]["pred"]["num_channels"]
    return declaration.network.get("out_channels", named + declaration.types)


def _trained(parser: ConfigParser, declaration: Declaration, mpp: float | None) -> Declaration:
    content = parser.get_parsed_content
    network = component(parser, "network_def")
    steps = [component(parser, f"preprocessing::{number}") for number in range(len(parser.get("preprocessing")))]
    changes: dict[str, Any] = {"network": network, "preprocessing": steps, "window": content("window"), "mpp": mpp}
    changes["parting"] = {**declaration.parting, **parser.get("parting", {})}
    classes = network.get("out_classes", 0)
    if classes:
        names = type_names(content("dataset_dir"), content("source"), classes)
        changes["class_names"] = ("background", *names)
    return declaration.trained(**changes)


def _write_both(folder: Path, metadata: Mapping[str, Any]) -> None:
    """Writes ``inference.json``, which MONAI follows, and ``metadata.json``, which ``Model`` follows.

    A kill in between leaves the metadata alone, old or new, and never two files that differ. The same command, given
    again, writes both. What cannot be written, as on a full disk, leaves both as they were.
    """
    if KEY not in metadata:
        _write(metadata_file(folder), metadata)
        return
    path = folder / "configs" / "inference.json"
    with replacing(path) as inference, replacing(metadata_file(folder)) as partial:
        inference.write_text(config_text(_inference(metadata, folder)), encoding="utf-8")
        partial.write_text(config_text(metadata), encoding="utf-8")
        path.unlink(missing_ok=True)


def _inference(metadata: Mapping[str, Any], place: Path) -> dict[str, Any]:
    """``inference.json`` of a run at a place, which finds its weights after it was moved, too."""
    written = repr(str(place)).replace("@", r"\x40")  # which begins a reference in an expression
    config = inference_config(Declaration.from_metadata(metadata), f"$folder_of_run({written})")
    return {**config, "imports": [*config["imports"], "$from mani_monai.run.running_workflow import folder_of_run"]}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    with replacing(path) as partial:
        partial.write_text(config_text(content), encoding="utf-8")
