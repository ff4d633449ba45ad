"""Where the files beside the code are: bundles with their overlays, trained weights, the MONAI Label app."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import InputError

PARTS = ("bundles", "pretrained", "label_app")
VARIABLE = "MANI_HOME"
_PACKAGE = Path(__file__).resolve().parents[1]


def folder_of(part: str) -> Path:
    """Where one of ``PARTS`` belongs: in $MANI_HOME, else in the repository around the package, else in the package."""
    home = os.environ.get(VARIABLE)
    if home:
        return Path(home).absolute() / part
    inside = not (_PACKAGE.parent / "pyproject.toml").is_file()
    return _PACKAGE / "share" / part if inside else _PACKAGE.parent / part


def place_of(part: str) -> Path:
    """The folder of one of ``PARTS``, which is there.

    Args:
        part: "bundles", "pretrained" or "label_app".

    Raises:
        InputError: when MANI_HOME names a place without it, or the installation lacks it.
    """
    folder = folder_of(part)
    if not folder.is_dir():
        remedy = f"mend {VARIABLE}, or take it away" if os.environ.get(VARIABLE) else "install mani-monai again"
        raise InputError(f"{folder}: is not there; {remedy}.")
    return folder


def own_weights() -> str:
    """The weights that are meant where nobody names others."""
    return str(place_of("pretrained") / "mani_unet")


def shipped(path: Path) -> Path:
    """The weights that come along, where ``pretrained/mani_unet`` is meant and no such folder is here.

    Args:
        path: as a user names a bundle.

    Returns:
        the bundle that came along, or the path itself.
    """
    kept = folder_of("pretrained").parent / path
    return kept if path.parts[:1] == ("pretrained",) and not path.exists() and kept.exists() else path


def short_name(path: Path) -> Path:
    """The name by which any folder finds weights that came along, such as ``pretrained/mani_unet``.

    Args:
        path: of a bundle.

    Returns:
        what :func:`shipped` leads back from; the path itself where it does not.
    """
    kept = folder_of("pretrained").parent
    name = path.relative_to(kept) if path.is_relative_to(kept) else path
    return name if shipped(name).absolute() == path.absolute() else path
