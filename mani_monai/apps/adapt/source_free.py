"""From a trained model and unlabelled images alone to an adapted bundle and a report: no source image is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mani_monai.apps.adapt.adapted_bundle import METHOD, TRAINED, export_adapted, trained_run
from mani_monai.apps.adapt.given_model import model_hash, of_unet
from mani_monai.apps.adapt.measurement import measured_images
from mani_monai.apps.adapt.outcome import CANDIDATES, Adapted, NextCommands, Outcome, Slides
from mani_monai.apps.adapt.request import (
    REQUEST,
    SELF_TRAINING,
    SOURCE_FREE,
    STATISTICS,
    TooFewSure,
    check_both,
    check_folders,
    check_request,
    keep_request,
    source_free_request,
)
from mani_monai.apps.adapt.statistics_choice import (
    ESTIMATED,
    SOURCE,
    Choice,
    choose_statistics,
    judge_candidate,
    measure_candidate,
)
from mani_monai.apps.adapt.target_folder import images_of, list_target_images, prepared_mpp, target_name
from mani_monai.apps.adapt.target_images import FEWEST, TargetImage, named_sizes, shown_pixel_sizes, survey
from mani_monai.apps.adapt.write_report import PAGE, image_rows, unsure_fields, write_report
from mani_monai.apps.export.documents import terms_of_use
from mani_monai.data.pixel_size import given_pixel_size
from mani_monai.declaration import UNET
from mani_monai.evaluation.label_free_scorer import evenly_taken
from mani_monai.model import Model
from mani_monai.utils import InputError
from mani_monai.utils.errors import counted
from mani_monai.utils.folders import make_folder
from mani_monai.utils.printing import phases

if TYPE_CHECKING:
    from mani_monai.run.launching import Launcher

CALLED = {SELF_TRAINING: "self-training", SOURCE_FREE: "source-free MaNi"}
LOOKED_AT = 256
"""Images of a folder that are looked at, at most, evenly taken."""


@dataclass(frozen=True)
class SourceFree:
    """What is asked for.

    Attributes:
        target: folder of unlabelled images.
        out: receives everything.
        model: folder or zip of the model to adapt.
        bundles: folder of the bundles, with ``mani_unet``.
        licence: of the target's images, for the record.
        mpp: micrometres per pixel of the images; what each file says by default.
        check: folder of labelled target images, which choose nothing.
        masks: folder of their masks.
        slides: what the images are windows of; None where they are none.
        method: STATISTICS, or SELF_TRAINING or SOURCE_FREE, which train shortly once the statistics are chosen. None is
            SELF_TRAINING where the target has enough sure nuclei and the packages are there, else STATISTICS.
        options: further overrides of that training's configs, name and value.
        device: where the network runs and trains; the GPU by default, where there is one.
        launcher: what starts it; a child process by default.
        say: tells a person how far it is.
    """

    target: str
    out: Path
    model: str
    bundles: Path
    licence: str = "unknown"
    mpp: float | None = None
    check: str | None = None
    masks: str | None = None
    slides: Slides | None = None
    method: str | None = STATISTICS
    options: Mapping[str, str] = field(default_factory=dict)
    device: str | None = None
    launcher: Launcher | None = None
    say: Callable[[str], None] = print


def adapt_statistics(job: SourceFree) -> Adapted:
    """Chooses among batch statistics from the source's to the target's, exports the model that has them, and reports.

    Raises:
        InputError: bad input, too few images, ``out`` of another adaptation, or a model without batch statistics.
    """
    check_folders(job.check, job.masks)
    mpp = job.mpp if job.mpp is not None else prepared_mpp(job.target)
    size = given_pixel_size(mpp)
    listing = list_target_images(job.target, job.licence)
    method, paths = job.method or SELF_TRAINING, [record.image for record in listing.records]
    asked = source_free_request(method, job.options, paths, model_hash(job.model), job.licence, job.mpp)
    check_request(job.out / REQUEST, asked)
    given = Model.open(job.model, job.device)
    if job.method not in (None, STATISTICS):
        of_unet(given, job.model)

    say = phases(job.say, 4 if job.method == STATISTICS or (job.method is None and _lacking(given)) else 5)
    say("checking the images")
    looked_at = [record.image for record in evenly_taken(listing.records, LOOKED_AT)]
    images, bad = survey(looked_at, size, given.mpp)
    left_out = (*bad, *listing.problems, *listing.left_out)
    for line in left_out:
        job.say(f"left out: {line}")
    for line in (unsized := named_sizes(images, given.mpp)):
        job.say(f"warning: {line}")
    sound = _sound(images, job, left_out)
    make_folder(job.out)

    say(f"choosing the batch statistics, from {counted(min(len(sound), ESTIMATED), 'image')}")
    choice, facts = choose_statistics(given, sound), {}
    if job.method != STATISTICS:
        choice, facts = _self_trained(job, say, choice, given, sound)
    model, name, scores = choice.adapted(given), choice.name, choice.scores

    say("measuring both models on the target")
    trained = trained_run(model, name, job.model, target_name(job.target, ""), job.licence, facts)
    commands = NextCommands(str(job.model), str(images_of(job.target)), str(job.out), mpp, job.slides)
    shown = measured_images([image.path for image in images])
    before = measure_candidate(choice, SOURCE, given, shown, size, "source model")
    after = before if name == SOURCE else measure_candidate(choice, name, model, shown, size, "adapted model")
    evidence, verdict = judge_candidate(choice, name, before, after)
    check = check_both(job.check, job.masks, given, given if name == SOURCE else model, size)
    rows = image_rows([image for image in images if image.path in set(shown)], before, after)
    outcome = Outcome(
        f"{Path(job.model).stem} {given.version}",
        str(trained.facts["target"]),
        {
            **_settings(job, given, choice, len(sound), len(looked_at), len(listing.records)),
            "method": trained.facts["method"],
            **shown_pixel_sizes(images, given.mpp),
        },
        (terms_of_use(trained.domains), *(line[0].upper() + line[1:] for line in unsized), *_named_doubts(images)),
        left_out,
        evidence,
        rows,
        {},
        verdict,
        commands,
        choice.scored,
        scores,
        check,
        kept=name == SOURCE,
        least_certain=unsure_fields(rows, after),
    )
    say("exporting, writing the report")  # one right after the other: no model lies there without its verdict
    adapted = export_adapted(trained, job.bundles, job.out)
    keep_request(job.out / REQUEST, asked)
    write_report(job.out, outcome, shown, before, after)
    return Adapted(job.out / PAGE, adapted, None, outcome.verdict, commands.of(outcome.verdict.outcome))


def _self_trained(
    job: SourceFree, say: Callable[[str], None], choice: Choice, given: Model, sound: Sequence[TargetImage]
) -> tuple[Choice, dict[str, Any]]:
    """The choice with the trained model in it, and facts of the training; as it was, where nothing can be trained."""
    method, lacking = job.method or SELF_TRAINING, _lacking(given)
    try:
        if lacking:
            raise InputError(f"{lacking}; install mani-monai again, or take --method {STATISTICS}.")
        return _trained_further(job, say, method, choice, given, sound)
    except InputError as error:
        if not (lacking or isinstance(error, TooFewSure)):
            raise
        if job.method is not None:
            raise InputError(f"--method {method}: {error}") from None
        job.say(f"no self-training: {str(error).partition(';')[0]}.")
        return choice, {}


def _lacking(given: Model) -> str | None:
    """What of a training is not installed, or not to be had on this system or for this network."""
    if given.name != UNET:
        return f"{given.name} is not trained further"
    try:
        import tensorboard  # noqa: F401 - which the training writes for

        import mani_monai.apps.adapt.self_training  # noqa: F401
    except ModuleNotFoundError as error:
        return f"the package {error.name} is missing"
    return None


def _trained_further(
    job: SourceFree,
    say: Callable[[str], None],
    method: str,
    choice: Choice,
    given: Model,
    sound: Sequence[TargetImage],
) -> tuple[Choice, dict[str, Any]]:
    from mani_monai.apps.adapt.self_training import SelfTraining, self_train  # which imports what trains

    vectors = given.prototypes if method == SOURCE_FREE else None
    if method == SOURCE_FREE and vectors is None:
        raise InputError(f"{job.model}: holds no vectors of its source; note them in its run with mani prototypes.")
    say(f"self-training on the target's sure nuclei, from {CANDIDATES[choice.name]} batch statistics")
    place = SelfTraining(
        job.out, job.bundles, target_name(job.target, ""), job.options, vectors, job.device, job.launcher
    )
    done = self_train(choice.adapted(given), sound, place)
    job.say(f"{done.learned_from}.")
    name = f"{choice.name}, then {CALLED[method]}"
    facts = {"iterations": done.iterations, "method": TRAINED[method]}
    return choice.with_trained(done.model, name, sound, done.learned_from), facts


def _sound(images: Sequence[TargetImage], job: SourceFree, left_out: Sequence[str]) -> list[TargetImage]:
    """Those that may speak for the tissue."""
    sound = [image for image in images if not image.doubts]
    for line in _named_doubts(images):
        job.say(line)
    if len(sound) < FEWEST:
        reasons = [*left_out, *_named_doubts(images)][:10]
        few = f"only {counted(len(sound), 'image')} can speak for the tissue, and an adaptation needs {FEWEST}"
        raise InputError("\n".join([*reasons, f"{job.target}: {few}; add images."]))
    return sound


def _named_doubts(images: Sequence[TargetImage]) -> list[str]:
    doubted = [image for image in images if image.doubts]
    return [f"{image.path.name} is suspicious and chose nothing: {', '.join(image.doubts)}" for image in doubted]


def _settings(job: SourceFree, model: Model, choice: Choice, sound: int, looked_at: int, images: int) -> dict[str, str]:
    learned_from = {"training": choice.learned_from} if choice.learned_from else {}
    return {
        "method": METHOD,
        "statistics": choice.name,
        **learned_from,
        "model": f"{Path(job.model).name} {model.version}",
        "target images": f"{images}, of which {looked_at} were looked at and {sound} could speak for the tissue",
    }
