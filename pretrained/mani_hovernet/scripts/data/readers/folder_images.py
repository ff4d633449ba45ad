"""Images that a bundle's own config goes through: those of a folder, and of them the ones that can be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from monai.data import Dataset
from tqdm import tqdm

from scripts.utils.errors import InputError
from scripts.utils.folders import is_leftover, name_fault, on_any_disk, shown, twin_fault
from scripts.utils.subfolders import left_below, remedy_below

from .rasters import read_image


class FolderImages(list[str]):
    """The paths of a folder's images in order; its subfolders are not searched.

    Args:
        folder: where they lie; one that is not there has none.
        suffixes: of images, in lower case, with the dot.
        output_dir: the folder of the results, whose pictures are no images.
    """

    def __init__(self, folder: str | Path, suffixes: Sequence[str], output_dir: str | Path | None = None) -> None:
        self._folder, self._suffixes = Path(folder), tuple(suffixes)
        self._results = () if output_dir is None else (Path(output_dir),)
        paths = self._folder.iterdir() if self._folder.is_dir() else ()
        super().__init__(sorted(str(p) for p in paths if p.suffix.lower() in self._suffixes and not is_leftover(p)))

    @property
    def refusal(self) -> str:
        """What to say where there is no image: the folder, and a subfolder that holds some."""
        remedy = remedy_below(self._folder, self._suffixes, "name their folder with --image_dir", masks=False)
        return f"{self._folder}: no PNG, TIFF, JPEG or BMP images there; {remedy}."

    @property
    def left_out(self) -> str:
        """A line on images in subfolders; empty where there are none."""
        lines = left_below(self._folder, self._suffixes, "image", "--image_dir", self._results)
        return "".join(f"left out: {line}" for line in lines)


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
        self._first: dict[str, Path] = {}
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
            if (other := self._first.setdefault(on_any_disk(path.stem), path)) != path:
                raise InputError(twin_fault(path, other))
            read_image(path)
        except InputError as error:
            self.refused.append(str(error))
            return False
        return True
