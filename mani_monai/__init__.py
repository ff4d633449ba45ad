"""Nuclei segmentation across tissues: ``Model.open(folder_or_zip)``, then ``model(image)`` gives ``Nuclei``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .model import Model
    from .nuclei import Nuclei

    __version__: str

__all__ = ["Model", "Nuclei", "__version__"]


def __getattr__(name: str) -> Any:
    """Imports what is asked for when it is asked for: PyTorch takes seconds, and most commands' help needs none."""
    if name in ("Model", "Nuclei"):
        return getattr(import_module(f"{__name__}.{name.lower()}"), name)
    if name == "__version__":
        return import_module("importlib.metadata").version("mani-monai")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
