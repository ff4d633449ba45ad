"""Lines, modules and import closures of the project: how much a reader has to open."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import fire

FLOWS = {
    "training batch": (
        "mani_monai.data.paired_dataset",
        "mani_monai.handlers.adaptation_handler",
        "mani_monai.losses.mutual_information",
    ),
    "infer": ("mani_monai.apps.infer.folder_run",),
    "adapt": ("mani_monai.apps.adapt.source_free",),
    "adapt --source": ("mani_monai.apps.adapt.adaptation",),
    "slides": ("mani_monai.apps.slides.slides_run",),
    "Model": ("mani_monai.model",),
}
"""Where each flow begins."""
PARTS = ("mani_monai", "scripts", "label_app", "studies")


def house(root: str = ".", flow: str | None = None) -> None:
    """Prints lines and modules by part, and the closure of each flow: every module that it imports, in turn.

    The first two columns count imports at the top of a module: what every call needs. The last two count imports
    within functions, too: what some call may need. Imports of types alone never count.

    Args:
        root: the repository.
        flow: prints the modules of this flow in place of all figures: lines, what each is for, and who needs it.
    """
    place = Path(root)
    if flow is not None:
        print_modules(place, flow)
        return
    print(f"{'part':<16}{'modules':>8}{'lines':>8}")
    for part in PARTS:
        files = sorted((place / part).rglob("*.py"))
        print(f"{part:<16}{len(files):>8}{sum(map(lines_of, files)):>8}")
    print(f"\n{'flow':<16}{'modules':>8}{'lines':>8}{'at most':>8}{'lines':>8}")
    for flow, starts in FLOWS.items():
        figures = ""
        for deep in (False, True):
            found: set[Path] = set()
            for start in starts:
                if file := file_of(place, start):
                    closure(place, file, found, deep)
            figures += f"{len(found):>8}{sum(map(lines_of, found)):>8}"
        print(f"{flow:<16}{figures}")


def print_modules(root: Path, flow: str) -> None:
    """Prints the modules that every call of a flow needs: lines, name, first sentence, and the modules that import it.

    Args:
        root: the repository.
        flow: one of ``FLOWS``.
    """
    if flow not in FLOWS:
        sys.exit(f"--flow {flow}: choose among {', '.join(FLOWS)}.")
    found: set[Path] = set()
    for file in filter(None, (file_of(root, start) for start in FLOWS[flow])):
        closure(root, file, found)
    needed: dict[Path, list[str]] = {file: [] for file in found}
    for file in sorted(found):
        for imported in set(imported_by(root, file)):
            needed[imported].append(file.stem)
    for file in sorted(found):
        said = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n")[0]
        by = ", ".join(needed[file]) or "the command"
        print(f"{lines_of(file):>4} {file.relative_to(root).with_suffix('')}: {said} Needed by {by}.")


def lines_of(file: Path) -> int:
    """Lines of a file."""
    return len(file.read_text(encoding="utf-8").splitlines())


def file_of(root: Path, module: str) -> Path | None:
    """The file of a module of the project; None where it is none."""
    path = root.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def closure(root: Path, file: Path, found: set[Path], deep: bool = False) -> None:
    """Adds a module and all that it imports to ``found``; initialisers that only hand names on are passed through."""
    if file in found:
        return
    found.add(file)
    for imported in imported_by(root, file, deep):
        closure(root, imported, found, deep)


def imported_by(root: Path, file: Path, deep: bool = False) -> Iterator[Path]:
    """Modules of the project that a module imports; a name of a package leads to the module that has it.

    Args:
        root: the repository.
        file: the module.
        deep: imports within functions, too.
    """
    parts = file.relative_to(root).with_suffix("").parts
    body = [node for node in ast.parse(file.read_text(encoding="utf-8")).body if not isinstance(node, ast.If)]
    for node in [inner for outer in body for inner in (ast.walk(outer) if deep else [outer])]:
        if not isinstance(node, ast.ImportFrom):
            continue
        above = list(parts[: -node.level]) if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        for alias in node.names:
            target = file_of(root, f"{base}.{alias.name}") or file_of(root, base)
            if target is not None and target.name == "__init__.py":
                target = behind(root, target, alias.name) or target
            if target is not None:
                yield target


def behind(root: Path, initialiser: Path, name: str) -> Path | None:
    """The module that a package's initialiser takes a name from."""
    package = ".".join(initialiser.relative_to(root).parent.parts)
    for node in ast.parse(initialiser.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.level == 1 and any(alias.name == name for alias in node.names):
            return file_of(root, f"{package}.{node.module}")
    return None


if __name__ == "__main__":
    sys.exit(fire.Fire(house))
