"""Which names an expression of a config, a ``_target_`` or a module may use without harm, judged without running it."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Mapping
from typing import cast

LIBRARIES = {"monai", "torch", "ignite", "numpy", "scipy", "skimage", "PIL", "tifffile", "nibabel", "einops", "tqdm"}
STANDARD = {
    "abc", "argparse", "array", "ast", "collections", "contextlib", "copy", "csv", "dataclasses", "datetime", "difflib",
    "enum", "errno", "functools", "glob", "hashlib", "itertools", "json", "logging", "math", "operator", "pathlib",
    "random", "re", "statistics", "string", "textwrap", "time", "types", "typing", "unicodedata", "uuid", "warnings",
    "__future__",
}  # fmt: skip
READERS = {"fire.parser.DefaultParseValue"}  # harmless functions of packages that do more
OWN = "scripts"
PARTLY = {
    "os": {"path", "getenv", "environ", "getpid", "sep", "cpu_count"},
    "sys": {"exit", "stdout", "stderr", "argv"},
}
BEHIND = {
    "os", "_os", "sys", "_sys", "subprocess", "builtins", "importlib", "shutil", "pickle", "socket", "ctypes", "runpy",
}  # fmt: skip
ALWAYS_THERE = {"monai": "monai", "torch": "torch", "np": "numpy", "numpy": "numpy"}  # what MONAI gives an expression
BUILTINS = {
    "abs", "all", "any", "bool", "bytes", "complex", "dict", "divmod", "enumerate", "exit", "filter", "float",
    "frozenset", "int", "isinstance", "iter", "len", "list", "map", "max", "min", "next", "print", "range", "repr",
    "reversed", "round", "set", "slice", "sorted", "str", "sum", "tuple", "zip",
}  # fmt: skip
BY_NAME = {"getattr", "setattr", "hasattr", "delattr", "attrgetter", "methodcaller"}
HARMFUL = (
    "torch.load", "torch.save", "torch.hub", "torch.jit.load", "torch.package", "torch.serialization", "torch._",
    "torch.utils.cpp_extension", "torch.ops.load_library", "torch.classes.load_library", "torch.multiprocessing",
    "torch.distributed.run", "torch.distributed.launch", "torch.utils.model_zoo", "numpy.load", "numpy.save",
    "numpy.fromfile", "numpy.lib", "numpy.ctypeslib", "numpy.f2py", "scipy.io", "logging.config", "monai._extensions",
    "monai.bundle", "monai.fl", "monai.auto3dseg", "monai.apps.auto3dseg", "monai.apps.mmars", "monai.apps.utils",
    "monai.apps.down", "monai.apps.extractall", "monai.utils.module", "monai.utils.misc", "monai.utils.optional_import",
    "monai.utils.load_submodules", "monai.utils.instantiate", "monai.utils.run_", "ignite.distributed.launcher",
)  # fmt: skip
METHODS = {
    "chmod", "exec", "execv", "hardlink_to", "load_library", "load_module", "open", "popen", "rename", "rmdir",
    "rmtree", "spawn", "symlink_to", "system", "unlink", "write_bytes", "write_text",
}  # fmt: skip
UNNAMEABLE = METHODS | BEHIND | {harmful.rpartition(".")[2] for harmful in HARMFUL}


def target_fault(target: str) -> str | None:
    """Why a ``_target_`` is not one of MONAI's, torch's or ignite's own; None where it is, or is the bundle's own."""
    if target.startswith(("@", "%")):
        return None  # what it refers to is judged where it stands
    if "." not in target:  # MONAI looks it up among its own, classes and functions alike, and then in Python
        return None if target[:1].isupper() else f"{target} is a function, not a component of MONAI"
    return dotted_fault(target)


def dotted_fault(name: str) -> str | None:
    """Why a dotted name may do harm; None where it does not."""
    root, *parts = name.split(".")
    if any(part.startswith("__") for part in parts):
        return f"{name} reaches into Python itself"
    if root in PARTLY:
        return None if parts and parts[0] in PARTLY[root] else f"{name} may do anything to the machine"
    if name in READERS:
        return None
    if root not in LIBRARIES | STANDARD | {OWN}:
        return f"{name} is not of monai, torch, ignite or harmless parts of Python"
    if BEHIND.intersection(parts):
        return f"{name} reaches what lies behind {root}"
    if name.startswith(HARMFUL):
        return f"{name} loads, saves or starts something"
    return f"{name} changes files" if parts and parts[-1] in METHODS else None


def _imports(statement: str) -> list[ast.Import | ast.ImportFrom]:
    return cast("list[ast.Import | ast.ImportFrom]", ast.parse(statement.strip()).body)


def imports_of(statement: str) -> dict[str, str]:
    """What imports bind: the name in the code, and its dotted name."""
    bound = {}
    for node in _imports(statement):
        for alias in node.names:
            root = alias.name.split(".")[0]
            if isinstance(node, ast.ImportFrom):
                bound[alias.asname or alias.name] = f"{node.module or ''}.{alias.name}"
            else:
                bound[alias.asname or root] = alias.name if alias.asname else root
    return bound


def import_fault(statement: str) -> str | None:
    """Why an import may do harm. The modules os and sys are harmful by what is used of them, so are judged there."""
    for node in _imports(statement):
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module or ''}.{name}" for name in names]
        for name in names:
            fault = None if name in PARTLY else dotted_fault(name)
            if fault:
                return fault
    return None


def expression_fault(expression: str, imported: Mapping[str, str]) -> str | None:
    """Why an expression of a config may do harm, as far as its text tells; None where it is harmless.

    Args:
        expression: without its ``$``; references (``@a::b``) stand for other parts of the config.
        imported: what the config's imports bind, as :func:`imports_of` gives it.
    """
    text = re.sub(r"@\w*(?:(?:::|#)\w*)*", "_reference", expression)
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "cannot be parsed"
    return next(_faults(tree, {**ALWAYS_THERE, **imported}), None)


def _faults(tree: ast.AST, imported: Mapping[str, str]) -> Iterator[str]:
    nodes = list(ast.walk(tree))
    local = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    local |= {"_reference"} | {node.arg for node in nodes if isinstance(node, ast.arg)}
    local -= set(dir(builtins))  # what is defined in one part of an expression is Python's own in another
    inner = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    for node in nodes:
        if isinstance(node, ast.Call):
            yield from _call_faults(node)
        elif isinstance(node, ast.Attribute):
            yield from _attribute_faults(node, imported, id(node) in inner)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in local:
            yield from _name_faults(node.id, imported, id(node) in inner)


def _attribute_faults(node: ast.Attribute, imported: Mapping[str, str], has_attribute: bool) -> Iterator[str]:
    if node.attr.startswith("__") or node.attr in METHODS | BEHIND:
        yield f".{node.attr} reaches into Python itself or changes files"
    chain = ast.unparse(node)
    root = chain.split(".")[0]
    if not has_attribute and root in imported and re.fullmatch(r"[\w.]+", chain):
        yield from filter(None, [dotted_fault(imported[root] + chain.removeprefix(root))])


def _name_faults(name: str, imported: Mapping[str, str], has_attribute: bool) -> Iterator[str]:
    if name in imported:
        if not has_attribute:  # a module by itself could be handed on, and used anywhere
            yield from filter(None, [dotted_fault(imported[name])])
    elif name not in BUILTINS | BY_NAME:
        known = hasattr(builtins, name)
        yield f"{name} is {'a function of Python that may do anything' if known else 'not defined in this config'}"


def _call_faults(call: ast.Call) -> Iterator[str]:
    """Attributes that a call names by a text: those are judged, and a text made up at run time cannot be."""
    function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if function not in BY_NAME:
        return
    position = 0 if function in ("attrgetter", "methodcaller") else 1
    name = call.args[position] if len(call.args) > position else None
    if not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
        yield f"{function} of a name that only a run would tell"
    elif UNNAMEABLE.intersection(name.value.split(".")) or "__" in name.value:
        yield f"{function} of {name.value!r}"
