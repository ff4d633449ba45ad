"""The few modules of this project that an exported bundle needs, copied so that MONAI alone runs it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import mani_monai

PACKAGE = "mani_monai"
CARRIED = "scripts"  # the folder of a bundle whose modules its configs may name
ROOT = Path(mani_monai.__file__).parent


def names_in(text: str) -> set[str]:
    """Dotted names of this project in a config, e.g. ``mani_monai.transforms.HoVerNetInstancesd``.

    Args:
        text: the config; a name stands in a ``_target_`` or in an import, where its last part follows on ``import``.
    """
    imported = re.findall(rf"from ({PACKAGE}[\w.]*) import (\w+)", text)
    named = re.findall(rf'"({PACKAGE}(?:\.\w+)+)"', text)
    return {".".join(parts) for parts in imported} | set(named)


def renamed(text: str) -> str:
    """The text with this project's modules called by the names that they have in a bundle."""
    return re.sub(rf"\b{PACKAGE}\.(?=[a-z])", f"{CARRIED}.", text)


def carry_modules(names: Iterable[str], bundle: str | Path) -> list[str]:
    """Writes the modules that define some names, and all that these import, to a bundle's ``scripts/``.

    Packages keep their places; an ``__init__.py`` imports what is there of its package and nothing else. Where no
    name is given, nothing is written.

    Args:
        names: dotted names of modules, classes or functions of this project.
        bundle: the bundle's folder.

    Returns:
        the modules' dotted names, sorted.

    Raises:
        ValueError: when a name is not of this project.
    """
    modules: set[str] = set()
    waiting = [module for name in names for module in _modules_of(name)]
    while waiting:
        module = waiting.pop()
        if module not in modules:
            modules.add(module)
            waiting += _imported(module)
    for module in modules:
        _write(Path(bundle), module, renamed(_file(module).read_text(encoding="utf-8")))
    packages = {".".join(module.split(".")[:depth]) for module in modules for depth in range(1, module.count(".") + 1)}
    for package in packages:
        _write(Path(bundle), f"{package}.__init__", _initialiser(package, modules))
    return sorted(modules)


def _file(module: str) -> Path:
    return ROOT.joinpath(*module.split(".")[1:]).with_suffix(".py")


def _initialiser_file(package: str) -> Path:
    return ROOT.joinpath(*package.split(".")[1:], "__init__.py")


def _write(bundle: Path, module: str, text: str) -> None:
    path = bundle.joinpath(CARRIED, *module.split(".")[1:]).with_suffix(".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _modules_of(name: str) -> list[str]:
    """The modules behind a name: the module itself, all that a package imports, or the module that defines it."""
    if _file(name).is_file() and name != PACKAGE:
        return [name]
    if _initialiser_file(name).is_file():
        return sorted({module for _, module in _imports(name)})
    package, _, last = name.rpartition(".")
    if package and _file(package).is_file():
        return [package]
    found = [module for imported, module in _imports(package) if imported == last] if package else []
    if not found:
        raise ValueError(f"names must be of {PACKAGE}, got {name!r}.")
    return found[:1]


def _imports(package: str) -> list[tuple[str, str]]:
    """What a package's initialiser imports: name and module."""
    path = _initialiser_file(package)
    tree = ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else ast.Module([], [])
    statements = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module]
    return [(alias.name, f"{package}.{node.module}") for node in statements for alias in node.names]


def _imported(module: str) -> Iterator[str]:
    """Modules of this project that a module imports, at any place in it."""
    for node in ast.walk(ast.parse(_file(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            bases, names = [alias.name for alias in node.names], [""]
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            bases, names = [".".join([*above, *([node.module] if node.module else [])])], [a.name for a in node.names]
        else:
            continue
        for base in bases:
            if base.split(".")[0] == PACKAGE:
                for name in names:
                    yield from _modules_of(f"{base}.{name}".rstrip("."))


def _initialiser(package: str, modules: set[str]) -> str:
    """The package's own initialiser, cut down to the modules that are carried."""
    imports = [(name, module) for name, module in _imports(package) if module in modules]
    lines = [f"from .{module.removeprefix(package + '.')} import {name}" for name, module in sorted(imports)]
    if not lines:
        return ""
    names = "".join(f'    "{name}",\n' for name, _ in sorted(imports))
    return "\n".join(lines) + f"\n\n__all__ = [\n{names}]\n"
