"""What a table is made of: methods, shifts and every run by name, as a JSON file says it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mani_monai.config_index import find_config
from mani_monai.utils import InputError

PLAIN = "plain"
"""The evaluation that every run has: the weights as training left them."""
PAPER = "paper"
"""The preset that adds nothing to train.json, whose settings are the paper's."""
PRESETS = ("small", "medium", "quick", PAPER, "authors_code")


@dataclass(frozen=True)
class Method:
    """A row of a table.

    Args:
        name: short name, as in file names.
        title: what a table calls it.
        overlays: names of configs on top of the table's base.
        options: further command-line overrides, name and value.
        evaluations: evaluation overlays of the bundle (adabn, dense_crf) to score the weights with once more each, as
            rows of their own.
        control: name of the method to compare with besides source-only.
        supervised: whether target labels train it (an oracle).
    """

    name: str
    title: str
    overlays: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    evaluations: tuple[str, ...] = ()
    control: str | None = None
    supervised: bool = False


@dataclass(frozen=True)
class Run:
    """One training and its scores: a method on a shift with a seed, which is also the fold."""

    source: str
    target: str
    method: Method
    seed: int

    @property
    def shift(self) -> str:
        return f"{self.source}__{self.target}"

    @property
    def name(self) -> str:
        return f"{self.shift}__{self.method.name}__seed{self.seed}"

    @property
    def split(self) -> str:
        return f"fold_{self.seed}"

    @property
    def training_source(self) -> str:
        """The data set whose labels train: the source, or the target itself where target labels train."""
        return self.target if self.method.supervised else self.source


@dataclass(frozen=True)
class Table:
    """A table's plan.

    Args:
        name: of the plan's file.
        bundle: folder of the bundle.
        base: config files of every run.
        shifts: pairs of source and target data set.
        methods: rows by name.
        metrics: of the scores; the first one is the table's. All that runs have stand in a table of their own.
        runs_name: name of the folder of its runs, which tables may share; the table's own name where empty.
    """

    name: str
    bundle: Path
    base: tuple[str, ...]
    shifts: tuple[tuple[str, str], ...]
    methods: dict[str, Method] = field(default_factory=dict)
    metrics: tuple[str, ...] = ("dice", "pq", "aji", "count_error")
    runs_name: str = ""

    @property
    def folder(self) -> str:
        """Name of the folder of its runs."""
        return self.runs_name or self.name

    def with_preset(self, preset: str) -> Table:
        """The same table at another budget; its pages and its runs then have names of their own.

        Args:
            preset: the overlay that follows train.json; "paper" for none.

        Raises:
            InputError: for an unknown preset, or one that the bundle lacks.
        """
        if preset not in PRESETS:
            raise InputError(f"--preset {preset}: no such preset; there are {', '.join(PRESETS)}.")
        base = (self.base[0], *([] if preset == PAPER else [f"{preset}.json"]))
        if base == self.base:
            return self
        for name in base:
            find_config(self.bundle, name)
        return replace(self, base=base, name=f"{self.name}_{preset}", runs_name=f"{self.folder}_{preset}")

    def runs(self, seeds: int, shifts: Sequence[str] = (), methods: Sequence[str] = ()) -> list[Run]:
        """Every run, one seed of every row before the next seed.

        Args:
            seeds: how many; seed k trains and tests on fold k.
            shifts: "source__target" names to keep; all where empty.
            methods: names to keep; all where empty.

        Raises:
            InputError: for a name that the table does not have.
        """
        known = {f"{source}__{target}" for source, target in self.shifts}
        for asked, names, kind in ((shifts, known, "shift"), (methods, set(self.methods), "method")):
            for name in asked:
                if name not in names:
                    raise InputError(f"{self.name}: has no {kind} {name!r}; it has {', '.join(sorted(names))}.")
        return [
            Run(source, target, method, seed)
            for seed in range(seeds)
            for source, target in self.shifts
            for method in self.methods.values()
            if (not shifts or f"{source}__{target}" in shifts) and (not methods or method.name in methods)
        ]


FOLDER = Path("studies/plans")
PARTS = {"bundle", "base", "shifts", "methods", "metrics", "runs"}
METHOD_PARTS = {"title", "overlays", "options", "evaluations", "control", "source"}


def table_path(table: str | int) -> Path:
    """Where a table's plan lies: the number of one of the paper's tables, or a path."""
    text = str(table)
    return FOLDER / f"table{text}.json" if text.isdigit() else Path(text)


def load_table(path: str | Path) -> Table:
    """Reads a table's plan.

    Args:
        path: a JSON file with ``bundle``, ``base``, ``shifts`` and ``methods``; where they are not the usual ones, with
            ``metrics`` and ``runs``, the name of the folder of its runs.

    Raises:
        InputError: when the file is missing, is not JSON, lacks a part or has an unknown one; when it has no method or
            no shift, or names a control that is no method, or a config that the bundle lacks.
    """
    path = Path(path)
    try:
        plan = json.loads(path.read_text())
        _check_parts(plan, PARTS)
        methods = {name: _method(name, entry) for name, entry in plan["methods"].items()}
        shifts = tuple((shift["source"], shift["target"]) for shift in plan["shifts"])
        table = Table(
            name=path.stem,
            bundle=Path(plan["bundle"]),
            base=tuple(plan["base"]),
            shifts=shifts,
            methods=methods,
            metrics=tuple(plan.get("metrics", Table.metrics)),
            runs_name=plan.get("runs", ""),
        )
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name a file of {FOLDER}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: is not the plan of a table ({error!r}); see {FOLDER}/unet.json.") from error
    _check_names(path, table)
    return table


def _method(name: str, entry: Mapping[str, Any]) -> Method:
    _check_parts(entry, METHOD_PARTS)
    return Method(
        name=name,
        title=entry["title"],
        overlays=tuple(entry["overlays"]),
        options=tuple((option, str(value)) for option, value in entry.get("options", {}).items()),
        evaluations=tuple(entry.get("evaluations", ())),
        control=entry.get("control"),
        supervised=entry.get("source") == "target",
    )


def _check_names(path: Path, table: Table) -> None:
    """Before anything trains: a run takes long, and its comparison comes last."""
    for part in ("methods", "shifts"):
        if not getattr(table, part):
            raise InputError(f"{path}: has no {part}; see {FOLDER}/unet.json.")
    configs = list(table.base)
    for method in table.methods.values():
        if method.control is not None and method.control not in table.methods:
            raise InputError(f"{path}: the control of {method.name}, {method.control!r}, is none of its methods.")
        configs += [*method.overlays, *(f"{evaluation}.json" for evaluation in method.evaluations)]
    try:
        for name in dict.fromkeys(configs):
            find_config(table.bundle, name)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _check_parts(found: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(found.keys() - known)
    if unknown:
        raise ValueError(f"unknown {', '.join(unknown)}; known are {', '.join(sorted(known))}")
