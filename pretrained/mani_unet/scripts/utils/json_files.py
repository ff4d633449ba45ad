"""The JSON files and the tables of CSV that stand beside data, weights and results."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import InputError
from .folders import replacing

_DIGITS = 20  # of a sign and 2 ** 63, or of 2 ** 64


def read_object(path: str | Path, remedy: str) -> dict[str, Any]:
    """Reads a JSON object.

    Args:
        path: the file, UTF-8.
        remedy: what to do about a broken one, the end of a sentence, e.g. "write it again".

    Returns:
        its content; empty where there is no file.

    Raises:
        InputError: when it cannot be read, is no JSON, or no object.
    """
    path = Path(path)
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_int=whole_number)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); mend its permissions.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is no JSON ({error}); {remedy}.") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no object but {type(content).__name__}; {remedy}.")
    return content


def whole_number(digits: str) -> int:
    """A whole number of JSON, which knows no limit where floats and tensors have one.

    Raises:
        ValueError: when it does not fit into 64 bits.
    """
    if len(digits) > _DIGITS or not -(2**63) <= int(digits) < 2**64:
        raise ValueError(f"a whole number of {len(digits)} digits, which 64 bits do not hold")
    return int(digits)


def save_json(path: str | Path, content: Any) -> None:
    """Writes JSON, a line a value, whole or not at all.

    Args:
        path: the file to be, UTF-8; its folder is made.
        content: what JSON can hold.

    Raises:
        InputError: when it cannot be written; an older file is then as it was.
        ValueError: when ``content`` holds a number that is not finite, which JSON does not know.
    """
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def without_infinities(content: Any) -> Any:
    """Content for JSON in which None stands for every number that is not finite.

    Args:
        content: what JSON can hold, and numbers that it cannot.
    """
    if isinstance(content, dict):
        return {name: without_infinities(value) for name, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [without_infinities(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def write_csv(path: str | Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Writes a table, whole or not at all: a header, then a line a row, with :func:`safe_cells`.

    Args:
        path: the file to be, UTF-8; bytes of a name that are no text are escaped. Its folder is made.
        rows: values by column; a value that lacks is left empty.
        columns: their names, in order.

    Raises:
        InputError: when it cannot be written; an older file is then as it was.
        ValueError: when a row has a further column.
    """
    with (
        replacing(path) as partial,
        open(partial, "w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(safe_cells, rows))


def safe_cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose texts no spreadsheet takes for formulas: an apostrophe comes before a first =, +, -, @ or tab.

    Source: OWASP, CSV injection. A file's name in such a cell differs from the file's by that apostrophe.
    """
    risky = tuple("=+-@\t\r")
    return {
        name: f"'{value}" if isinstance(value, str) and value.startswith(risky) else value
        for name, value in row.items()
    }


def config_text(content: Any, width: int = 120) -> str:
    """JSON as a person writes configs: an object or list on one line where it fits, else a line an entry.

    Args:
        content: what JSON can hold; a top-level object has a line an entry.
        width: of a line, in characters.

    Raises:
        ValueError: when ``content`` holds a number that is not finite.
    """
    return _laid_out(content, width, "", True) + "\n"


def _laid_out(value: Any, width: int, indent: str, spread: bool = False) -> str:
    line = json.dumps(value, allow_nan=False)
    nested = isinstance(value, (dict, list, tuple)) and len(value) > 0
    if not nested or (not spread and len(indent) + len(line) <= width):
        return line
    inner = indent + "    "
    if isinstance(value, dict):
        entries = [f"{json.dumps(name)}: {_laid_out(item, width, inner)}" for name, item in value.items()]
        return "{\n" + ",\n".join(inner + entry for entry in entries) + f"\n{indent}}}"
    entries = [_laid_out(item, width, inner) for item in value]
    return "[\n" + ",\n".join(inner + entry for entry in entries) + f"\n{indent}]"
