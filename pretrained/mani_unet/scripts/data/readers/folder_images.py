"""Images of the folder that a bundle's own config reads, and what to say of its subfolders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scripts.utils.folders import is_leftover
from scripts.utils.subfolders import left_below, remedy_below


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
