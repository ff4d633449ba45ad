"""What the configs of a bundle would execute, read as text and never parsed by MONAI."""

from __future__ import annotations

import ast
import configparser
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mani_monai.apps.inspect.findings import Finding
from mani_monai.apps.inspect.inspected_names import expression_fault, import_fault, imports_of, target_fault
from mani_monai.declaration import KEY
from mani_monai.known_components import is_known_target
from mani_monai.utils.json_files import whole_number

CONFIGS = (".json", ".yaml", ".yml")
METADATA = "metadata"
LOGGING_STREAMS = {"sys.stdout", "sys.stderr"}
LOGGING_CLASSES = re.compile(r"(logging\.)?(handlers\.)?[A-Z]\w*(Handler|Formatter)")


def config_imports(path: Path) -> dict[str, str]:
    """What the imports of a config bind, for it and for the configs that are used together with it."""
    try:
        texts = list(_texts(_read(path)))
    except (ValueError, ImportError, RecursionError):
        return {}
    bound: dict[str, str] = {}
    for _, text in texts:
        if _is_import(text):
            bound |= imports_of(text[1:])
    return bound


def config_findings(name: str, path: Path, imported: Mapping[str, str]) -> list[Finding]:
    """Every expression, target and import of a config, judged one by one.

    Args:
        name: the file's name in the bundle.
        path: where it lies.
        imported: what the bundle's configs import, as :func:`config_imports` gives it.
    """
    try:
        texts = list(_texts(_read(path)))
    except (ValueError, ImportError, RecursionError) as error:
        return [Finding(name, "config", f"cannot be read ({str(error).splitlines()[0]})", True)]
    if Path(name).stem == METADATA:
        harmful = [(key, text) for key, text in texts if text.startswith("$") or _is_strange_target(key, text)]
        what = "metadata must not execute"
        return [Finding(f"{name} {key}", "expression", f"{text}: {what}", True) for key, text in harmful]
    return [finding for key, text in texts for finding in _judge(f"{name} {key}", key, text, imported)]


def logging_findings(name: str, path: Path) -> list[Finding]:
    """Fields of a logging configuration that ``logging.config.fileConfig`` evaluates and that are no plain values."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (configparser.Error, UnicodeDecodeError) as error:
        return [Finding(name, "logging", f"cannot be read ({str(error).splitlines()[0]})", True)]
    fields = [(s, field, parser.get(s, field)) for s in parser.sections() for field in parser.options(s)]
    findings = []
    for section, field, value in fields:
        plain = LOGGING_CLASSES.fullmatch(value.strip()) if field == "class" else _plain(value)
        if field in ("class", "args", "kwargs") and value.strip() and not plain:
            findings.append(Finding(f"{name} [{section}] {field}", "logging", f"{value}: would be evaluated", True))
    return findings


def _judge(place: str, key: str, text: str, imported: Mapping[str, str]) -> Iterator[Finding]:
    last = key.rpartition("::")[2]
    if _is_import(text):
        yield _finding(place, "import", text[1:].strip(), import_fault(text[1:]))
    elif text.startswith("$"):
        yield _finding(place, "expression", text, expression_fault(text[1:], imported))
    elif last == "_target_":
        yield _finding(place, "target", text, target_fault(text))
    elif last == "_mode_" and text == "debug":
        yield Finding(place, "config", "starts a debugger", True)
    elif text.startswith("%") and re.search(r"\.(json|ya?ml)\b", text):
        outside = ".." in text or text[1:2] in ("/", "\\", "~") or ":\\" in text
        yield Finding(place, "config", f"{text}: reads another file", outside)


def _finding(place: str, kind: str, text: str, fault: str | None) -> Finding:
    return Finding(place, kind, text if fault is None else f"{text}: {fault}", fault is not None)


def _is_strange_target(key: str, text: str) -> bool:
    """Whether metadata name a component that no declaration of this project may."""
    declared = key.startswith(f"{KEY}::") and is_known_target(text)
    return key.endswith("_target_") and not declared


def _is_import(text: str) -> bool:
    if not text.startswith("$"):
        return False
    try:
        nodes = ast.parse(text[1:].strip()).body
    except (SyntaxError, ValueError, RecursionError):
        return False
    return len(nodes) > 0 and all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in nodes)


def _texts(content: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a nested config, by its id; keys that are expressions or macros themselves, too."""
    if isinstance(content, dict):
        for name, value in content.items():
            place = f"{key}::{name}" if key else str(name)
            if str(name).startswith(("$", "%")):
                yield place, str(name)
            yield from _texts(value, place)
    elif isinstance(content, list):
        for number, value in enumerate(content):
            yield from _texts(value, f"{key}::{number}")
    elif isinstance(content, str):
        yield key, content


def _read(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    if path.suffix.lower() == ".json":
        return json.loads(text, object_pairs_hook=_without_twins, parse_int=whole_number)
    import yaml  # MONAI's own choice for such files

    return yaml.safe_load(text)


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twins = {name for name in names if names.count(name) > 1}
    if twins:
        raise ValueError(f"the key {min(twins)!r} stands twice, and readers differ in which one counts")
    return dict(pairs)


def _plain(value: str) -> bool:
    """Whether a field holds literals and standard streams alone."""
    try:
        nodes = list(ast.walk(ast.parse(value.strip(), mode="eval")))
    except (SyntaxError, ValueError, RecursionError):
        return False
    streams = {id(n) for node in nodes if ast.unparse(node) in LOGGING_STREAMS for n in ast.walk(node)}
    literal = (ast.Expression, ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Load, ast.UnaryOp, ast.USub)
    return all(isinstance(node, literal) or id(node) in streams for node in nodes)
