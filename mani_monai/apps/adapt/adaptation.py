"""From labelled slides of one tissue and unlabelled ones of another to an adapted bundle and a report on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mani_monai.apps.adapt.adaptation_training import TrainingMaker, train
from mani_monai.apps.adapt.domains import prepare_domains, read_domains, source_folder, write_domains
from mani_monai.apps.adapt.given_model import GivenModel, model_hash, take_model
from mani_monai.apps.adapt.methods import (
    DEFAULT_METHOD,
    METHODS,
    Training,
    base_of,
    check_method,
    make_plan,
    read_configs,
)
from mani_monai.apps.adapt.outcome import Adapted, NextCommands, Slides
from mani_monai.apps.adapt.request import REQUEST, check_both, check_folders, check_request, keep_request
from mani_monai.apps.adapt.start import choose_start, declared_steps
from mani_monai.apps.adapt.target_folder import images_of, list_target_images
from mani_monai.apps.adapt.trained_outcome import measure_training
from mani_monai.apps.adapt.write_report import PAGE, write_report
from mani_monai.apps.export.documents import terms_of_use
from mani_monai.apps.export.export_bundle import export_bundle
from mani_monai.apps.export.read_run import read_run
from mani_monai.apps.export.trained_run import TrainedRun
from mani_monai.apps.prepare.domain_pair import Domains
from mani_monai.data.pixel_size import alike, given_pixel_size
from mani_monai.model import Model
from mani_monai.run.launching import Launcher
from mani_monai.utils import InputError
from mani_monai.utils.devices import choose_device
from mani_monai.utils.errors import counted
from mani_monai.utils.files import load_network
from mani_monai.utils.folders import file_hash
from mani_monai.utils.overrides import check_range
from mani_monai.utils.printing import phases

if TYPE_CHECKING:
    from monai.bundle import ConfigParser

BUNDLE = "mani_unet"


@dataclass(frozen=True)
class Adaptation:
    """What is asked for.

    Attributes:
        source: folder of a prepared data set with labels.
        target: folder of unlabelled images.
        out: receives everything.
        bundles: folder of the bundles, with ``mani_unet``.
        model: folder or zip of an exported bundle to start from; a source-only model is trained where None.
        method: one of ``METHODS``.
        preset: one of ``PRESETS``.
        options: further overrides of the bundle's configs, name and value.
        seed: of the trainings.
        licence: of the target's images, for the record.
        mpp: micrometres per pixel of both data sets' images, for the exports; None where that is not known.
        check: folder of labelled target images, which choose nothing.
        masks: folder of their masks.
        slides: what the images are windows of; None where they are none.
        device: where the networks run and train; the GPU by default, where there is one.
        launcher: what starts the trainings.
        say: tells a person how far it is.
    """

    source: str
    target: str
    out: Path
    bundles: Path
    model: str | None = None
    method: str = DEFAULT_METHOD
    preset: str = "small"
    options: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    licence: str = "unknown"
    mpp: float | None = None
    check: str | None = None
    masks: str | None = None
    slides: Slides | None = None
    device: str | None = None
    launcher: Launcher = field(default_factory=Launcher)
    say: Callable[[str], None] = print


def adapt(job: Adaptation) -> Adapted:
    """Prepares, trains, exports and reports; where ``out`` holds a part of the same, it goes on from there.

    Raises:
        InputError: bad input, a training that failed, ``out`` of another adaptation, or a model that was trained at
            another magnification.
    """
    check_method(job.method, job.preset)
    check_folders(job.check, job.masks)
    size = given_pixel_size(job.mpp)
    check_range("seed", str(job.seed))
    choose_device(job.device)
    say = phases(job.say, 4)
    say("checking the images")
    base = base_of(job.bundles / BUNDLE, job.preset)
    configs = read_configs(base, job.method, job.options)
    domains = _domains(job, configs)
    given = take_model(job.model, job.out / "model", job.device) if job.model else None
    if given and given.model.mpp and size and not alike(given.model.mpp, size.um):
        raise InputError(
            f"{job.model}: was trained at {given.model.mpp:.3g} micrometres per pixel, the images have {size.um:.3g}; "
            "bring them to one magnification, or leave out --model."
        )
    for line in domains.left_out:
        job.say(f"left out: {line}")
    overlays, notes = (), ()
    if given:
        features = tuple(configs.get("features"))
        start = choose_start(given, features, declared_steps(configs), job.out / "model" / "start.json")
        overlays, notes = start.overlays, (start.note,)
    names = (domains.source, domains.target)
    options = {**job.options, "crop_size": str(domains.crop_size)}
    plan = make_plan(base, job.method, names, options, job.seed, given is not None, overlays)
    for run in plan.runs:  # before the first one trains: an option of one method's overlay fits no other
        run.of_bundle("", "").parser()
    runs = job.out / "runs"
    settings = {"launcher": job.launcher, "continued": plan.continued, "device": job.device}
    make = TrainingMaker(str(domains.dataset_dir), runs, **settings)

    titles = ", then ".join(run.method.title for run in plan.runs)
    say(f"training on {counted(domains.images, 'target image')}: {titles}")
    train(make, plan.runs)

    say("measuring both models on the target")
    trained = _trained(job, make, plan.after, given if overlays else None)
    source = _trained(job, make, plan.before) if plan.before else None
    after = _model(job, trained)
    before = given.model if given else after
    if source and plan.before != plan.after:
        before = _model(job, source)
    notes = (*notes, terms_of_use(trained.domains))
    originals = {record.id: record.image for record in list_target_images(job.target).records}
    adapted_out, source_out = job.out / "adapted", job.out / "source_model"
    bundle = str(source_out / BUNDLE if source else job.model)
    images_folder = str(images_of(job.target))
    commands = NextCommands(bundle, images_folder, str(job.out), job.mpp, job.slides)
    check = check_both(job.check, job.masks, before, after, size)
    facts = (originals, size, _settings(job, configs, domains), notes, commands, check)
    measured = measure_training(plan, make, domains, (before, after), *facts)
    verdict = measured.outcome.verdict

    say("exporting, writing the report")  # one right after the other: no model lies there without its verdict
    adapted = export_bundle(base.bundle, trained, adapted_out, overwrite=True)
    source_model = export_bundle(base.bundle, source, source_out, overwrite=True) if source else None
    write_report(job.out, *measured)
    return Adapted(job.out / PAGE, adapted, source_model, verdict, commands.of(verdict.outcome))


def _request(job: Adaptation) -> dict[str, Any]:
    """What tells one adaptation from another; images count by name and size."""
    place, images = source_folder(job.source), list_target_images(job.target).records
    return {
        "source": {"name": place.name, "record": file_hash(place / "dataset.json")},
        "target": {record.image.name: record.image.stat().st_size for record in images},
        "model": model_hash(job.model) if job.model else None,
        "method": job.method,
        "preset": job.preset,
        "options": dict(job.options),
        "seed": job.seed,
        "licence": job.licence,
    }


def _domains(job: Adaptation, configs: ConfigParser) -> Domains:
    """Both data sets, made once: the training that goes on has to find what it began with."""
    request, kept, asked = job.out / REQUEST, job.out / "data" / "domains.json", _request(job)
    check_request(request, asked)
    if not request.exists() or not kept.exists():
        crop_size = int(configs.get("crop_size"))
        write_domains(prepare_domains(job.source, job.target, kept.parent, crop_size, job.licence), kept)
        keep_request(request, asked)
    return read_domains(kept)


def _trained(job: Adaptation, make: TrainingMaker, run: Training, start: GivenModel | None = None) -> TrainedRun:
    """A training for its export."""
    said = run.method.title + (f", started from {start.name}" if start else "")
    return read_run(make.folder(run), method=said, mpp=job.mpp)


def _model(job: Adaptation, run: TrainedRun) -> Model:
    """A training as it is deployed."""
    network = run.declaration.build_network()
    load_network(network, run.state, run.weights)
    return Model(network, run.declaration, job.device)


def _settings(job: Adaptation, configs: ConfigParser, domains: Domains) -> dict[str, str]:
    """What was trained, for a reader."""
    values = {name: str(configs.get(name)) for name in ("iterations", "warmup", "batch_size", "learning_rate")}
    return {
        "method": f"{job.method}: {METHODS[job.method].title}",
        "preset": job.preset,
        **values,
        "crop_size": f"{domains.crop_size} px",
        "channels of the U-Net": str(configs.get("features")),
        "target images that trained": str(domains.images),
        "seed": str(job.seed),
    }
