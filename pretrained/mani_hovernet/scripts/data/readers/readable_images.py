"""Images that a bundle's own config goes through: what cannot be read is left out, and named at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from monai.data import Dataset
from tqdm import tqdm

from scripts.utils.errors import InputError
from scripts.utils.folders import name_fault, shown

from .rasters import read_image


class ReadableImages(Dataset):
    """MONAI's ``Dataset`` of the items whose image can be read; each image is decoded once to see.

    Args:
        data: items with a path of an image each.
        transform: of the items that stay.
        key: of the path.
        progress: show a bar where it takes more than a second.

    Attributes:
        refused: a line for each item that was left out, with its file and the remedy.
    """

    def __init__(
        self,
        data: Sequence[Mapping[str, Any]],
        transform: Sequence[Callable[..., Any]] | Callable[..., Any] | None = None,
        key: str = "image",
        progress: bool = True,
    ) -> None:
        self.refused: list[str] = []
        bar = tqdm(data, "reading", delay=1, leave=False, unit="image", disable=not progress)
        super().__init__([item for item in bar if self._can_be_read(Path(item[key]))], transform)

    def __bool__(self) -> bool:
        """True without items, too, so that a loader of none is made."""
        return True

    @property
    def last_lines(self) -> str:
        """What was left out, a line each, and how many were done; empty where all were."""
        if not self.refused:
            return ""
        count = f"{len(self) + len(self.refused)} images: {len(self)} done, {len(self.refused)} failed"
        return "\n".join([*(f"failed: {line}" for line in self.refused), count])

    def _can_be_read(self, path: Path) -> bool:
        try:
            if (fault := name_fault(path.name)) is not None:
                raise InputError(f"{shown(path)}: {fault}")
            read_image(path)
        except InputError as error:
            self.refused.append(str(error))
            return False
        return True
