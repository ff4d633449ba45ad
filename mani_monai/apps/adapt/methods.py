"""The methods and budgets of an adaptation, as trainings of the bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mani_monai.config_index import FORMER, find_config
from mani_monai.run.bundle_training import BundleTraining, as_text
from mani_monai.utils import InputError
from mani_monai.utils.overrides import check_range

if TYPE_CHECKING:
    from monai.bundle import ConfigParser

SOURCE_ONLY, ADABN, MEAN_TEACHER = "source_only", "adabn", "mean_teacher_stain_augmentation"
DEFAULT_METHOD = "stain_adabn"
"""The method where none is named."""


@dataclass(frozen=True)
class Method:
    """What adapts.

    Attributes:
        name: what ``--method`` names.
        title: what a reader is told.
        overlays: config files on top of the base's, by name or absolute path.
        options: further command-line overrides, name and value.
    """

    name: str
    title: str
    overlays: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()


METHODS = {
    MEAN_TEACHER: Method(MEAN_TEACHER, "mean teacher with stain augmentation", (f"{MEAN_TEACHER}.json",)),
    "stain_adabn": Method(
        "stain_adabn", "normalised stains, averaged weights and the target's batch statistics", ("stain_adabn.json",)
    ),
    "mani": Method("mani", "MaNi, mutual information of source and target nuclei"),
    ADABN: Method(ADABN, "source-only with the target's batch statistics", ("source_only.json", "adabn_at_end.json")),
    SOURCE_ONLY: Method(SOURCE_ONLY, "source-only, no adaptation", ("source_only.json",)),
}
"""What ``--method`` may name: overlays on train.json and a preset."""
PRESETS = ("small", "quick", "paper")


@dataclass(frozen=True)
class Base:
    """What all trainings of an adaptation share.

    Attributes:
        bundle: its folder.
        configs: config files under any method's, by name.
    """

    bundle: Path
    configs: tuple[str, ...]


@dataclass(frozen=True)
class Training:
    """One training.

    Attributes:
        base: the bundle and its budget.
        source: name of the data set with labels.
        target: name of the one without.
        method: what adapts.
        seed: of the training.
    """

    base: Base
    source: str
    target: str
    method: Method
    seed: int

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.source}__{self.target}__{self.method.name}__seed{self.seed}"

    def of_bundle(self, dataset_dir: str, folder: str | Path) -> BundleTraining:
        """The bundle's training that it is.

        Args:
            dataset_dir: folder of the prepared data sets.
            folder: receives the run.
        """
        options = {
            "dataset_dir": as_text(dataset_dir),
            "source": as_text(self.source),
            "target": as_text(self.target),
            "seed": str(self.seed),
            "output_dir": as_text(str(folder)),
            **dict(self.method.options),
        }
        names = (*self.base.configs, *self.method.overlays)
        return BundleTraining(
            self.method.name, tuple(str(find_config(self.base.bundle, name)) for name in names), options
        )


@dataclass(frozen=True)
class Plan:
    """The trainings of an adaptation, in order.

    Attributes:
        before: the source-only training; None where a model was given.
        after: the method's training, the same as ``before`` where no adaptation is asked for.
    """

    before: Training | None
    after: Training

    @property
    def runs(self) -> list[Training]:
        return [run for run in dict.fromkeys((self.before, self.after)) if run is not None]

    @property
    def continued(self) -> dict[Training, Training]:
        """Trainings that are another one to its end, and what they go on from: AdaBN follows the source-only one."""
        return {self.after: self.before} if self.before and self.after.method.name == ADABN else {}


def check_method(method: str, preset: str) -> None:
    """
    Raises:
        InputError: for an unknown method or preset.
    """
    for flag, value, known in (("method", method, METHODS), ("preset", preset, PRESETS)):
        if value in FORMER:
            raise InputError(f"--{flag} {value}: is no {flag} any more; {FORMER[value]}.")
        if value not in known:
            raise InputError(f"--{flag} {value}: no such {flag}; choose from {', '.join(known)}.")


def base_of(bundle: Path, preset: str) -> Base:
    """The bundle's training at a preset's budget.

    Raises:
        InputError: when the bundle is not there.
    """
    base = Base(bundle, ("train.json", *([] if preset == "paper" else [f"{preset}.json"])))
    for name in base.configs:
        find_config(bundle, name)
    return base


def read_configs(base: Base, method: str, options: Mapping[str, str]) -> ConfigParser:
    """A method's configs with their overrides, for a look at single values.

    Raises:
        InputError: when an option names a place that the configs do not have, or has a number that it cannot have.
    """
    for name, value in options.items():
        check_range(name, value)
    settled = replace(METHODS[method], options=tuple(options.items()))
    return Training(base, "source", "target", settled, 0).of_bundle("", "").parser()


def make_plan(
    base: Base,
    method: str,
    domains: tuple[str, str],
    options: Mapping[str, str],
    seed: int = 0,
    given: bool = False,
    start: Sequence[str] = (),
) -> Plan:
    """Names the trainings.

    Args:
        base: what ``base_of`` gives.
        method: one of ``METHODS``.
        domains: names of source and target.
        options: command-line overrides of all trainings.
        seed: of the training.
        given: whether a model was given, which is "before" then.
        start: overlays of ``choose_start`` on the method's, where its training starts from the given model.
    """
    from mani_monai.apps.adapt.domains import SPLIT  # seconds, which the command's help need not wait

    settled = tuple({"split": SPLIT, **options}.items())

    def training(name: str, further: tuple[str, ...] = ()) -> Training:
        plain = METHODS[name]
        return Training(base, *domains, replace(plain, overlays=plain.overlays + further, options=settled), seed)

    before = None if given else training(SOURCE_ONLY)
    return Plan(before, training(method, tuple(start)))
