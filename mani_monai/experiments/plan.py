"""What a table is made of: every run by name, from one JSON file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..utils import InputError


@dataclass(frozen=True)
class Method:
    """A row of a table.

    Args:
        name: short name, as in file names.
        title: what a table calls it.
        overlays: config files on top of the table's base, from the bundle's ``configs``.
        options: further command-line overrides, name and value.
        adabn: whether to score the weights once more after AdaBN, as a row of its own.
        control: name of the method to compare with besides source-only.
        supervised: whether target labels train it (an oracle).
    """

    name: str
    title: str
    overlays: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    adabn: bool = False
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
        metrics: of the scores; the first one is the table's, all of them stand in a table of their own.
    """

    name: str
    bundle: Path
    base: tuple[str, ...]
    shifts: tuple[tuple[str, str], ...]
    methods: dict[str, Method] = field(default_factory=dict)
    metrics: tuple[str, ...] = ("dice",)

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


def load_table(path: str | Path) -> Table:
    """Reads a table's plan.

    Args:
        path: a JSON file with ``bundle``, ``base``, ``shifts`` and ``methods``.

    Raises:
        InputError: when the file is missing, is not JSON or lacks a part.
    """
    path = Path(path)
    try:
        plan = json.loads(path.read_text())
        methods = {
            name: Method(
                name=name,
                title=entry["title"],
                overlays=tuple(entry["overlays"]),
                options=tuple((option, str(value)) for option, value in entry.get("options", {}).items()),
                adabn=entry.get("adabn", False),
                control=entry.get("control"),
                supervised=entry.get("source") == "target",
            )
            for name, entry in plan["methods"].items()
        }
        shifts = tuple((shift["source"], shift["target"]) for shift in plan["shifts"])
        metrics = tuple(plan.get("metrics", Table.metrics))
        return Table(path.stem, Path(plan["bundle"]), tuple(plan["base"]), shifts, methods, metrics)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name a file of docs/results/tables.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: is not the plan of a table ({error!r}); see docs/results/tables/unet.json."
        ) from error
