"""The methods and budgets of an adaptation, as runs of the bundle's own trainings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mani_monai.config_index import FORMER
from mani_monai.utils import InputError
from mani_monai.utils.overrides import check_range
from studies import Method, Run, Table
from studies.run_config import run_parser

if TYPE_CHECKING:
    from monai.bundle import ConfigParser

SOURCE_ONLY, ADABN, MEAN_TEACHER = "source_only", "adabn", "mean_teacher_stain_augmentation"
DEFAULT_METHOD = "stain_adabn"
"""The method where none is named."""
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
class Plan:
    """The trainings of an adaptation, in order.

    Attributes:
        table: the bundle and what all trainings share.
        before: the source-only training; None where a model was given.
        after: the method's training, the same as ``before`` where no adaptation is asked for.
    """

    table: Table
    before: Run | None
    after: Run

    @property
    def runs(self) -> list[Run]:
        return [run for run in dict.fromkeys((self.before, self.after)) if run is not None]

    @property
    def continued(self) -> dict[Run, Run]:
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


def base_table(bundle: Path, preset: str) -> Table:
    """The bundle's training at a preset's budget."""
    return Table("adapt", bundle, ("train.json",), ()).with_preset(preset)


def read_configs(table: Table, method: str, options: Mapping[str, str]) -> ConfigParser:
    """A method's configs with their overrides, for a look at single values.

    Raises:
        InputError: when an option names a place that the configs do not have, or has a number that it cannot have.
    """
    for name, value in options.items():
        check_range(name, value)
    run = Run("source", "target", replace(METHODS[method], options=tuple(options.items())), 0)
    return run_parser(table, run, "", "")


def make_plan(
    table: Table,
    method: str,
    domains: tuple[str, str],
    options: Mapping[str, str],
    seed: int = 0,
    given: bool = False,
    start: Sequence[str] = (),
) -> Plan:
    """Names the trainings.

    Args:
        table: what ``base_table`` gives.
        method: one of ``METHODS``.
        domains: names of source and target.
        options: command-line overrides of all trainings.
        seed: of the training.
        given: whether a model was given, which is "before" then.
        start: overlays of ``choose_start`` on the method's, where its training starts from the given model.
    """
    from mani_monai.apps.adapt.domains import SPLIT  # seconds, which the command's help need not wait

    settled = tuple({"split": SPLIT, **options}.items())

    def run(name: str, further: tuple[str, ...] = ()) -> Run:
        plain = METHODS[name]
        return Run(*domains, replace(plain, overlays=plain.overlays + further, options=settled), seed)

    before = None if given else run(SOURCE_ONLY)
    return Plan(table, before, run(method, tuple(start)))
