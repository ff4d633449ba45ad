"""Plans of tables as JSON files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mani_monai.config_index import find_config
from mani_monai.utils import InputError
from studies.plan import Method, Table

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
