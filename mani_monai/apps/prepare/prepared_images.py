"""What the preparation of a data set found and wrote."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from mani_monai.apps.prepare.conversion import ImageFacts
from mani_monai.apps.prepare.splits import Split
from mani_monai.apps.prepare.windows import WindowGrid
from mani_monai.data.readers.records import Listing

_TOLERANCE = 3  # pixels; outlines drawn by hand differ by so much


@dataclass(frozen=True)
class Preparation:
    """What was found and written.

    Attributes:
        name: the data set's.
        folder: where it lies, or would lie.
        written: whether it does.
        listing: what the reader found.
        images: what was found of every image or window that can be used.
        failures: one line for each image that cannot.
        splits: the 80/10/10 splits.
        folds: the folds by group.
        native: the data set's own partition, where it has one.
        windows: how the images were cut; None where they are whole.
        uncut: what was found of every whole image where ``images`` are windows.
    """

    name: str
    folder: Path
    written: bool
    listing: Listing
    images: tuple[ImageFacts, ...]
    failures: tuple[str, ...]
    splits: tuple[Split, ...]
    folds: tuple[Split, ...]
    native: Split | None = None
    windows: WindowGrid | None = None
    uncut: tuple[ImageFacts, ...] = ()

    @property
    def originals(self) -> tuple[ImageFacts, ...]:
        """What was found of every image as the data set has it."""
        return self.uncut or self.images

    @property
    def labelled(self) -> bool:
        return any(image.nuclei is not None for image in self.images)

    @property
    def doubts(self) -> list[str]:
        """One line for every mask that may not belong to its image."""
        measured = [(image.id, image.alignment.doubt(_TOLERANCE)) for image in self.originals if image.alignment]
        return [f"{name}: {why}" for name, why in measured if why]

    @property
    def converted(self) -> Counter[str]:
        """How often each conversion was needed, by name."""
        return sum((Counter(dict(image.notes)) for image in self.originals), Counter())

    @property
    def tissues(self) -> dict[str, str]:
        """The tissue of every image or window, "unknown" where it is; empty where no tissue is known."""
        known = any(image.tissue for image in self.images)
        return {image.id: image.tissue or "unknown" for image in self.images} if known else {}
